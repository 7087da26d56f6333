# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/privileges.md says what an audit sees without root."""

from __future__ import annotations

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    LISTENERS,
    PROCESSES,
    SOURCES,
    HostSnapshot,
)

from tests.integration.snapshots import install_readers, read_host
from tests.lab.ansible_runs import ansible_module
from tests.lab.host import Host
from tests.lab.identity import ROOT
from tests.lab.scenario import Scenario, Workload

PAGE = ROOT / "docs/privileges.md"
GROUP = "group docker"
THREE = "+net_admin,+sys_ptrace,+sys_admin"
FIVE = f"{THREE},+dac_read_search,+net_raw"
# By the heads of the page's columns: whether in the group, and the capabilities.
COLUMNS = {
    GROUP: (True, ""),
    "group docker, three": (True, THREE),
    "group docker, five": (True, FIVE),
    "three alone": (False, THREE),
}
WEB = Scenario(containers=[Workload("web", publish=["8080:80"])])


def table() -> dict[str, dict[str, str]]:
    """By column, what the page says of each source."""
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in PAGE.read_text(encoding="utf-8").splitlines()
        if line.startswith("|")
    ]
    head, dummy, *body = rows
    return {column: {row[0].strip("`"): row[head.index(column)] for row in body} for column in COLUMNS}


def seen(snapshot: HostSnapshot) -> dict[str, str]:
    """The same as it is."""
    partly = {gap.source for gap in snapshot.gaps}
    partly |= {LISTENERS} if any(item.pid is None for item in snapshot.listeners) else set()
    partly |= {PROCESSES} if any(item.pss is None for item in snapshot.proxies) else set()
    return {
        name: ("in part" if name in partly else "read") if source.read else source.kind
        for name, source in snapshot.sources.items()
    }


def prefix(host: Host, column: str) -> list[str]:
    in_group, capabilities = COLUMNS[column]
    group = host.run(["stat", "-c", "%g", "/run/docker.sock"]).out.strip() if in_group else "65534"
    given = [f"--inh-caps={capabilities}", f"--ambient-caps={capabilities}"] if capabilities else []
    return ["setpriv", "--reuid=65534", f"--regid={group}", "--clear-groups", *given, "--"]


def test_the_page_names_every_source() -> None:
    for column, said in table().items():
        assert set(said) == set(SOURCES), column


def test_what_is_seen_without_root(fresh_host: Host) -> None:
    host = fresh_host
    host.deploy(WEB)
    install_readers(host)
    # Where iptables-legacy has tables, they take a capability of their own.
    host.run(["iptables-legacy", "--list", "--numeric"], check=False)
    with_root = read_host(host)
    assert set(seen(with_root).values()) == {"read"}
    for column, said in table().items():
        snapshot = read_host(host, prefix=prefix(host, column))
        assert seen(snapshot) == said, column
        assert snapshot.defects == []
        # Without root, too, it is the real one.
        assert snapshot.daemon is not None
        assert with_root.daemon is not None
        assert snapshot.daemon.pid == with_root.daemon.pid


def test_an_audit_by_a_member_of_the_group_passes_nothing_that_it_did_not_see(fresh_host: Host) -> None:
    host = fresh_host
    host.deploy(WEB)
    host.run(["useradd", "--create-home", "--groups", "docker", "auditor"])
    audit = ansible_module(
        host,
        "dockernet.baseline.docker_netcheck",
        task={"become": True, "become_method": "su", "become_user": "auditor"},
    )
    assert not audit["failed"], audit
    said = table()[GROUP]
    unread = {name for name, source in audit["sources"].items() if not source["read"]}
    assert unread == {name for name, word in said.items() if word == "denied"}
    assert all("become" in audit["sources"][name]["reason"] for name in unread)
    outcomes = {item["check"]: item["outcome"] for item in audit["findings"]}
    for check in ("firewall.egress", "firewall.publish", "firewall.isolation", "mode.capabilities", "conntrack.stale"):
        assert outcomes[check] == "unknown", check
    assert outcomes["daemon.config"] == "pass"


@pytest.mark.kinds("debian13")
def test_a_dockerd_of_which_nobody_but_root_can_tell_is_unknown(fresh_host: Host) -> None:
    """Started by no unit, with a pid file of its own: neither systemd nor the pid file speaks for it."""
    host = fresh_host
    host.run(["systemctl", "stop", "docker.service", "docker.socket"])
    start = "setsid dockerd -H unix:///run/docker.sock --pidfile=/run/by-hand.pid --group=docker >/dev/null 2>&1 &"
    host.run(["systemd-run", "--scope", "--unit=by-hand", "sh", "-c", start])
    try:
        host.wait_for(lambda: host.docker("version", check=False).rc == 0, 120, "dockerd by hand")
        install_readers(host)
        snapshot = read_host(host)
        assert snapshot.daemon is not None
        assert snapshot.was_read("engine")
        without = read_host(host, prefix=prefix(host, GROUP))
        assert without.daemon is None
        engine = without.sources["engine"]
        assert (engine.read, engine.kind) == (False, "denied"), engine
        assert "is not visible without root; run with become" in engine.reason
    finally:
        host.run(["systemctl", "stop", "by-hand.scope"], check=False)
