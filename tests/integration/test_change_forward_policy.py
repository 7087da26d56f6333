"""ip_forward keeps FORWARD closed on real hosts: for strangers, after a reboot too, and never for those it serves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.integration.catalogue.scenario import uses_nftables
from tests.integration.host_state import host_state
from tests.lab.ansible_runs import ansible_module
from tests.lab.breaks import DAEMON_JSON
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.scenario import NetworkSpec, Scenario, Workload
from tests.lab.vantage import PATIENCE, Vantage

MODULE = "dockernet.baseline.ip_forward"
UNIT = "/etc/systemd/system/dockernet-forward-policy.service"
PORT = 8080
SHOP = Scenario(
    [NetworkSpec("shop")], [Workload("web", ["shop"], publish=[f"{PORT}:80"], restart="unless-stopped", serve=[80])]
)
BOTH = ["ipv4", "ipv6"]


def run(host: Host, *, check: bool = False, **arguments: Any) -> dict[str, Any]:
    return ansible_module(host, MODULE, arguments, check=check, diff=True)


def policies(host: Host) -> dict[str, str]:
    lines = host.run("iptables -S FORWARD | head -n 1; ip6tables -S FORWARD | head -n 1").out.split()
    return {"ipv4": lines[2], "ipv6": lines[5]}


def open_forward(host: Host) -> None:
    """A host that routes for anyone: it forwards, and its chains accept what no rule speaks of."""
    host.set_sysctl("net.ipv6.conf.all.forwarding", "1")
    host.run("iptables -P FORWARD ACCEPT; ip6tables -P FORWARD ACCEPT")


def probed(host: Host) -> dict[str, str]:
    """Addresses of the lab's internet that only this host's tests ask for: the outside machine is everybody's."""
    place = host.host_name.place
    return {"ipv4": f"203.0.113.{place + 100}", "ipv6": f"2001:db8:ffff::{place}"}


@contextmanager
def gateway(lab: Lab, host: Host) -> Iterator[None]:
    """The outside machine uses the host as its way to the probed addresses."""
    four, six = probed(host).values()
    routes = [("-4", f"{four}/32", host.address), ("-6", f"{six}/128", host.address6)]
    for family, target, way in routes:
        lab.outside.net(["ip", family, "route", "replace", target, "via", way])
    try:
        yield
    finally:
        for family, target, dummy in routes:
            lab.outside.net(["ip", family, "route", "delete", target])


def routed(lab: Lab, host: Host) -> dict[str, bool]:
    """Whether the host forwards what the outside machine sends through it, by family."""
    targets = probed(host)
    with gateway(lab, host):
        answers = lab.outside.probe([("tcp", address, 80, PATIENCE) for address in targets.values()])
    return {family: answer.outcome == "answered" for family, answer in zip(targets, answers)}


def routes_for_others(lab: Lab, host: Host, wanted: bool) -> None:
    """Whether it does so for both families, as soon as it has its addresses after a boot."""
    host.wait_for(lambda: routed(lab, host) == dict.fromkeys(BOTH, wanted), 120, f"routing for others to be {wanted}")


def containers_work(lab: Lab, host: Host) -> None:
    web = host.container("web")
    host.wait_for(lambda: web.running and 80 in web.listening(), 120, "the server of web")
    assert web.tcp("203.0.113.9", 80) == "answered"
    assert lab.outside.tcp(host.address, PORT) == "answered"


@pytest.mark.long
def test_after_a_reboot_the_host_serves_its_containers_and_routes_for_nobody(fresh_host: Host, lab: Lab) -> None:
    host = fresh_host
    host.deploy(SHOP)
    host.break_("forwarding-not-persistent")

    # Without the policy, forwarding at boot makes a router of the host: dockerd finds it on, and closes nothing.
    assert run(host, families=BOTH, forward_policy="keep")["changed"]
    host.reboot()
    containers_work(lab, host)
    assert policies(host) == {"ipv4": "ACCEPT", "ipv6": "ACCEPT"}
    routes_for_others(lab, host, wanted=True)

    if uses_nftables(host):
        _people_close_it(host, lab)
    else:
        _the_policy_closes_it(host, lab)


