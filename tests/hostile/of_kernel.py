"""What the kernel can say: very much of everything, odd names, and messages that are not as they should be."""

from __future__ import annotations

import errno
import random
import socket
import struct
from collections.abc import Callable
from dataclasses import replace

from ansible_collections.dockernet.baseline.plugins.module_utils._host.netlink import NETFILTER, ROUTE, SOCK_DIAG, XFRM
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link, Listener, Neighbour, Route
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    CONNTRACK,
    CONTAINER_NAMESPACES,
    DAEMON_CONFIG,
    ENGINE,
    IPSEC,
    LINKS,
    LISTENERS,
    MANAGED_LINKS,
    NAMESPACES,
    NEIGHBOURS,
    POLICY_RULES,
    PROCESSES,
    ROUTES,
    RULESET,
    SERVICE,
    SYSCTL,
    TRAFFIC_CONTROL,
)

from tests.hostile import netlink_answers as say
from tests.hostile.fake_kernel import DONE, ERROR, Datagrams, Space, message
from tests.hostile.hostilities import hostility
from tests.hostile.hosts import STRANGERS
from tests.hostile.world import HOST, World

# What the kernel takes as the name of an interface: no slash, no blank, no colon, 15 bytes (dev_valid_name()).
NAMES = (
    b"br\xc3\xa9",
    b"\xff\xfe\xfd",
    b"\x1b[31mred",
    b"{{x}}",
    b"a'b\"c",
    b"$(id)",
    b"-F",
    b"%n%s",
    b"eth0.4094",
    b"\xe2\x80\xaeoot",
    b"all0",
    b"..x",
    b"\x01\x02\x03",
    b"veth*",
    b"__ansible_type",
    b"x\x7f",
    b"\xe2\x80\xa8",
)
_PLACES: dict[say.Question, tuple[str, ...]] = {
    say.LINKS: (LINKS,),
    say.ADDRESSES: (LINKS,),
    say.ROUTES: (ROUTES,),
    say.RULES: (POLICY_RULES,),
    say.NEIGHBOURS: (NEIGHBOURS,),
    say.QDISCS: (TRAFFIC_CONTROL,),
    say.FORWARDING: (LINKS,),
    say.VLANS: (LINKS,),
    say.GENERATION: (RULESET,),
    say.TABLES: (RULESET,),
    say.CHAINS: (),
    say.NFT_RULES: (RULESET,),
    (SOCK_DIAG, say.BY_FAMILY, socket.AF_INET, 6): (LISTENERS,),
    (SOCK_DIAG, say.BY_FAMILY, socket.AF_INET6, 17): (LISTENERS,),
    (NETFILTER, 1 << 8 | 1, socket.AF_INET, 0): (CONNTRACK,),
    (ROUTE, say.GETNSID, 0, 0): (NAMESPACES, CONTAINER_NAMESPACES),
    say.UNIX: (ENGINE, NAMESPACES, CONTAINER_NAMESPACES, PROCESSES, DAEMON_CONFIG, SERVICE),
    (XFRM, 21, 0, 0): (IPSEC,),
    (XFRM, 40, 0, 0): (IPSEC,),
}
# What else is known by the names and ids of links.
_FOLLOWED = {LINKS: (LISTENERS, MANAGED_LINKS, CONTAINER_NAMESPACES, NAMESPACES, PROCESSES, SYSCTL)}


def _of_strangers(world: World, dice: random.Random) -> Space:
    """The namespace of a container that is not to be judged."""
    return world.spaces[world.space_of(world.container(dice.choice(STRANGERS)))]


def _somewhere(world: World, dice: random.Random) -> Space:
    """Where a stranger's container is, or on the host, where the administrator may have as much of it."""
    return _of_strangers(world, dice) if dice.random() < 0.6 else world.spaces[HOST]


@hostility(3)
def thousands_of_routes(world: World, dice: random.Random) -> None:
    space = _somewhere(world, dice)
    index = 2
    for number in range(dice.choice((2000, 8000))):
        destination = f"100.{64 + (number >> 16)}.{number >> 8 & 255}.{number & 255}/32"
        space.add(say.ROUTES, say.route(Route(destination, 254, interfaces=[index], protocol=4)))


