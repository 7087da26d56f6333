"""A router between a client, a server and two machines on a bridge, in network namespaces that end with this process.

    client 10.1.1.2-4 --- cli0 \
                                 router -- br0 10.4.4.1, ports one0 and two0 -- one 10.4.4.2, two 10.4.4.3-4
    server 10.2.2.2-4 --- srv0 /

Each network N has fd00:N::/64 beside 10.N.N.0/24. Client and server are machines outside as the evaluator takes them to
be: what they send first goes to the router whatever it asks for (it has a mark for that), but they do not know the
network behind the bridge when they answer. Neighbours are known beforehand: a rule against ICMPv6 shall not stop the
resolution of an address.

This process lives in the router's namespace, so that the readers see the router when they are called, and makes sockets
in the others by a hop into them (setns(2)).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address

from tests.lab.proc import run, wait_for

ROUTER, CLIENT, SERVER, ONE, TWO = "router", "client", "server", "one", "two"

_libc = ctypes.CDLL(None, use_errno=True)
_NEW_NETWORK = 0x40000000  # CLONE_NEWNET
_RTF_LOCAL = 0x80000000  # linux/ipv6_route.h
SETTLED_SECONDS = 120.0

# Longer than any batch of probes; resolution is not what is tested.
_NEIGHBOUR = "nud permanent"


@dataclass(frozen=True)
class Leg:
    """A machine's only interface, and the router's end of it."""

    machine: str
    device: str
    network: int
    hosts: tuple[int, ...]
    bridged: bool = False

    @property
    def addresses(self) -> dict[int, list[str]]:
        """Its addresses by family."""
        return {family: [address(family, self.network, host) for host in self.hosts] for family in (4, 6)}

    @property
    def mac(self) -> str:
        return f"02:00:00:00:{self.network:02x}:{self.hosts[0]:02x}"

    @property
    def router_mac(self) -> str:
        """Of the device that has the router's address on this network."""
        return f"02:00:00:00:{self.network:02x}:01"


LEGS = (
    Leg(CLIENT, "cli0", 1, (2, 3, 4)),
    Leg(SERVER, "srv0", 2, (2, 3, 4)),
    Leg(ONE, "one0", 4, (2,), bridged=True),
    Leg(TWO, "two0", 4, (3, 4), bridged=True),
)
OUTSIDE = tuple(leg.machine for leg in LEGS if not leg.bridged)
BRIDGE = "br0"
FIRST_MARK = 0x77
"""Mark of what client and server send unasked."""
_FIRST_TABLE = 200


def address(family: int, network: int, host: int) -> str:
    """The address of a host on one of the networks, without prefix length."""
    return f"10.{network}.{network}.{host}" if family == 4 else f"fd00:{network}::{host:x}"


ROUTER_ADDRESSES = {family: [address(family, network, 1) for network in (1, 2, 4)] for family in (4, 6)}

LOOPBACK = {4: "127.0.0.1", 6: "::1"}

_EVERYWHERE = {
    # No kind of error is counted: icmp_msgs_burst lets 50 at once through, whatever the rate (icmpv4_global_allow()).
    "net.ipv4.icmp_ratemask": "0",
    "net.ipv6.icmp.ratemask": "127",
    "net.ipv4.ping_group_range": "0 2147483647",
    "net.ipv4.conf.all.rp_filter": "0",
    "net.ipv4.conf.default.rp_filter": "0",
    "net.ipv6.conf.all.accept_dad": "0",
    "net.ipv6.conf.default.accept_dad": "0",
    "net.ipv6.conf.all.disable_ipv6": "0",
    "net.ipv6.conf.default.disable_ipv6": "0",
    "net.ipv4.tcp_syn_retries": "1",
}
ROUTER_SYSCTLS = {
    "net.ipv4.ip_forward": "1",
    "net.ipv6.conf.all.forwarding": "1",
    "net.bridge.bridge-nf-call-iptables": "1",
    "net.bridge.bridge-nf-call-ip6tables": "1",
    "net.ipv4.conf.all.route_localnet": "0",
}


