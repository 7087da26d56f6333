# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""docker-proxy switched off, as several areas need it."""

from __future__ import annotations

from tests.integration.catalogue.scenario import restart_containers, restart_with
from tests.lab.host import Host


def proxy_off_under_live_restore(host: Host) -> None:
    """The containers keep the endpoints that they have."""
    restart_with(host, userland_proxy=False)


def proxy_off_for_all(host: Host) -> None:
    """The containers have new endpoints, made for it."""
    restart_with(host, userland_proxy=False)
    restart_containers(host)
