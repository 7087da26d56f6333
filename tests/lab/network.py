"""The lab's closed network: a bridge in a namespace of its own, machines plugged into it, no way out.

    lan        bridge br0; no address, no rules, nothing but ports
    internet   the hosts' default route; it answers for the documentation ranges and knows no route beyond
    outside    a client on the hosts' LAN
    controller a leg in the main namespace, from which nothing is ever forwarded

The kernel's own objects are the record of what exists; every function brings one of them to its wanted state.
"""

from __future__ import annotations

import ipaddress
import json
import os
import signal
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab.identity import Identity
from tests.lab.kinds import CONTROLLER, GATEWAY, OUTSIDE, Subnet
from tests.lab.machine_lock import machine_lock
from tests.lab.proc import LabError, run

NUMBERS = range(1, 251)
INTERNET_RANGES = ("203.0.113.0/24", "198.51.100.0/24", "192.0.2.0/24")  # RFC 5737
INTERNET_RANGES6 = ("2001:db8::/32",)  # RFC 3849; the LAN's own /64 is more specific
RULE_PRIORITY = 190


@dataclass(frozen=True)
class Space:
    """A network namespace: by name, or that of a process."""

    name: str = ""
    pid: int = 0

    @property
    def argv(self) -> list[str]:
        """Words that run what follows them inside this namespace."""
        return ["nsenter", f"--net={self.path}", "--"]

    @property
    def path(self) -> str:
        return f"/run/netns/{self.name}" if self.name else f"/proc/{self.pid}/ns/net"

    @property
    def target(self) -> str:
        """How iproute2 names it."""
        return self.name or str(self.pid)

    def ip(self, *argv: str, check: bool = True) -> str:
        return run([*self.argv, "ip", *argv], check=check).out

    def batch(self, lines: Iterable[str]) -> None:
        """Several ip commands in one go."""
        run([*self.argv, "ip", "-batch", "-"], stdin="\n".join(lines) + "\n")

    def links(self) -> dict[str, dict[str, Any]]:
        return {link["ifname"]: link for link in json.loads(self.ip("-json", "link", "show") or "[]")}

    def sysctl(self, values: dict[str, str]) -> None:
        """Set sysctls, named by their paths under /proc/sys/net; one that this kernel lacks is left alone."""
        script = 'while [ $# -gt 0 ]; do [ ! -e "$1" ] || echo "$2" > "$1"; shift 2; done'
        words = [word for path, value in values.items() for word in (f"/proc/sys/net/{path}", value)]
        run([*self.argv, "sh", "-c", script, "sh", *words])


MAIN = Space(pid=os.getpid())


def ensure(identity: Identity, remembered: Sequence[int]) -> Subnet:
    """The lab's namespaces, bridge, two machines and controller leg; returns the subnet they are in.

    `remembered`: numbers this lab is known to have had, best first; one of them is kept if no other lab took it.
    """
    lan = Space(identity.thing("lan"))
    with machine_lock():
        subnet = _choose(identity, remembered)
        _ensure_namespace(lan)
        _ensure_bridge(lan)
        _ensure_leg(identity, lan, subnet)
    for machine, place in (("internet", GATEWAY), ("outside", OUTSIDE)):
        space = Space(identity.thing(machine))
        _ensure_namespace(space)
        plug(lan, f"p-{machine}", space, subnet, place)
    _ensure_internet(Space(identity.thing("internet")))
    return subnet


def plug(lan: Space, port: str, machine: Space, subnet: Subnet, place: int) -> None:
    """Give a machine an eth0 on the lab's LAN with its addresses and default routes."""
    if not _is_plugged(lan, port, machine):
        machine.ip("link", "delete", "eth0", check=False)
        lan.ip("link", "delete", port, check=False)
        eth0 = ["eth0", "address", subnet.hardware(place), "netns", machine.target]
        run(["ip", "link", "add", *eth0, "type", "veth", "peer", "name", port, "netns", lan.name])
        lan.batch([f"link set {port} master br0 up"])
    own = subnet.on_link(place)
    stale = [address for address in _addresses(machine, "eth0") if address not in own]
    machine.sysctl({"ipv6/conf/all/disable_ipv6": "0", "ipv6/conf/eth0/disable_ipv6": "0"})
    machine.batch(
        [
            "link set lo up",
            "link set eth0 up",
            *(f"address delete {address} dev eth0" for address in stale),
            f"address replace {own[0]} brd + dev eth0",
            f"address replace {own[1]} dev eth0 nodad",
        ]
    )
    if place != GATEWAY:
        machine.batch(
            [
                f"route replace 0.0.0.0/0 via {subnet.ipv4(GATEWAY)} dev eth0",
                f"route replace ::/0 via {subnet.ipv6(GATEWAY)} dev eth0",
            ]
        )


def remove(identity: Identity) -> None:
    """Remove the lab's namespaces with all that runs in them, and the controller's leg."""
    with machine_lock():
        for name, link in MAIN.links().items():
            if link.get("ifalias") == identity.tag:
                MAIN.ip("link", "delete", name, check=False)
                _remove_rules(name)
        for machine in ("internet", "outside", "lan"):
            space = Space(identity.thing(machine))
            if Path(space.path).exists():
                end_processes(space)
                run(["ip", "netns", "delete", space.name])


