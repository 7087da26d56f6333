"""What the readers say of a network namespace is what was set up in it, and what ip(8) says of it."""

from __future__ import annotations

import os
import sys

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import from_plain
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import (
    BridgeSetting,
    ContainerNamespace,
    Link,
    Listener,
    PolicyRule,
    Route,
)

from tests.integration.inside import inside
from tests.lab.identity import ROOT
from tests.lab.proc import run

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="requires root")
LINKS = """
link set lo up
link add br0 type bridge nf_call_iptables 1
link add br1 type bridge nf_call_ip6tables 1
link add one type veth peer name one-c
link add two type veth peer name two-c
link add three type veth peer name three-c
link set one master br0 up
link set two master br1 up
link set one type bridge_slave hairpin on
link set two type bridge_slave isolated on
link add br2 type bridge
link add four type veth peer name four-c
link set four-c up
link set four master br2 up
link set four type bridge_slave learning off flood off mcast_flood off bcast_flood off proxy_arp on
link set br2 up
link set four type bridge_slave state 1
link set three address 02:00:00:00:00:03
address add 10.1.0.1/24 dev br0
address add 10.2.0.1 peer 10.2.0.2 dev three
address add 2001:db8::1/64 dev br1 nodad
"""


def test_links() -> None:
    told = inside(LINKS, "print(json.dumps([to_plain(links.read_links()), json.loads(ip('-json -details address'))]))")
    found = {link.name: link for link in (from_plain(Link, item) for item in told[0])}
    shown = {item["ifname"]: item for item in told[1]}
    assert set(found) == set(shown)
    for name, link in found.items():
        wanted = shown[name]
        assert (link.index, link.mtu, link.mac) == (wanted["ifindex"], wanted["mtu"], wanted.get("address", ""))
        assert (link.operstate, link.up) == (wanted["operstate"], "UP" in wanted["flags"])
        assert link.kind == wanted.get("linkinfo", {}).get("info_kind", "")
        own = {f"{item['local']}/{item['prefixlen']}" for item in wanted["addr_info"]}
        assert set(link.addresses) == own
    ports = {name: (found[name].hairpin, found[name].isolated) for name in ("one", "two", "three")}
    assert ports == {"one": (True, False), "two": (False, True), "three": (None, None)}
    calls = {name: (found[name].calls_iptables, found[name].calls_ip6tables) for name in ("br0", "br1", "three")}
    assert calls == {"br0": (True, False), "br1": (False, True), "three": (None, None)}
    switches = ["learning off", "flood off", "proxy_arp on", "mcast_flood off", "bcast_flood off"]
    assert [str(item) for item in found["four"].settings] == ["state listening", *switches]
    # Its bridge is down.
    assert found["two"].settings == [BridgeSetting("state", "disabled")]
    assert (found["three"].settings, found["br0"].settings) == ([], [])
    assert (found["one"].master, found["one"].peer_index) == (found["br0"].index, found["one-c"].index)


FORWARDING = """
link add br0 type bridge
link add one type veth peer name one-c
link set one master br0
"""


def test_forwarding_databases_of_bridges() -> None:
    """The entries of the kernel's own are left out."""
    program = """
made = ["02:00:00:00:00:01 dev one master static", "02:00:00:00:00:02 dev one master static sticky"]
made += ["02:00:00:00:00:03 dev one master permanent", "02:00:00:00:00:04 dev br0 self permanent"]
for words in made:
    subprocess.run(["bridge", "fdb", "add", *words.split()], check=True)
print(json.dumps({link.name: [mac[-2:] for mac in link.forwarding_entries] for link in links.read_links()}))
"""
    found = inside(FORWARDING, program)
    assert sorted(found.pop("one")) == ["01", "02", "03"]
    assert found.pop("br0") == ["04"]
    assert set(map(tuple, found.values())) == {()}


ROUTES = """
link set lo up
link add wan type veth peer name other
link set wan up
link set other up
link add lan type veth peer name far
link set lan up
address add 192.0.2.1/24 dev wan
address add 198.51.100.1/24 dev lan
address add 2001:db8::1/64 dev wan nodad
route add 10.1.0.0/16 via 192.0.2.9 src 192.0.2.1 metric 7 proto static
route add 10.1.0.0/16 via 192.0.2.8 metric 9
route add blackhole 10.2.0.0/16 metric 3
route add unreachable 10.3.0.0/16
route add prohibit 10.4.0.0/16
route add throw 10.5.0.0/16 table 4711
route add 10.6.0.0/16 table 4711 nexthop via 192.0.2.9 nexthop via 192.0.2.8
route add 10.7.0.0/16 via inet6 2001:db8::7 dev wan
nexthop add id 5 via 192.0.2.9 dev wan
route add 10.8.0.0/16 nhid 5
route add 2001:db8:1::/48 via 2001:db8::9 metric 77
route add 2001:db8:2::/48 nexthop via 2001:db8::8 nexthop via 2001:db8::9
route add unreachable 2001:db8:3::/48
"""


