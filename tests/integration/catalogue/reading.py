# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts made for reading: each is made and read once, however many tests ask for it."""

from __future__ import annotations

from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot

from tests.integration.catalogue.case import Step
from tests.integration.snapshots import install_readers, read_host
from tests.lab.host import Host

NOBODY = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups")

# By host and name, as root and as nobody see it.
_READ: dict[tuple[str, str], tuple[HostSnapshot, HostSnapshot]] = {}


def read(host: Host, name: str, *steps: Step) -> HostSnapshot:
    """What a fresh host shows after the steps, each taken once; the same name means the same steps."""
    return _read(host, name, steps)[0]


def read_as_nobody(host: Host, name: str, *steps: Step) -> HostSnapshot:
    """What it shows to a user without rights."""
    return _read(host, name, steps)[1]


def _read(host: Host, name: str, steps: tuple[Step, ...]) -> tuple[HostSnapshot, HostSnapshot]:
    key = (host.name, name)
    if key not in _READ:
        host.reset()
        install_readers(host)
        for step in dict.fromkeys(steps):
            step(host)
        _READ[key] = read_host(host), read_host(host, prefix=NOBODY)
    return _READ[key]