def end_processes(space: Space) -> None:
    """End every process that lives in a namespace of the lab."""
    for pid in run(["ip", "netns", "pids", space.name], check=False).out.split():
        try:
            os.kill(int(pid), signal.SIGKILL)
        except ProcessLookupError:
            continue


def legs() -> dict[int, str]:
    """The labs that have a leg on this machine: number to tag."""
    found = {}
    for name, link in MAIN.links().items():
        if name.startswith("dnl") and name[3:].isdigit():
            found[int(name[3:])] = str(link.get("ifalias", ""))
    return found


def _choose(identity: Identity, remembered: Sequence[int]) -> Subnet:
    taken = legs()
    for number, tag in taken.items():
        if tag == identity.tag:
            return Subnet(number)
    routed = [
        ipaddress.ip_network(route["dst"])
        for route in json.loads(MAIN.ip("-4", "-json", "route", "show", "table", "all") or "[]")
        if route.get("dst", "default") != "default"
    ]
    for number in (*remembered, *NUMBERS):
        wanted = ipaddress.ip_network(f"198.18.{number}.0/24")
        if number not in taken and not any(wanted.overlaps(network) for network in routed):
            return Subnet(number)
    raise LabError("no subnet of 198.18.0.0/16 is free: too many labs on this machine")


def _ensure_namespace(space: Space) -> None:
    path = Path(space.path)
    if path.exists():
        if run([*space.argv, "true"], check=False).rc == 0:
            return
        run(["umount", str(path)], check=False)  # a file left over, behind which no namespace is
        path.unlink()
    run(["ip", "netns", "add", space.name])
    space.batch(["link set lo up"])


def _ensure_bridge(lan: Space) -> None:
    if "br0" not in lan.links():
        lan.ip("link", "add", "br0", "type", "bridge", "mcast_snooping", "0")
        lan.sysctl({"ipv6/conf/all/disable_ipv6": "1", "ipv6/conf/default/disable_ipv6": "1"})
        lan.sysctl({f"bridge/bridge-nf-call-{table}": "0" for table in ("iptables", "ip6tables", "arptables")})
    lan.batch(["link set br0 up"])


def _ensure_leg(identity: Identity, lan: Space, subnet: Subnet) -> None:
    """The controller's interface. A rule keeps anything that comes in by it from being forwarded anywhere."""
    if not _is_plugged(lan, "p-controller", MAIN, subnet.leg):
        lan.ip("link", "delete", "p-controller", check=False)
        MAIN.ip("link", "delete", subnet.leg, check=False)
        lan.ip("link", "add", "p-controller", "type", "veth", "peer", "name", subnet.leg, "netns", MAIN.target)
        MAIN.ip("link", "set", subnet.leg, "alias", identity.tag, "address", subnet.hardware(CONTROLLER))
        lan.batch(["link set p-controller master br0 up"])
    MAIN.sysctl({f"ipv6/conf/{subnet.leg}/disable_ipv6": "0", f"ipv4/conf/{subnet.leg}/forwarding": "0"})
    MAIN.batch(
        [
            f"link set {subnet.leg} up",
            f"address replace {subnet.on_link(CONTROLLER)[0]} brd + dev {subnet.leg}",
            f"address replace {subnet.on_link(CONTROLLER)[1]} dev {subnet.leg} nodad",
        ]
    )
    for family in ("-4", "-6"):
        rules = json.loads(MAIN.ip(family, "-json", "rule", "show") or "[]")
        if not any(rule.get("iif") == subnet.leg and rule.get("action") == "blackhole" for rule in rules):
            MAIN.ip(family, "rule", "add", "priority", str(RULE_PRIORITY), "iif", subnet.leg, "type", "blackhole")


def _remove_rules(leg: str) -> None:
    for family in ("-4", "-6"):
        MAIN.ip(family, "rule", "delete", "priority", str(RULE_PRIORITY), "iif", leg, check=False)


def _ensure_internet(space: Space) -> None:
    """It forwards between machines of the LAN that tests give it routes to, and knows no other way."""
    space.sysctl({"ipv4/ip_forward": "1", "ipv6/conf/all/forwarding": "1"})
    space.batch(f"route replace local {network} dev lo table main" for network in (*INTERNET_RANGES, *INTERNET_RANGES6))


def _is_plugged(lan: Space, port: str, machine: Space, interface: str = "eth0") -> bool:
    """Whether the machine's interface and the bridge's port are the two ends of one pair."""
    near, far = machine.links().get(interface), lan.links().get(port)
    return bool(
        near
        and far
        and far.get("master") == "br0"
        and near.get("link_index") == far["ifindex"]
        and far.get("link_index") == near["ifindex"]
    )


def _addresses(machine: Space, interface: str) -> list[str]:
    listed = json.loads(machine.ip("-json", "address", "show", "dev", interface) or "[]")
    found = [info for link in listed for info in link.get("addr_info", ())]
    return [f"{info['local']}/{info['prefixlen']}" for info in found if info.get("scope") == "global"]