def _the_policy_closes_it(host: Host, lab: Lab) -> None:
    before = host_state(host)
    predicted = run(host, check=True, families=BOTH)
    assert host_state(host) == before
    done = run(host, families=BOTH)
    assert said(done) == said(predicted)
    assert policies(host) == {"ipv4": "DROP", "ipv6": "DROP"}
    routes_for_others(lab, host, wanted=False)
    assert run(host, families=BOTH)["actions"] == []
    # The guard of the loopback comes back by the same means; without docker-proxy the bridges need it.
    host.write(DAEMON_JSON, '{"userland-proxy": false}\n')
    host.restart_docker()
    assert ansible_module(host, "dockernet.baseline.bridge_hairpin", {})["changed"]

    host.reboot()
    assert host.run("iptables -t raw -S PREROUTING").out.count("dockernet-loopback-guard") == 1
    assert policies(host) == {"ipv4": "DROP", "ipv6": "DROP"}
    assert host.sysctl("net.ipv4.ip_forward") == host.sysctl("net.ipv6.conf.all.forwarding") == "1"
    assert "ordering cycle" not in host.run("journalctl --boot --no-pager --output=cat", check=False).out
    containers_work(lab, host)
    routes_for_others(lab, host, wanted=False)

    # Taken back, it is what it was before.
    assert run(host, families=BOTH, state="absent")["changed"]
    assert policies(host) == {"ipv4": "ACCEPT", "ipv6": "ACCEPT"}
    assert "dockernet-forward" not in host.run("systemctl list-unit-files --no-legend; find /etc/systemd").out
    routes_for_others(lab, host, wanted=True)


def _people_close_it(host: Host, lab: Lab) -> None:
    """With nftables dockerd's accept does not overrule a closed FORWARD; what the module says instead does the job."""
    before = host_state(host)
    (warning,) = run(host, families=BOTH)["warnings"]
    assert host_state(host) == before
    assert policies(host) == {"ipv4": "ACCEPT", "ipv6": "ACCEPT"}

    told = warning[warning.index("nft '") :].replace("UPLINK", "eth0")
    host.run(told)
    routes_for_others(lab, host, wanted=False)
    containers_work(lab, host)


def said(result: dict[str, Any]) -> dict[str, Any]:
    """What check mode must foretell."""
    return {key: result.get(key) for key in ("actions", "diff", "disruptions", "warnings")}


@pytest.fixture
def guest(fresh_host: Host) -> Iterator[Vantage]:
    """A virtual machine as libvirt would connect it: on virbr0, with source NAT, on a host that accepts it all."""
    host = fresh_host
    open_forward(host)
    host.run(
        """set -e
        ip netns add guest
        ip link add virbr0 type bridge
        ip addr add 192.168.122.1/24 dev virbr0
        ip link add vnet0 type veth peer name eth0 netns guest
        ip link set vnet0 master virbr0 up
        ip link set virbr0 up
        ip -n guest addr add 192.168.122.2/24 dev eth0
        ip -n guest link set eth0 up
        ip -n guest route add default via 192.168.122.1
        iptables -t nat -A POSTROUTING -s 192.168.122.0/24 ! -o virbr0 -j MASQUERADE"""
    )
    host.settle_links()
    try:
        yield Vantage(f"/proc/{host.pid}/root/run/netns/guest")
    finally:
        host.run(["ip", "netns", "delete", "guest"])


def test_others_whom_the_host_forwards_for_are_not_cut_off(fresh_host: Host, guest: Vantage) -> None:
    host = fresh_host
    assert guest.tcp("203.0.113.9", 80) == "answered"
    before = host_state(host)

    refused = run(host)

    if uses_nftables(host):
        assert (refused["changed"], refused["actions"]) == (False, [])
        assert host_state(host) == before
        assert guest.tcp("203.0.113.9", 80) == "answered"
        return
    assert refused["failed"]
    assert refused["refused"]
    assert [(item["kind"], item["name"]) for item in refused["disruptions"]] == [("interface", "virbr0")]
    for word in ("vnet0", "libvirt", "on_disruption: allow", "forward_policy: keep"):
        assert word in refused["msg"], refused["msg"]
    assert host_state(host) == before

    # It was the truth: with consent, it is cut off.
    assert run(host, on_disruption="allow", persistent="enabled")["changed"]
    assert guest.tcp("203.0.113.9", 80, PATIENCE) == "timed out"
    assert run(host, state="absent")["changed"]
    assert policies(host)["ipv4"] == "ACCEPT"
    assert guest.tcp("203.0.113.9", 80) == "answered"

    # With rules of its own, as libvirt makes them, it goes on.
    host.run(
        "iptables -A FORWARD -d 192.168.122.0/24 -o virbr0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT; "
        "iptables -A FORWARD -s 192.168.122.0/24 -i virbr0 -j ACCEPT"
    )
    done = run(host)
    assert done["changed"], done
    assert any("interface virbr0 keeps working" in action for action in done["actions"]), done["actions"]
    assert policies(host)["ipv4"] == "DROP"
    assert guest.tcp("203.0.113.9", 80) == "answered"