@hostility(4)
def thousands_of_next_hops(world: World, dice: random.Random) -> None:
    """A message that no buffer of ours may be too small for."""
    space = _somewhere(world, dice)
    hops = [2] * dice.choice((200, 2500, 8000))
    route = Route("203.0.113.0/24", dice.choice((254, 100)), gateways=["192.0.2.1"] * len(hops), interfaces=hops)
    space.add(say.ROUTES, say.route(route))


@hostility(2)
def thousands_of_addresses(world: World, dice: random.Random) -> None:
    space = _of_strangers(world, dice)
    many = [f"198.19.{number >> 8}.{number & 255}/32" for number in range(dice.choice((500, 4000)))]
    space.add(say.ADDRESSES, *say.addresses(Link(1, "lo", addresses=many)))


@hostility(3)
def thousands_of_neighbours(world: World, dice: random.Random) -> None:
    space = _of_strangers(world, dice)
    for number in range(dice.choice((300, 5000, 20_000))):
        entry = Neighbour(f"198.18.{number >> 8}.{number & 255}", 2, "02:00:00:00:00:01")
        space.add(say.NEIGHBOURS, say.neighbour(entry))


@hostility(2)
def thousands_of_policy_rules(world: World, dice: random.Random) -> None:
    space = _of_strangers(world, dice)
    head = struct.pack("=BBBBBBBBI", socket.AF_INET, 0, 0, 0, 254, 0, 0, 1, 0)
    rule = head + say.attr(6, say.u32(1000)) + say.attr(dice.choice((3, 17, 20, 60)), nasty_bytes(dice))
    space.add(say.RULES, *[rule] * dice.choice((1, 500, 5000)))


@hostility(2)
def thousands_of_listeners(world: World, dice: random.Random) -> None:
    space = _of_strangers(world, dice)
    for number in range(dice.choice((500, 5000))):
        question, found = say.listener(Listener("tcp", "0.0.0.0", 1024 + number), 70_000 + number)  # noqa: S104
        space.add(question, found)


@hostility(5)
def interfaces_of_odd_names(world: World, dice: random.Random) -> None:
    """In a container with NET_ADMIN, or on the host."""
    space = _somewhere(world, dice)
    for number, name in enumerate(dice.sample(NAMES, dice.choice((1, 3, len(NAMES))))):
        link = Link(
            900 + number, name.decode("utf-8", "surrogateescape"), dice.choice(("dummy", "veth", "vlan")), up=True
        )
        space.add(say.LINKS, say.link(link, []))
        space.add(say.QDISCS, say.qdisc(link.index))
        if space is world.spaces[HOST]:
            for folder, settings in (
                ("net/ipv4/conf", ("forwarding", "rp_filter")),
                ("net/ipv6/conf", ("forwarding",)),
            ):
                for setting in settings:
                    world.files[f"proc/sys/{folder}/{link.name}/{setting}"] = b"1\n"


@hostility(1)
def very_many_interfaces(world: World, dice: random.Random) -> None:
    space = _of_strangers(world, dice)
    for number in range(dice.choice((200, 1500))):
        link = replace(Link(1000 + number, f"d{number}", "dummy", up=True), addresses=[f"198.18.0.{number % 250}/32"])
        space.add(say.LINKS, say.link(link, []))
        space.add(say.ADDRESSES, *say.addresses(link))
        space.add(say.QDISCS, say.qdisc(link.index))


@hostility(2)
def very_many_nft_rules(world: World, dice: random.Random) -> None:
    space = _of_strangers(world, dice)
    space.add(say.TABLES, say.nft_table("inet x"))
    head = struct.pack("=BBH", 1, 0, 0) + say.attr(1, nasty_bytes(dice)[:60] + b"\0")
    rules = (head + say.attr(2, b"c%d\0" % (number % 3000)) for number in range(dice.choice((100, 30_000))))
    space.add(say.NFT_RULES, *rules)


def nasty_bytes(dice: random.Random) -> bytes:
    return dice.choice((b"", b"\0", b"\xff" * 4, bytes(4), b"\xff\xfe\0", dice.randbytes(dice.choice((1, 3, 8, 300)))))


