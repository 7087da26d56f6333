# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cases of the area hairpin."""

from __future__ import annotations

from tests.integration.catalogue.case import Case
from tests.integration.catalogue.proxy_off import proxy_off_for_all, proxy_off_under_live_restore
from tests.lab.host import Host


def ports_of_front_hairpin(host: Host) -> None:
    host.run('for port in /sys/class/net/front0/brif/*; do echo 1 > "$port/hairpin_mode"; done')


CASES: tuple[Case, ...] = (
    Case("hairpin.missing", proxy_off_under_live_restore, "web", "restart", proxy_off_for_all, "proxy off"),
    Case("hairpin.stale", ports_of_front_hairpin, group="kernel"),
)
