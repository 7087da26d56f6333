# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The machine outside as a neighbour that knows the way to a host's containers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.machine_lock import file_lock


@contextmanager
def sends_to(lab: Lab, host: Host, subnets: Sequence[str]) -> Iterator[None]:
    """It sends this host, and no other one, what is for these subnets: hosts of several tests have the same."""
    with file_lock(lab.identity.state / "busy" / "outside"):
        for subnet in subnets:
            lab.outside.net(["ip", "route", "replace", subnet, "via", host.address])
        try:
            yield
        finally:
            for subnet in subnets:
                lab.outside.net(["ip", "route", "delete", subnet])