def _cut(dice: random.Random) -> Callable[[Datagrams], Datagrams]:
    """Break the first datagram off anywhere."""

    def spoil(queue: Datagrams) -> Datagrams:
        first = queue[0]
        return [first[: dice.randrange(len(first) + 1)], *queue[1:]]

    return spoil


def _flip(dice: random.Random) -> Callable[[Datagrams], Datagrams]:
    """Change some bytes behind the header: values, lengths, types."""

    def spoil(queue: Datagrams) -> Datagrams:
        first = bytearray(queue[0])
        for dummy in range(dice.choice((1, 3, 20))):
            if len(first) > 20:
                first[dice.randrange(16, len(first))] = dice.choice((0, 1, 2, 127, 128, 255))
        return [bytes(first), *queue[1:]]

    return spoil


def _more(dice: random.Random) -> Callable[[Datagrams], Datagrams]:
    """Add attributes that nobody knows, empty ones, and such that say more than there is."""

    def spoil(queue: Datagrams) -> Datagrams:
        first = queue[0]
        if len(first) < 32:
            return queue
        dummy, kind, flags, sequence, dummy2 = struct.unpack_from("=IHHII", first)
        length = struct.unpack_from("=I", first)[0]
        extra = b"".join(
            dice.choice((say.attr(dice.randrange(1, 70), nasty_bytes(dice)), struct.pack("=HH", 0, 5), b"\xff\xff\1\0"))
            for dummy3 in range(dice.choice((1, 4)))
        )
        return [message(kind, flags, sequence, first[16:length] + extra) + first[(length + 3) & ~3 :], *queue[1:]]

    return spoil


def _refused(dice: random.Random) -> Callable[[Datagrams], Datagrams]:
    number = dice.choice((errno.EPERM, errno.EBUSY, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOMEM, 0, 9999, -5))
    kind = dice.choice((ERROR, DONE))

    def spoil(queue: Datagrams) -> Datagrams:
        sequence = struct.unpack_from("=IHHI", queue[0])[3]
        return [
            *queue[: dice.choice((0, 1))],
            message(kind, 0, sequence, struct.pack("=i", -number)[: dice.choice((4, 4, 2))]),
        ]

    return spoil


def _interrupted(dummy: random.Random) -> Callable[[Datagrams], Datagrams]:
    """As a list that changes each time that it is read."""

    def spoil(queue: Datagrams) -> Datagrams:
        sequence = struct.unpack_from("=IHHI", queue[0])[3]
        return [*queue[:-1], message(DONE, 0x12, sequence, bytes(4))]

    return spoil


def _strange(dice: random.Random) -> Callable[[Datagrams], Datagrams]:
    """Errors of the socket, other people's answers, nothing at all, or without an end."""
    what = dice.choice(
        (
            [OSError(errno.ENOBUFS, "no room")],
            [b""],
            [b"\0" * 16],
            [b"\xff" * 64],
            [],
            [ConnectionResetError(104, "x")],
            [message(DONE, 0, 999, bytes(4))],
            [InterruptedError(4, "x")],
        )
    )

    def spoil(queue: Datagrams) -> Datagrams:
        return [*what, *queue] if dice.random() < 0.5 else list(what)

    return spoil


_WAYS = (_cut, _flip, _flip, _more, _more, _refused, _interrupted, _strange)


@hostility(12)
def messages_of_a_strangers_namespace_are_odd(world: World, dice: random.Random) -> None:
    """Of that namespace nothing is expected; of all others it is."""
    space = _of_strangers(world, dice)
    for question in dice.sample(sorted(_PLACES), dice.choice((1, 1, 3))):
        space.spoil(question, dice.choice(_WAYS)(dice))


@hostility(8)
def messages_of_the_host_are_odd(world: World, dice: random.Random) -> None:
    question = dice.choice(sorted(_PLACES))
    world.spaces[HOST].spoil(question, dice.choice(_WAYS)(dice))
    for source in _PLACES[question]:
        world.touched.update((source, *_FOLLOWED.get(source, ())))
