# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cases of the area proxy."""

from __future__ import annotations

from tests.integration.catalogue.case import Case, as_it_is
from tests.integration.catalogue.proxy_off import proxy_off_for_all
from tests.integration.catalogue.scenario import configure
from tests.lab.host import Host


def proxy_off_at_the_next_start(host: Host) -> None:
    configure(host, userland_proxy=False)


CASES: tuple[Case, ...] = (
    Case(
        "proxy.enabled",
        as_it_is,
        "dockerd",
        "pending",
        proxy_off_for_all,
        "proxy off",
        options={"userland_proxy": "disabled"},
    ),
    Case("proxy.pending", proxy_off_at_the_next_start, "dockerd", "pending"),
    Case("proxy.memory", as_it_is, "dockerd", "pending", proxy_off_for_all, "proxy off"),
)
