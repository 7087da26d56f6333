# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cases of the area bridge."""

from __future__ import annotations

import json
from collections.abc import Callable

from tests.integration.catalogue.case import Case
from tests.integration.catalogue.proxy_off import proxy_off_under_live_restore
from tests.lab.host import Host
from tests.lab.scenario import NetworkSpec, Scenario, Workload

_MANAGED = "managed0"
_NETWORK_FILE = f"[Match]\nName={_MANAGED}\n[Network]\nAddress=10.99.0.1/24\nLinkLocalAddressing=no\n"


def bridges_pass_the_rules_by(host: Host) -> None:
    host.set_sysctl("net.bridge.bridge-nf-call-iptables", "0")


def front_routes_loopback(host: Host) -> None:
    host.set_sysctl("net.ipv4.conf.front0.route_localnet", "1")


def network_with(name: str, change: str) -> Callable[[Host], None]:
    """A step that makes a network, and has something done to its bridge, whose name it gets."""

    def step(host: Host) -> None:
        bridge = f"{name}0"
        host.deploy(Scenario([NetworkSpec(name, options={"com.docker.network.bridge.name": bridge})]))
        host.run(change.format(bridge))

    return step


def runs_networkd(host: Host) -> None:
    """It has no file for any link."""
    host.run(["systemctl", "start", "systemd-networkd.service"])
    host.wait_for(lambda: host.exists("/run/systemd/netif/links/1"), 120, "systemd-networkd to tell of its links")


def networkd_takes_a_bridge(host: Host) -> None:
    network_with("managed", "true")(host)
    host.write(f"/etc/systemd/network/50-{_MANAGED}.network", _NETWORK_FILE)
    runs_networkd(host)
    told = f"grep -q configur /run/systemd/netif/links/$(cat /sys/class/net/{_MANAGED}/ifindex)"
    host.wait_for(lambda: host.run(told, check=False).rc == 0, 120, f"systemd-networkd to manage {_MANAGED}")


def sends_large_packets(host: Host) -> None:
    jumbo = NetworkSpec("jumbo", options={"com.docker.network.driver.mtu": "9000"})
    host.deploy(Scenario([jumbo], [Workload("large", ["jumbo"])]))


def host_end_takes_little(host: Host) -> None:
    host.deploy(Scenario([NetworkSpec("tight")], [Workload("cramped", ["tight"])]))
    shown = host.container("cramped").net(["ip", "-json", "link", "show", "dev", "eth0"]).out
    peer = json.loads(shown)[0]["link_index"]
    links = json.loads(host.run(["ip", "-json", "link"]).out)
    name = next(item["ifname"] for item in links if item["ifindex"] == peer)
    host.run(["ip", "link", "set", "dev", name, "mtu", "1400"])


def container_end_takes_little(host: Host) -> None:
    host.deploy(Scenario([NetworkSpec("thin")], [Workload("starved", ["thin"])]))
    host.container("starved").net(["ip", "link", "set", "dev", "eth0", "mtu", "68"])


CASES: tuple[Case, ...] = (
    Case("bridge.netfilter", bridges_pass_the_rules_by, group="kernel"),
    Case("bridge.route-localnet", front_routes_loopback, "front0", "kernel"),
    Case("bridge.route-localnet", proxy_off_under_live_restore, "front0", "restart"),
    Case("bridge.link", network_with("gone", "ip link delete {}"), "gone", "workload"),
    Case("bridge.link", network_with("down", "ip link set {} down"), "down", "workload"),
    Case("bridge.link", network_with("bare", "ip address flush dev {}"), "bare", "workload"),
    Case("bridge.managed", networkd_takes_a_bridge, _MANAGED, "kernel", runs_networkd, "uplinks"),
    Case("bridge.mtu", sends_large_packets, "jumbo", "workload"),
    Case("bridge.mtu", host_end_takes_little, "cramped", "workload"),
    Case("bridge.mtu", container_end_takes_little, "starved", "workload"),
    Case(
        "bridge.capacity",
        sends_large_packets,
        "jumbo",
        "workload",
        options={"parameters": {"bridge.capacity": {"warn_at": 1}}},
    ),
)