class RulesLab:
    """The five namespaces. The process that makes it stays in the router's until the lab is closed."""

    def __init__(self) -> None:
        self._home = _own_namespace()
        self._spaces: dict[str, int] = {}
        self._keepers: list[subprocess.Popen[bytes]] = []
        self.pids: dict[str, int] = {}
        """A process in each namespace but the router's, as a container has one."""
        for name in (ROUTER, *(leg.machine for leg in LEGS)):
            _check(_libc.unshare(_NEW_NETWORK))
            self._spaces[name] = _own_namespace()
        for name in self._spaces:
            with self.inside(name):
                for key, value in _EVERYWHERE.items():
                    set_sysctl(key, value)
                run(["ip", "link", "set", "lo", "up"])
                if name != ROUTER:
                    # It ends with its input, that is with this process, however that ends.
                    keeper = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
                    self._keepers.append(keeper)
                    self.pids[name] = keeper.pid
        _enter(self._spaces[ROUTER])
        self._plug()

    def close(self) -> None:
        """Leave the router; nothing else holds the namespaces."""
        for keeper in self._keepers:
            keeper.communicate()
        _enter(self._home)
        for descriptor in (*self._spaces.values(), self._home):
            os.close(descriptor)

    @contextlib.contextmanager
    def inside(self, name: str) -> Iterator[None]:
        """For a moment in another namespace: sockets and programs made meanwhile are in there."""
        back = _own_namespace()
        _enter(self._spaces[name])
        try:
            yield
        finally:
            _enter(back)
            os.close(back)

    def _plug(self) -> None:
        commands = [f"link add {BRIDGE} address {LEGS[-1].router_mac} type bridge", f"link set {BRIDGE} up"]
        commands += _addresses(BRIDGE, LEGS[-1].network, (1,))
        for leg in LEGS:
            space = f"/proc/{os.getpid()}/fd/{self._spaces[leg.machine]}"
            commands.append(f"link add {leg.device} type veth peer name eth0 address {leg.mac} netns {space}")
            if leg.bridged:
                commands.append(f"link set {leg.device} master {BRIDGE} up")
            else:
                commands.append(f"link set {leg.device} address {leg.router_mac} up")
                commands += _addresses(leg.device, leg.network, (1,))
        _ip(commands)
        _ip(
            f"neigh replace {host} lladdr {leg.mac} dev {BRIDGE if leg.bridged else leg.device} {_NEIGHBOUR}"
            for leg in LEGS
            for hosts in leg.addresses.values()
            for host in hosts
        )
        for key, value in ROUTER_SYSCTLS.items():
            set_sysctl(key, value)
        for leg in LEGS:
            with self.inside(leg.machine):
                _ip(_commands_of(leg))
        self._await_addresses(ROUTER, ROUTER_ADDRESSES[6])
        for leg in LEGS:
            self._await_addresses(leg.machine, leg.addresses[6])

    def _await_addresses(self, name: str, addresses: list[str]) -> None:
        """The kernel makes the local route of an IPv6 address later, in a work queue (addrconf_dad_work())."""
        wanted = {ip_address(text).packed.hex() for text in addresses}
        with self.inside(name):
            wait_for(lambda: wanted <= _local_routes(), SETTLED_SECONDS, f"the addresses of {name}")


def _local_routes() -> set[str]:
    """The IPv6 addresses that the namespace of this thread takes for its own, in hexadecimal digits."""
    with open("/proc/thread-self/net/ipv6_route", encoding="ascii") as file:
        entries = [line.split() for line in file]
    return {entry[0] for entry in entries if entry[1] == "80" and int(entry[8], 16) & _RTF_LOCAL}


def _commands_of(leg: Leg) -> list[str]:
    """What a machine has: its addresses, ways to the router, its neighbours."""
    commands = ["link set eth0 up", *_addresses("eth0", leg.network, leg.hosts)]
    for family in (4, 6):
        gateway = address(family, leg.network, 1)
        commands.append(f"neigh replace {gateway} lladdr {leg.router_mac} dev eth0 {_NEIGHBOUR}")
        commands += [
            f"neigh replace {host} lladdr {other.mac} dev eth0 {_NEIGHBOUR}"
            for other in LEGS
            if other.network == leg.network and other is not leg
            for host in other.addresses[family]
        ]
        commands += [f"-{family} {command} via {gateway}" for command in _routes(leg, family)]
        if not leg.bridged:
            commands.append(f"-{family} rule add fwmark {FIRST_MARK} lookup {_FIRST_TABLE}")
    return commands


def _routes(leg: Leg, family: int) -> list[str]:
    if leg.bridged:
        return ["route add default"]
    length = 24 if family == 4 else 64
    other = next(one.network for one in LEGS if not one.bridged and one is not leg)
    return [
        f"route add {address(family, other, 0)}/{length}",
        f"route add {address(family, LEGS[-1].network, 1)}",
        f"route add default table {_FIRST_TABLE}",
    ]


def _addresses(device: str, network: int, hosts: tuple[int, ...]) -> list[str]:
    lengths = {4: "24", 6: "64"}
    return [
        f"address add {address(family, network, host)}/{length} dev {device}{' nodad' if family == 6 else ''}"
        for family, length in lengths.items()
        for host in hosts
    ]


def _ip(commands: Iterator[str] | list[str]) -> None:
    # "-4 route" is no command of a batch; the family goes to the front of the program's own arguments.
    by_family: dict[str, list[str]] = {"": [], "-4": [], "-6": []}
    for command in commands:
        family, dummy, rest = command.partition(" ")
        own = family in by_family
        by_family[family if own else ""].append(rest if own else command)
    for family, lines in by_family.items():
        if lines:
            run(["ip", *filter(None, [family]), "-batch", "-"], stdin="\n".join(lines) + "\n")


def set_sysctl(key: str, value: str) -> None:
    """Write a value of the namespace that this thread is in; a key that this kernel has not is left out."""
    path = "/proc/sys/" + key.replace(".", "/")
    if os.path.exists(path):
        with open(path, "w", encoding="ascii") as file:
            file.write(value)


def _enter(space: int) -> None:
    _check(_libc.setns(space, _NEW_NETWORK))


def _check(status: int) -> None:
    if status != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _own_namespace() -> int:
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
