# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cases of the area daemon."""

from __future__ import annotations

from tests.integration.catalogue.case import Case
from tests.integration.catalogue.scenario import configure
from tests.lab.breaks import DAEMON_JSON
from tests.lab.host import Host


def proxy_written_out(host: Host) -> None:
    configure(host, userland_proxy=True)


def unknown_key(host: Host) -> None:
    host.write(DAEMON_JSON, host.read(DAEMON_JSON).replace("{", '{"userland_proxy": false,', 1))


def live_restore_reloaded_away(host: Host) -> None:
    """Where "userland-proxy": false stands in the file, a reload works on every engine."""
    configure(host, userland_proxy=False, live_restore=False)
    host.run(["systemctl", "reload", "docker.service"])

    def gone() -> bool:
        return host.docker("info", "--format", "{{.LiveRestoreEnabled}}").out.strip() == "false"

    host.wait_for(gone, 15, "live-restore to be off")


CASES: tuple[Case, ...] = (
    Case(
        "daemon.reload-blocked",
        proxy_written_out,
        group="file",
        kinds=("debian13", "debian13-docker28"),
        why_not_others="before 25.0 the key does no harm",
    ),
    Case("daemon.config", unknown_key, f"{DAEMON_JSON}:1:2", "file"),
    Case("daemon.live-restore", live_restore_reloaded_away, "dockerd", "restart"),
)
