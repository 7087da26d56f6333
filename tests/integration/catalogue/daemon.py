# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cases of the area daemon."""

from __future__ import annotations

from tests.integration.catalogue.case import Case
from tests.integration.catalogue.scenario import configure
from tests.lab.breaks import DAEMON_JSON, DROP_IN
from tests.lab.host import Host

API_PORT = 2375


def proxy_written_out(host: Host) -> None:
    configure(host, userland_proxy=True)


def unknown_key(host: Host) -> None:
    host.write(DAEMON_JSON, host.read(DAEMON_JSON).replace("{", '{"userland_proxy": false,', 1))


def more_at_the_next_start(host: Host) -> None:
    """Beside docker-proxy, which the same group turns off; a label takes a reload only, an MTU a start."""
    configure(host, userland_proxy=False, mtu=1400, labels=["site=lab"])


def other_flags_at_the_next_start(host: Host) -> None:
    started_with(host, "--max-concurrent-uploads=3")
    host.run(["systemctl", "daemon-reload"])


def file_that_everybody_may_write(host: Host) -> None:
    host.run(["chmod", "0666", DAEMON_JSON])


def api_on_tcp(host: Host) -> None:
    # Said explicitly, since dockerd waits 15 seconds where it is not.
    started_with(host, f"-H tcp://127.0.0.1:{API_PORT} --tls=false")
    host.run(["systemctl", "daemon-reload"])
    host.restart_docker()


def started_with(host: Host, flags: str) -> None:
    """Give dockerd further flags for its next start."""
    start = f"/usr/sbin/dockerd -H fd:// --containerd=/run/containerd/containerd.sock {flags}"
    host.write(DROP_IN, f"[Service]\nExecStart=\nExecStart={start}\n")


def table_of_firewalld(host: Host) -> None:
    """What the ruleset shows of firewalld; its rules do not matter to those of others."""
    host.run(["nft", "add", "table", "inet", "firewalld"])


def live_restore_reloaded_away(host: Host) -> None:
    """Where "userland-proxy": false stands in the file, a reload works on every engine."""
    configure(host, userland_proxy=False, live_restore=False)
    host.run(["systemctl", "reload", "docker.service"])

    def gone() -> bool:
        return host.docker("info", "--format", "{{.LiveRestoreEnabled}}").out.strip() == "false"

    host.wait_for(gone, 120, "live-restore to be off")


def addresses_that_systemd_denies(host: Host) -> None:
    """At once, for what runs (systemctl(1), set-property)."""
    host.run(["systemctl", "set-property", "--runtime", "docker.service", "IPAddressDeny=any"])


def addresses_that_a_slice_denies(host: Host) -> None:
    """At once as well, for all services in it, and for containers whose control groups systemd makes."""
    host.run(["systemctl", "set-property", "--runtime", "system.slice", "IPAddressDeny=any"])


CASES: tuple[Case, ...] = (
    Case(
        "daemon.reload-blocked",
        proxy_written_out,
        group="file",
        kinds=("debian13", "debian13-docker28"),
        why_not_others="before 25.0 the key does no harm",
    ),
    Case("daemon.config", unknown_key, f"{DAEMON_JSON}:1:2", "file"),
    Case("daemon.pending", more_at_the_next_start, f"{DAEMON_JSON}: mtu", "pending"),
    Case("daemon.pending", more_at_the_next_start, f"{DAEMON_JSON}: labels", "pending"),
    Case("daemon.pending", other_flags_at_the_next_start, "dockerd", "pending"),
    Case("daemon.permissions", file_that_everybody_may_write, DAEMON_JSON, "pending"),
    Case("daemon.tcp", api_on_tcp, "dockerd", "restart"),
    Case(
        "daemon.advisory",
        table_of_firewalld,
        "dockerd CVE-2025-54410",
        "workload",
        kinds=("debian11", "debian12", "debian13"),
        why_not_others="28.5.2 is past the range; what it has takes a swarm, which does not go with live-restore",
    ),
    Case("daemon.address-filter", addresses_that_systemd_denies, "dockerd"),
    Case("daemon.address-filter", addresses_that_a_slice_denies, "dockerd"),
    Case("daemon.live-restore", live_restore_reloaded_away, "dockerd", "restart"),
)
