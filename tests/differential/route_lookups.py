"""Random routes and policy rules: which way the prediction sends a packet, and which way the kernel does.

    python -m tests.differential.route_lookups --seeds 50 --first 1

It takes root, and works in network namespaces of its own. A seed makes the same routes, rules and questions again.
"""

from __future__ import annotations

import argparse
import ctypes
import errno
import random
import socket
import struct
import subprocess
import sys
import time
from dataclasses import dataclass

from ansible_collections.dockernet.baseline.plugins.module_utils._host.links import read_links
from ansible_collections.dockernet.baseline.plugins.module_utils._host.netlink import ROUTE, Netlink, attribute
from ansible_collections.dockernet.baseline.plugins.module_utils._host.routes import (
    parse_route,
    read_policy_rules,
    read_routes,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.sysctls import read_sysctls
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.namespace import (
    NamespaceSettings,
    Stack,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.neighbour_resolution import (
    source_doubt,
    source_problem,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.routing import (
    UNCERTAIN,
    Decision,
    RouteQuery,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.flight import Flight
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import parse_address

DEVICES = {"wan": 1, "lan": 2, "dmz": 3}
"""By the third number of their subnet, 10.0.N.0/24 and 2001:db8:N::/64."""
TABLES = (254, 255, 100, 4711)
QUESTIONS = 40
LIMIT = 120.0
"""Seconds."""
FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}

CLONE_NEWNET = 0x40000000
# linux/rtnetlink.h
RTM_GETROUTE = 26
RTM_F_FIB_MATCH = 0x2000
RTA_DST, RTA_SRC, RTA_IIF, RTA_MARK, RTA_IP_PROTO, RTA_SPORT, RTA_DPORT = 1, 2, 3, 16, 27, 28, 29
# What the kernel answers where no packet goes (net/ipv4/fib_semantics.c, fib_props).
ERRORS = {
    errno.EINVAL: "blackhole",
    errno.EHOSTUNREACH: "unreachable",
    errno.EACCES: "prohibit",
    errno.ENETUNREACH: "no route",
}


@dataclass(frozen=True)
class Question:
    """A packet to find a way for; empty source: the host's own, not chosen yet."""

    family: int
    destination: str
    source: str
    incoming: str
    mark: int
    protocol: int
    source_port: int
    port: int


def main() -> int:
    """Compare seed by seed; return 1 on a disagreement."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=1)
    arguments = parser.parse_args()
    compared, unknown, wrong = 0, 0, 0
    for seed in range(arguments.first, arguments.first + arguments.seeds):
        told = compare(seed)
        compared += told[0]
        unknown += told[1]
        wrong += len(told[2])
        for line in told[2]:
            print(f"seed {seed}: {line}")
    print(f"{compared} lookups: {wrong} disagreements, {unknown} unknown")
    return 1 if wrong else 0


def compare(seed: int) -> tuple[int, int, list[str]]:
    """Lookups of one seed: how many, how many the prediction is not sure of, and a line for each that it gets wrong."""
    # A namespace of this thread's own; the last one goes with it.
    if ctypes.CDLL(None).unshare(CLONE_NEWNET) != 0:
        raise PermissionError("a network namespace of its own takes root")
    chance = random.Random(seed)  # noqa: S311 (a seed makes the same case again)
    prepare(chance)
    links = read_links()
    stack = Stack("host", links, read_routes(), read_policy_rules(), None, settings=NamespaceSettings(read_sysctls()))
    names = {link.index: link.name for link in links}
    unknown, wrong = 0, []
    with Netlink(ROUTE) as netlink:
        for dummy in range(QUESTIONS):
            question = draw(chance)
            ours = predict(stack, question)
            if not ours:
                unknown += 1
                continue
            theirs = kernel(netlink, question, names)
            if ours != theirs:
                wrong.append(f"{question}: predicted {ours}, the kernel says {theirs}")
    return QUESTIONS, unknown, wrong


def prepare(chance: random.Random) -> None:
    """Links, addresses, routes and rules. What the kernel refuses (the same route twice) is not there."""
    lines = ["link set lo up"]
    cut = [name for name in DEVICES if chance.random() < 0.2]
    for name, number in DEVICES.items():
        lines += [
            f"link add {name} type veth peer name {name}-peer",
            f"link set {name} up",
            f"address add 10.0.{number}.1/24 dev {name}",
            f"address add 2001:db8:{number}::1/64 dev {name} nodad",
        ]
        lines += [] if name in cut else [f"link set {name}-peer up"]
    ip("-batch", "-", lines=lines)
    for family in FAMILIES:
        priorities = sorted(chance.sample(range(1, 40000), chance.choice((0, 1, 3, 8))))
        made = [route(chance, family) for dummy in range(chance.randint(2, 14))]
        # From the last one on, since one can lead to a later one.
        made += [
            rule(chance, family, item, [later for later in priorities if later > item]) for item in priorities[::-1]
        ]
        ip(f"-{family}", "-force", "-batch", "-", lines=made)
    linkdown = chance.choice("01")
    for name in ("all", *DEVICES):
        write(f"ipv4/conf/{name}/rp_filter", chance.choice("00012"))
        write(f"ipv4/conf/{name}/accept_local", chance.choice("01"))
        write(f"ipv4/conf/{name}/src_valid_mark", chance.choice("001"))
        for folder in ("ipv4", "ipv6"):
            write(f"{folder}/conf/{name}/forwarding", "1")
            write(f"{folder}/conf/{name}/ignore_routes_with_linkdown", linkdown)
    settle(cut)


def settle(cut: list[str]) -> None:
    """Wait until the kernel has noticed which links have no carrier, and has made the routes of all addresses."""
    wanted = {f"2001:db8:{number}::1/128" for number in DEVICES.values()}
    end = time.monotonic() + LIMIT
    while True:
        local = {item.destination for item in read_routes() if item.kind == "local"}
        states = {link.name: link.operstate for link in read_links()}
        down = {name for name in DEVICES if states[name] == "LOWERLAYERDOWN"}
        if wanted <= local and down == set(cut) and all(states[name] == "UP" for name in set(DEVICES) - down):
            return
        if time.monotonic() > end:
            raise TimeoutError(f"links and addresses did not settle within {LIMIT} s: {states}, {sorted(local)}")
        time.sleep(0.01)


def ip(*options: str, lines: list[str]) -> None:
    """Give lines to the program; with -force what the kernel refuses (the same route twice) is not there."""
    done = subprocess.run(["ip", *options], input="\n".join(lines), text=True, check=False, capture_output=True)
    if done.returncode and "-force" not in options:
        raise RuntimeError(done.stderr)


def write(name: str, value: str) -> None:
    """Set a sysctl of the namespace of this thread."""
    with open(f"/proc/sys/net/{name}", "w", encoding="ascii") as file:
        file.write(value)


def route(chance: random.Random, family: int) -> str:
    """One route for ip(8)."""
    kind = chance.choices(("unicast", "blackhole", "unreachable", "prohibit", "throw"), (8, 1, 1, 1, 1))[0]
    words = ["route add"]
    words += [prefix(chance, family)] if kind == "unicast" else [kind, prefix(chance, family)]
    if kind == "unicast":
        device = chance.choice(list(DEVICES))
        number = DEVICES[device]
        near = f"10.0.{number}.{chance.randint(2, 9)}" if family == 4 else f"2001:db8:{number}::{chance.randint(2, 9)}"
        words += ([f"via {near}"] if chance.random() < 0.6 else []) + [f"dev {device}"]
    words += [f"table {chance.choice(TABLES)}", f"metric {chance.randint(1, 5)}"]
    return " ".join(words)


def rule(chance: random.Random, family: int, priority: int, later: list[int]) -> str:
    """One policy rule for ip(8)."""
    words = [f"rule add priority {priority}"]
    selectors = [
        f"from {prefix(chance, family)}",
        f"to {prefix(chance, family)}",
        f"iif {chance.choice(['lo', *DEVICES])}",
        f"fwmark {chance.choice(['1', '2/0x2', '0x10/0xf0', '0/0x1'])}",
        f"ipproto {chance.choice(['tcp', 'udp'])}",
        f"dport {chance.choice(['80', '50-90'])}",
        f"sport {chance.choice(['1000', '1-2000'])}",
    ]
    words += ["not"] if chance.random() < 0.15 else []
    words += chance.sample(selectors, chance.choice((0, 1, 1, 2)))
    kind = chance.choices(("table", "goto", "nop", "blackhole", "unreachable", "prohibit"), (12, 2, 1, 1, 1, 1))[0]
    if kind == "table":
        words.append(f"table {chance.choice(TABLES)}")
        words += [f"suppress_prefixlength {chance.choice((0, 16, 24))}"] if chance.random() < 0.2 else []
    elif kind == "goto" and later:
        words.append(f"goto {chance.choice(later)}")
    else:
        words.append("nop" if kind == "goto" else kind)
    return " ".join(words)


def prefix(chance: random.Random, family: int) -> str:
    """A prefix that some of the addresses of address() lie in."""
    if chance.random() < 0.15:
        return "0.0.0.0/0" if family == 4 else "::/0"
    length = chance.choice((8, 16, 22, 24, 32) if family == 4 else (32, 46, 48, 64, 128))
    text = address(chance, family)
    bits = 32 if family == 4 else 128
    number = parse_address(text)[1] >> (bits - length) << (bits - length)
    return f"{socket.inet_ntop(FAMILIES[family], number.to_bytes(bits // 8, 'big'))}/{length}"


def address(chance: random.Random, family: int) -> str:
    """An address, of the host, on a link of it, or beyond."""
    net, host = chance.randint(0, 5), chance.randint(1, 9)
    return f"10.0.{net}.{host}" if family == 4 else f"2001:db8:{net}::{host}"


def draw(chance: random.Random) -> Question:
    """A packet of the host's own, or one that comes in."""
    family = chance.choice((4, 6))
    incoming = chance.choice(["", *DEVICES])
    number = DEVICES.get(incoming, 0)
    near = f"10.0.{number}.77" if family == 4 else f"2001:db8:{number}::77"
    # Whether a source is believed is a question of IPv4 alone.
    source = address(chance, family) if family == 4 and chance.random() < 0.5 else near
    return Question(
        family,
        address(chance, family),
        source if incoming else "",
        incoming or "lo",
        chance.choice((0, 1, 2, 3, 0x10, 0x12)),
        chance.choice((6, 17)),
        chance.choice((1000, 30000)),
        chance.choice((80, 443)),
    )


def predict(stack: Stack, question: Question) -> tuple[str, ...]:
    """The way of a packet, nothing where it is not known. The kernel has one error for black holes and bad sources."""
    decision = stack.fib.lookup(asked(question))
    if decision.kind == UNCERTAIN:
        return ()
    if question.source:
        ports = (question.source_port, question.port)
        source, destination = (parse_address(text)[1] for text in (question.source, question.destination))
        flight = Flight(question.family, question.protocol, source, ports[0], destination, ports[1])
        flight.mark = question.mark
        if source_doubt(stack, flight, question.incoming, decision):
            return ()
        if source_problem(stack, flight, question.incoming, decision):
            return (ERRORS[errno.EINVAL],)
    return summary(decision)


def asked(question: Question) -> RouteQuery:
    """As the prediction asks."""
    return RouteQuery(
        question.family,
        parse_address(question.destination)[1],
        parse_address(question.source)[1] if question.source else 0,
        question.incoming,
        question.mark,
        question.protocol,
        question.source_port,
        question.port,
    )


def kernel(netlink: Netlink, question: Question, names: dict[int, str]) -> tuple[str, ...]:
    """What the kernel says: kind, device, gateway and prefix, or the kind alone."""
    family = FAMILIES[question.family]
    bits = 32 if question.family == 4 else 128
    body = struct.pack("=BBBBBBBBI", family, bits, bits if question.source else 0, 0, 0, 0, 0, 0, RTM_F_FIB_MATCH)
    body += attribute(RTA_DST, socket.inet_pton(family, question.destination))
    if question.source:
        index = next(number for number, name in names.items() if name == question.incoming)
        body += attribute(RTA_SRC, socket.inet_pton(family, question.source))
        body += attribute(RTA_IIF, struct.pack("=I", index))
    body += attribute(RTA_MARK, struct.pack("=I", question.mark))
    body += attribute(RTA_IP_PROTO, bytes([question.protocol]))
    body += attribute(RTA_SPORT, struct.pack("!H", question.source_port))
    body += attribute(RTA_DPORT, struct.pack("!H", question.port))
    try:
        found = parse_route(netlink.ask(RTM_GETROUTE, body))
    except OSError as error:
        return (ERRORS.get(error.errno or 0, str(error)),)
    device = names[found.interfaces[0]] if found.interfaces else ""
    return (found.kind, device, found.gateways[0] if found.gateways else "", found.destination)


def summary(predicted: Decision) -> tuple[str, ...]:
    """The prediction in the same words. The number of the table can differ where two tables are one for the kernel."""
    if predicted.kind in ("unicast", "local"):
        return (predicted.kind, predicted.device, predicted.gateway, predicted.destination)
    return (predicted.kind,)


if __name__ == "__main__":
    sys.exit(main())
