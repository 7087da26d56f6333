# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cases of the area forwarding."""

from __future__ import annotations

from tests.integration.advertising import UPLINK, plug_router, wait_for_advertised_route
from tests.integration.catalogue.case import Case
from tests.integration.catalogue.scenario import SYSCTLS, uses_nftables
from tests.lab.host import Host

PREFIX = "2001:db8:77::"


def front_does_not_forward(host: Host) -> None:
    host.set_sysctl("net.ipv4.conf.front0.forwarding", "0")


def next_bridges_do_not_forward(host: Host) -> None:
    host.set_sysctl("net.ipv4.conf.default.forwarding", "0")


def ipv6_is_not_forwarded(host: Host) -> None:
    host.set_sysctl("net.ipv6.conf.all.forwarding", "0")


def boot_turns_it_off(host: Host) -> None:
    host.write(SYSCTLS, host.read(SYSCTLS).replace("= 1", "= 0"))


def second_uplink(host: Host) -> None:
    """Beside eth0: ``lan1``, with a machine beyond it."""
    # The kernel takes the links of a namespace that was deleted away some time later.
    host.run("ip link delete lan1; ip netns delete lan; ip netns add lan", check=False)
    host.run("ip link add lan1 type veth peer name far0 netns lan")
    host.run("ip link set lan1 up && ip address add 198.51.100.1/24 dev lan1 && ip -n lan link set far0 up")
    host.settle_links()
    host.set_sysctl("net.ipv4.conf.lan1.rp_filter", "2")


def nothing_passes_between_uplinks(host: Host) -> None:
    """With iptables the policy of FORWARD sees to it; with nftables dockerd leaves that to people."""
    second_uplink(host)
    if uses_nftables(host):
        outer = f'{{ "eth0", "lan1", "{UPLINK}" }}'
        host.run(
            ["nft", "add table inet own; add chain inet own forward { type filter hook forward priority filter; }"]
        )
        host.run(["nft", f"add rule inet own forward iifname {outer} oifname {outer} drop"])


def open_to_all(host: Host) -> None:
    second_uplink(host)
    host.run(["iptables", "--policy", "FORWARD", "ACCEPT"])


def checks_sources_strictly(host: Host) -> None:
    host.set_sysctl("net.ipv4.conf.all.rp_filter", "0")
    host.set_sysctl("net.ipv4.conf.lan1.rp_filter", "1")


def advertised_uplink(host: Host) -> None:
    """Takes its route from advertisements, and forwards all the same."""
    plug_router(host)
    host.set_sysctl(f"net.ipv6.conf.{UPLINK}.accept_ra", "2")
    wait_for_advertised_route(host, PREFIX)


def loses_its_route(host: Host) -> None:
    """As when the network with IPv6 was made after the uplink came up."""
    plug_router(host)
    host.set_sysctl(f"net.ipv6.conf.{UPLINK}.forwarding", "0")
    wait_for_advertised_route(host, PREFIX)
    host.set_sysctl(f"net.ipv6.conf.{UPLINK}.forwarding", "1")


CASES: tuple[Case, ...] = (
    Case("forwarding.ipv4", front_does_not_forward, "front0", "kernel"),
    Case("forwarding.ipv6", ipv6_is_not_forwarded, group="pending"),
    Case("forwarding.persistent", boot_turns_it_off, group="kernel"),
    Case("forwarding.open-router", open_to_all, "", "kernel", nothing_passes_between_uplinks, "uplinks"),
    Case("forwarding.rp-filter", checks_sources_strictly, "lan1", "kernel", second_uplink, "uplinks"),
    Case("forwarding.accept-ra", loses_its_route, UPLINK, "kernel", advertised_uplink, "uplinks"),
    # Last: links that come after it would be closed as well.
    Case("forwarding.ipv4", next_bridges_do_not_forward, "default", "kernel"),
)
