# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cases of the area forwarding."""

from __future__ import annotations

from tests.integration.catalogue.case import Case
from tests.integration.catalogue.scenario import SYSCTLS
from tests.lab.host import Host


def front_does_not_forward(host: Host) -> None:
    host.set_sysctl("net.ipv4.conf.front0.forwarding", "0")


def boot_forgets(host: Host) -> None:
    host.run(["rm", SYSCTLS])


CASES: tuple[Case, ...] = (
    Case("forwarding.ipv4", front_does_not_forward, "front0", "kernel"),
    Case("forwarding.persistent", boot_forgets, group="kernel"),
)