def test_routes() -> None:
    told = inside(
        ROUTES,
        """
before = routes.read_routes()
for name in ("all", "lan"):
    with open(f"/proc/sys/net/ipv4/conf/{name}/ignore_routes_with_linkdown", "w") as file:
        file.write("1")
wan = next(link.index for link in links.read_links() if link.name == "wan")
print(json.dumps([to_plain(before), to_plain(routes.read_routes()), wan]))
""",
    )
    before, after = ([from_plain(Route, item) for item in part] for part in told[:2])
    wan = told[2]
    found = {(route.destination, route.metric): route for route in before}
    assert found["10.1.0.0/16", 7] == Route("10.1.0.0/16", 254, "unicast", ["192.0.2.9"], [wan], 4, "192.0.2.1", 7)
    assert found["10.1.0.0/16", 9].gateways == ["192.0.2.8"]
    kinds = {
        f"10.{n}.0.0/16": kind for n, kind in ((2, "blackhole"), (3, "unreachable"), (4, "prohibit"), (5, "throw"))
    }
    assert {item.destination: item.kind for item in before if item.destination in kinds} == kinds
    assert (found["10.6.0.0/16", 0].table, found["10.6.0.0/16", 0].gateways) == (4711, ["192.0.2.9", "192.0.2.8"])
    assert (found["10.7.0.0/16", 0].gateways, found["10.8.0.0/16", 0].gateways) == (["2001:db8::7"], ["192.0.2.9"])
    assert found["2001:db8:1::/48", 77].gateways == ["2001:db8::9"]
    assert set(found["2001:db8:2::/48", 1024].gateways) == {"2001:db8::8", "2001:db8::9"}
    assert found["2001:db8:3::/48", 1024].kind == "unreachable"
    assert found["198.51.100.0/24", 0].usable
    assert [item.usable for item in after if item.destination == "198.51.100.0/24"] == [False]
    assert found["192.0.2.0/24", 0].source == "192.0.2.1"


RULES = """
link set lo up
rule add priority 100 from 10.0.0.0/8 to 192.0.2.1 iif lo table 4711
rule add priority 101 fwmark 0x10/0xf0 oif wan lookup 254
rule add priority 102 fwmark 5 goto 32766
rule add priority 103 not from 10.0.0.1 blackhole
rule add priority 104 ipproto tcp dport 80-90 sport 1000 prohibit
rule add priority 105 table 254 suppress_prefixlength 0
rule add priority 106 uidrange 0-10 tos 0x10 unreachable
rule add priority 107 nop
rule add priority 108 table 254 suppress_ifgroup 3
-6 rule add priority 100 from 2001:db8::/32 table 99
"""


def test_policy_rules() -> None:
    told = inside(RULES, "print(json.dumps(to_plain(routes.read_policy_rules())))")
    assert [from_plain(PolicyRule, item) for item in told] == [
        PolicyRule(0, 4, table=255),
        PolicyRule(100, 4, table=4711, source="10.0.0.0/8", destination="192.0.2.1/32", incoming="lo"),
        PolicyRule(101, 4, table=254, mark=0x10, mask=0xF0, outgoing="wan"),
        PolicyRule(102, 4, "goto", goto=32766, mark=5, mask=0xFFFFFFFF),
        PolicyRule(103, 4, "blackhole", inverted=True, source="10.0.0.1/32"),
        PolicyRule(104, 4, "prohibit", protocol=6, source_ports=[1000, 1000], destination_ports=[80, 90]),
        PolicyRule(105, 4, table=254, suppress_prefix_length=0),
        PolicyRule(106, 4, "unreachable", other=["tos 0x10", "uidrange"]),
        PolicyRule(107, 4, "nop"),
        PolicyRule(108, 4, table=254, other=["suppress_ifgroup"]),
        PolicyRule(32766, 4, table=254),
        PolicyRule(32767, 4, table=253),
        PolicyRule(0, 6, table=255),
        PolicyRule(100, 6, table=99, source="2001:db8::/32"),
        PolicyRule(32766, 6, table=254),
    ]


SOCKETS = """
def bound(family, kind, address, port, *options):
    made = socket.socket(family, kind)
    for option in options:
        made.setsockopt(*option)
    made.bind((address, port))
    if kind == socket.SOCK_STREAM:
        made.listen()
    return made

V4, V6, TCP, UDP = socket.AF_INET, socket.AF_INET6, socket.SOCK_STREAM, socket.SOCK_DGRAM
ONLY = (socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
BOTH = (socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
HERE = (socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo")
kept = [
    bound(V4, TCP, "0.0.0.0", 80),
    bound(V4, TCP, "127.0.0.1", 81, HERE),
    bound(V6, TCP, "::", 82, ONLY),
    bound(V6, TCP, "::", 83, BOTH),
    bound(V6, TCP, "::ffff:127.0.0.1", 84, BOTH),
    bound(V4, UDP, "127.0.0.1", 53),
    bound(V6, UDP, "::1", 54, ONLY),
]
connected = bound(V4, UDP, "127.0.0.1", 55)
connected.connect(("127.0.0.1", 53))
unheard = socket.socket(V4, TCP)
unheard.bind(("127.0.0.1", 85))
"""