WG0 = "/etc/wireguard/wg0.conf"
KEY = "cGxlYXNlIGRvIG5vdCB0ZWxsIGFueWJvZHkgYWJvdXQ="


def test_a_vpn_that_is_down_is_not_cut_off_unasked(fresh_host: Host) -> None:
    host = fresh_host
    if uses_nftables(host):
        pytest.skip("with nftables FORWARD is left as it is")
    open_forward(host)
    host.write(WG0, f"[Interface]\nAddress = 10.9.0.1/24\nPrivateKey = {KEY}\n", 0o600)
    link = "/etc/systemd/system/multi-user.target.wants/wg-quick@wg0.service"
    host.run(["ln", "--symbolic", "/lib/systemd/system/wg-quick@.service", link])
    before = host_state(host)

    refused = run(host)

    assert refused["refused"], refused
    assert [(item["kind"], item["name"]) for item in refused["disruptions"]] == [("interface", "wg0")]
    assert WG0 in refused["msg"]
    assert KEY not in str(refused)
    assert host_state(host) == before

    # It would have been the truth. What stands for the VPN comes up later.
    assert run(host, on_disruption="allow")["changed"]
    host.run(
        """set -e
        ip netns add road
        ip link add wg0 type veth peer name eth0 netns road
        ip addr add 10.9.0.1/24 dev wg0
        ip link set wg0 up
        ip -n road addr add 10.9.0.2/24 dev eth0
        ip -n road link set eth0 up
        ip -n road route add default via 10.9.0.1
        iptables -t nat -A POSTROUTING -s 10.9.0.0/24 -j MASQUERADE"""
    )
    host.settle_links()
    try:
        road = Vantage(f"/proc/{host.pid}/root/run/netns/road")
        assert road.tcp("203.0.113.9", 80, PATIENCE) == "timed out"
        host.run("iptables -I FORWARD -i wg0 -j ACCEPT; iptables -I FORWARD -o wg0 -j ACCEPT")
        assert road.tcp("203.0.113.9", 80) == "answered"
    finally:
        host.run(["ip", "netns", "delete", "road"])


def test_a_vpn_that_nobody_starts_is_told_and_stands_in_nobodys_way(fresh_host: Host) -> None:
    host = fresh_host
    if uses_nftables(host):
        pytest.skip("with nftables FORWARD is left as it is")
    open_forward(host)
    host.write(WG0, "[Interface]\nAddress = 10.9.0.1/24\n", 0o600)
    done = run(host)
    assert done["changed"], done
    assert any(WG0 in warning for warning in done["warnings"]), done["warnings"]
    assert policies(host)["ipv4"] == "DROP"


@pytest.mark.kinds("debian13")
def test_ufw_is_not_contradicted(fresh_host: Host) -> None:
    host = fresh_host
    host.run("apt-get install --yes --no-install-recommends ufw")
    host.run("sed -i s/ENABLED=no/ENABLED=yes/ /etc/ufw/ufw.conf")
    host.run("""sed -i 's/^DEFAULT_FORWARD_POLICY=.*/DEFAULT_FORWARD_POLICY="ACCEPT"/' /etc/default/ufw""")

    refused = run(host)
    assert refused["refused"]
    assert "DEFAULT_FORWARD_POLICY" in refused["msg"]
    assert not host.exists(UNIT)

    host.run("""sed -i 's/^DEFAULT_FORWARD_POLICY=.*/DEFAULT_FORWARD_POLICY="DROP"/' /etc/default/ufw""")
    open_forward(host)
    assert run(host)["changed"]
    host.run("ufw reload")
    assert policies(host)["ipv4"] == "DROP"
    assert run(host)["actions"] == []


@pytest.mark.kinds("debian13-docker28")
def test_firewalld_decides_itself(fresh_host: Host, lab: Lab) -> None:
    host = fresh_host
    host.run("apt-get install --yes --no-install-recommends firewalld")
    host.run(["systemctl", "start", "firewalld.service"])
    host.restart_docker()
    open_forward(host)

    done = run(host)

    assert any("firewalld decides" in warning for warning in done["warnings"]), done
    assert not host.exists(UNIT)
    assert policies(host)["ipv4"] == "ACCEPT"
    assert not routed(lab, host)["ipv4"]
