# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts made for reading: each is made and read once, however many tests ask for it."""

from __future__ import annotations

from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot

from tests.integration.catalogue.case import Case, Step
from tests.integration.catalogue.scenario import make_healthy
from tests.integration.snapshots import install_readers, read_host
from tests.lab.host import Host

NOBODY = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups")

_READ: dict[tuple[str, tuple[Step, ...]], HostSnapshot] = {}
_READ_BY_NOBODY: dict[str, HostSnapshot] = {}


def read(host: Host, *steps: Step) -> HostSnapshot:
    """What a fresh host shows after the steps, each taken once; it is made and read once for the same steps."""
    key = (host.name, tuple(dict.fromkeys(steps)))
    if key not in _READ:
        host.reset()
        install_readers(host)
        for step in key[1]:
            step(host)
        _READ[key] = read_host(host)
    return _READ[key]


def read_healthy(host: Host) -> HostSnapshot:
    """What the healthy host shows."""
    return read(host, make_healthy, _read_by_nobody)


def read_healthy_as_nobody(host: Host) -> HostSnapshot:
    """What it shows to a user without rights."""
    read_healthy(host)
    return _READ_BY_NOBODY[host.name]


def read_broken(host: Host, cases: list[Case]) -> HostSnapshot:
    """What the healthy host shows after the breaks of the cases of a group."""
    return read(host, make_healthy, *(case.break_ for case in cases))


def read_made_healthy(host: Host, cases: list[Case]) -> HostSnapshot:
    """What the host shows that the cases of a group are healthy on."""
    return read(host, make_healthy, *(case.healthy for case in cases if case.healthy is not None))


def _read_by_nobody(host: Host) -> None:
    _READ_BY_NOBODY[host.name] = read_host(host, prefix=NOBODY)