def listeners(pid: int | None, owner: str) -> list[Listener]:
    return [
        Listener("tcp", "0.0.0.0", 80, owner=owner, pid=pid),  # noqa: S104
        Listener("tcp", "127.0.0.1", 81, device="lo", owner=owner, pid=pid),
        Listener("tcp", "::", 82, only_ipv6=True, owner=owner, pid=pid),
        Listener("tcp", "::", 83, owner=owner, pid=pid),
        Listener("tcp", "127.0.0.1", 84, owner=owner, pid=pid),
        Listener("udp", "127.0.0.1", 53, owner=owner, pid=pid),
        Listener("udp", "::1", 54, only_ipv6=True, owner=owner, pid=pid),
    ]


def test_listeners_and_who_holds_them() -> None:
    told = inside(
        "link set lo up",
        SOCKETS
        + """
names = {link.index: link.name for link in links.read_links()}
child = os.fork()
if child == 0:
    os.execv("/bin/sleep", ["sleep", "60"]) if not kept[0].set_inheritable(True) else None
os.set_inheritable(kept[0].fileno(), False)
while os.path.basename(os.readlink(f"/proc/{child}/exe")) != "sleep":
    pass
found = socket_owners.read_listeners(names)
os.kill(child, 9)
print(json.dumps([os.getpid(), os.path.basename(os.readlink("/proc/self/exe")), child, to_plain(found)]))
""",
    )
    pid, owner, child, found = told
    wanted = listeners(pid, owner)
    found = sorted((from_plain(Listener, item) for item in found), key=lambda item: (item.protocol, item.port))
    # Handed down to a younger process: that is who accepts.
    handed = next(item for item in found if item.port == 80)
    assert (handed.owner, handed.pid) == ("sleep", child)
    wanted[0] = handed
    assert found == sorted(wanted, key=lambda item: (item.protocol, item.port))


def test_the_inside_of_a_namespace_with_rules_and_the_one_that_is_gone() -> None:
    told = inside(
        "link set lo up",
        """
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks import network_connection

ready, tell = os.pipe()
child = os.fork()
if child == 0:
    import ctypes
    ctypes.CDLL(None).unshare(0x40000000)
    ip("link set lo up")
    ip("link add eth0 type veth peer name other")
    ip("link set other up")
    ip("address add 10.0.0.2/24 dev eth0")
    ip("link set eth0 up")
    ip("route add default via 10.0.0.1")
    ip("rule add priority 9 fwmark 1 table 5")
    kept = socket.create_server(("10.0.0.2", 80))
    os.write(tell, b"x")
    import signal
    signal.pause()
os.close(tell)
assert os.read(ready, 1) == b"x"
inode = procfs.namespace(child, "net")
web = Container("1", "web", pid=child, netns=inode)
own = Container("2", "own", pid=os.getpid(), netns=procfs.namespace("self", "net"))
moved = Container("3", "moved", pid=os.getpid(), netns=1)
ended = Container("4", "ended", pid=2**22 + 1, netns=2)
before = procfs.namespace("self", "net")
containers = [web, own, moved, ended, Container("5", "sharer", pid=child, netns=inode)]
found = container_namespaces.read_container_namespaces(containers).namespaces
same = before == procfs.namespace("self", "net") and "eth0" not in [link.name for link in links.read_links()]
container = network_connection.read_container_links(child)
os.kill(child, 9)
os.waitpid(child, 0)
print(json.dumps([inode, to_plain(found), same, container[1], [link.name for link in container[0]]]))
""",
    )
    inode, found, same, default, names = told
    assert same
    assert (default, names) == ("eth0", ["lo", "other", "eth0"])
    (item,) = [from_plain(ContainerNamespace, plain) for plain in found]
    assert item.inode == inode
    assert [link.addresses[0] for link in item.links if link.name in ("lo", "eth0")] == ["127.0.0.1/8", "10.0.0.2/24"]
    assert next(route.gateways for route in item.routes if route.destination == "0.0.0.0/0") == ["10.0.0.1"]
    assert item.listeners == [Listener("tcp", "10.0.0.2", 80)]
    assert PolicyRule(9, 4, table=5, mark=1, mask=0xFFFFFFFF) in item.rules
    assert item.tables == []


@pytest.mark.parametrize("seeds", [2, pytest.param(20, marks=pytest.mark.long)])
def test_routes_are_looked_up_as_the_kernel_does(seeds: int) -> None:
    paths = os.pathsep.join([str(ROOT), str(ROOT / ".build")])
    program = [sys.executable, "-m", "tests.differential.route_lookups", "--seeds", str(seeds)]
    done = run(program, env={**os.environ, "PYTHONPATH": paths}, check=False)
    expected = f"{40 * seeds} lookups: 0 disagreements, 0 unknown"
    assert (done.out.splitlines()[-1], done.rc) == (expected, 0), done.out
