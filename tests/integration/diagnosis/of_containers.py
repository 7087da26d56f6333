# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults inside a container, and of its name resolution."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.integration.diagnosis.breaking import both, inside, neighbours_forgotten
from tests.integration.diagnosis.fault import NOTHING_COMES, TIMED_OUT, UNREACHABLE, Fault
from tests.integration.diagnosis.questions import BY_NAME, EGRESS, PUBLISHED
from tests.integration.diagnosis.scene import GATEWAY, UNUSED, Scene

CLIENT_AGAIN = "ip address add 10.77.1.3/24 brd + dev eth0"
"""The second container of the network app has this address."""
RESOLVER_FILE = "/etc/resolv.conf"


@contextmanager
def resolver_of_the_container_dead(scene: Scene) -> Iterator[None]:
    """As an entrypoint leaves it that writes the file itself."""
    before = scene.host.docker("exec", "client", "cat", RESOLVER_FILE).out
    try:
        _write(scene, f"nameserver {UNUSED}\n")
        yield
    finally:
        _write(scene, before)


def _write(scene: Scene, text: str) -> None:
    scene.host.run(["docker", "exec", "--interactive", "client", "sh", "-c", f"cat > {RESOLVER_FILE}"], stdin=text)


@contextmanager
def name_server_silent(scene: Scene) -> Iterator[None]:
    """The one outside, to which Docker's resolver forwards."""
    assert scene.names is not None
    scene.names.silent = True
    try:
        yield
    finally:
        scene.names.silent = False


FAULTS = (
    Fault(
        "default route gone inside",
        "default_route_missing",
        EGRESS,
        inside("client", "ip route delete default", f"ip route add default via {GATEWAY} dev eth0"),
        seen=(UNREACHABLE,),
    ),
    Fault(
        "default route inside by a wrong gateway",
        "wrong_gateway_in_container",
        EGRESS,
        inside("client", f"ip route replace default via {UNUSED}", f"ip route replace default via {GATEWAY} dev eth0"),
        seen=NOTHING_COMES,
        long=True,
    ),
    Fault(
        "interface down inside",
        "interface_down_in_container",
        EGRESS,
        inside("client", "ip link set eth0 down", f"ip link set eth0 up; ip route add default via {GATEWAY} dev eth0"),
        seen=(UNREACHABLE,),
        long=True,
    ),
    Fault(
        "answers to ARP off inside",
        "arp_off_in_container",
        PUBLISHED,
        both(
            inside(
                "web",
                "echo 8 > /proc/sys/net/ipv4/conf/eth0/arp_ignore",
                "echo 0 > /proc/sys/net/ipv4/conf/eth0/arp_ignore",
            ),
            neighbours_forgotten,
        ),
        seen=NOTHING_COMES,
        long=True,
    ),
    Fault(
        "ARP of the interface off inside",
        "arp_off_in_container",
        PUBLISHED,
        both(inside("web", "ip link set eth0 arp off", "ip link set eth0 arp on"), neighbours_forgotten),
        seen=NOTHING_COMES,
        long=True,
    ),
    Fault(
        "rules of iptables inside",
        "rules_in_container",
        EGRESS,
        inside(
            "client",
            "iptables -A OUTPUT -p tcp --dport 80 -j DROP",
            # The table would stay with its chains.
            "nft delete table ip filter",
        ),
        seen=(TIMED_OUT,),
        long=True,
    ),
    Fault(
        "rules of nft inside",
        "rules_in_container",
        PUBLISHED,
        inside(
            "web",
            "nft 'table inet own { chain i { type filter hook input priority 0; tcp dport 80 drop; }; }'",
            "nft delete table inet own",
        ),
        long=True,
    ),
    Fault("resolver of the container dead", "resolver_dead", BY_NAME, resolver_of_the_container_dead, NOTHING_COMES),
    Fault("name server outside dead", "upstream_dns_dead", BY_NAME, name_server_silent),
    Fault(
        "address gone inside",
        "address_missing_in_container",
        EGRESS,
        inside("client", "ip address flush dev eth0", f"{CLIENT_AGAIN}; ip route add default via {GATEWAY} dev eth0"),
        seen=NOTHING_COMES,
        long=True,
    ),
    Fault(
        "black hole inside",
        "null_route_in_container",
        EGRESS,
        inside("client", "ip route add blackhole 203.0.113.0/24", "ip route delete blackhole 203.0.113.0/24"),
        seen=(UNREACHABLE,),
        long=True,
    ),
    Fault(
        "policy rule inside of who answers prohibits all",
        "null_route_in_container",
        PUBLISHED,
        inside("web", "ip rule add prohibit pref 10", "ip rule delete prohibit pref 10"),
        seen=NOTHING_COMES,
    ),
    Fault(
        "default route gone inside of who answers",
        "default_route_missing",
        PUBLISHED,
        inside("web", "ip route delete default", f"ip route add default via {GATEWAY} dev eth0"),
        long=True,
    ),
)
