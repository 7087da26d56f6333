"""Units that set rules and policies at boot, on hosts whose own rules come late, or whose iptables is switched."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.catalogue.scenario import uses_nftables
from tests.lab.ansible_runs import ansible_module
from tests.lab.breaks import DAEMON_JSON
from tests.lab.host import Host

POLICY = "dockernet-forward-policy.service"
GUARD = "dockernet-loopback-guard.service"
UNITS = "/etc/systemd/system"
# The whole unit, since a drop-in cannot take Before=network-pre.target away.
LATE = """\
[Unit]
Description=Rules that name interfaces of the VPN
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/sbin/nft -f /etc/nftables.conf

[Install]
WantedBy=multi-user.target
"""
# What brings the network up on a host: it makes network.target, and so the whole order, part of the boot.
NETWORK = """\
[Unit]
DefaultDependencies=no
Wants=network.target
After=network-pre.target
Before=network.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/true

[Install]
WantedBy=multi-user.target network-online.target
"""
RULES = """\
flush ruleset
table inet own {
    chain input {
        type filter hook input priority filter
        tcp dport 9 drop
    }
}
"""
# As it was written while every loader was taken for one that comes before the network.
FORMER = """\
# Written by the Ansible collection dockernet.baseline.
# Policy of FORWARD before: ipv4 ACCEPT
[Unit]
Description=Keep the chain FORWARD closed for whatever no rule accepts
DefaultDependencies=no
Wants=network-pre.target
After=local-fs.target systemd-modules-load.service nftables.service netfilter-persistent.service
Before=network-pre.target docker.service

[Service]
Type=oneshot
ExecStart=/usr/sbin/iptables -w 60 -P FORWARD DROP

[Install]
WantedBy=multi-user.target
"""


def with_network(host: Host) -> None:
    host.write(f"{UNITS}/site-network.service", NETWORK)
    host.run("systemctl daemon-reload && systemctl enable site-network.service")


def keep_closed(host: Host) -> dict[str, Any]:
    """Forwarding and a closed FORWARD for the next boot, and, without docker-proxy, the guard of the loopback."""
    done = ansible_module(host, "dockernet.baseline.ip_forward", {"persistent": "enabled"}, diff=True)
    assert not done["failed"], done
    host.write(DAEMON_JSON, '{"userland-proxy": false}\n')
    host.restart_docker()
    guarded = ansible_module(host, "dockernet.baseline.bridge_hairpin", {})
    assert not guarded["failed"], guarded
    return done


def in_force(host: Host) -> None:
    """Closed and guarded in the tables of the iptables that dockerd uses, by units that had nothing to complain of."""
    assert host.run("iptables -S FORWARD").out.startswith("-P FORWARD DROP")
    assert host.run("iptables -t raw -S PREROUTING").out.count("dockernet-loopback-guard") == 1
    assert host.sysctl("net.ipv4.ip_forward") == "1"
    assert "DOCKER" in host.run("iptables -S").out
    for unit in (POLICY, GUARD):
        assert host.run(["systemctl", "show", "--property=Result", unit]).out.strip() == "Result=success"
        verified = host.run(["systemd-analyze", "verify", f"{UNITS}/{unit}"], check=False)
        assert (verified.rc, unit in verified.out + verified.err) == (0, False), verified


def boot_without_a_cycle(host: Host) -> None:
    """The first messages of a boot are lost in a container; systemd-analyze puts the same jobs in order again."""
    verified = host.run(["systemd-analyze", "verify", "default.target"], check=False)
    assert "ordering cycle" not in verified.out + verified.err, verified
    host.reboot()
    assert "ordering cycle" not in host.run("journalctl --boot --no-pager --output=cat", check=False).out
    reached = ["systemctl", "is-active", "network-pre.target", "network-online.target", "multi-user.target"]
    host.wait_for(lambda: host.run(reached, check=False).rc == 0, 120, "the targets of the boot")


@pytest.mark.long
def test_an_operators_rules_that_come_after_the_network_and_ours_are_both_in_force(fresh_host: Host) -> None:
    host = fresh_host
    if uses_nftables(host):
        pytest.skip("with nftables FORWARD is left as it is")
    with_network(host)
    host.write(f"{UNITS}/nftables.service", LATE)
    host.write("/etc/nftables.conf", RULES)
    host.run("systemctl daemon-reload && systemctl enable nftables.service")
    host.run(["iptables", "--policy", "FORWARD", "ACCEPT"])
    # One of an earlier release is there already.
    host.write(f"{UNITS}/{POLICY}", FORMER)
    host.run(["systemctl", "enable", POLICY])
    assert "ordering cycle" in host.run("systemd-analyze verify default.target 2>&1", check=False).out

    done = keep_closed(host)

    assert done["changed"]
    assert any("nftables.service loads rules" in warning for warning in done["warnings"]), done["warnings"]
    text = host.read(f"{UNITS}/{POLICY}")
    assert "network-pre.target" not in text
    assert "Policy of FORWARD before: ipv4 ACCEPT" in text
    again = ansible_module(host, "dockernet.baseline.ip_forward", {"persistent": "enabled"})
    assert again["actions"] == []

    boot_without_a_cycle(host)
    assert host.run(["systemctl", "is-active", "nftables.service"]).out.strip() == "active"
    assert "tcp dport 9 drop" in host.run("nft list table inet own").out.replace("dport discard", "dport 9")
    in_force(host)


@pytest.mark.long
def test_after_a_switch_of_iptables_the_units_write_where_dockerd_does(fresh_host: Host) -> None:
    host = fresh_host
    if uses_nftables(host):
        pytest.skip("with nftables FORWARD is left as it is")
    with_network(host)
    host.run(["iptables", "--policy", "FORWARD", "ACCEPT"])
    keep_closed(host)
    assert "\nBefore=network-pre.target docker.service shutdown.target\n" in host.read(f"{UNITS}/{POLICY}")

    for program in ("iptables", "ip6tables"):
        host.run(["update-alternatives", "--set", program, f"/usr/sbin/{program}-legacy"])
    boot_without_a_cycle(host)

    assert "legacy" in host.run("iptables --version").out
    in_force(host)
    again = ansible_module(host, "dockernet.baseline.ip_forward", {"persistent": "enabled"})
    assert again["actions"] == []
