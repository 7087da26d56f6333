# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""HostView: a snapshot made ready to be asked where packets go, and what rules ask of the host around them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Container
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import (
    ContainerNamespace,
    Link,
    Listener,
    ProxyProcess,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    CONTAINER_NAMESPACES,
    ENGINE,
    IPSEC,
    LINKS,
    LISTENERS,
    NEIGHBOURS,
    POLICY_RULES,
    ROUTES,
    RULESET,
    SERVICE,
    SYSCTL,
    TRAFFIC_CONTROL,
    HostSnapshot,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.bridge import (
    Bridge,
    LocalSubnets,
    Port,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.frame_rules import (
    FrameRules,
    Neighbours,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.ipsec import IpsecPolicies
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.namespace import (
    NamespaceSettings,
    Stack,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.routing import (
    LOCAL,
    UNCERTAIN,
    UNICAST,
    RouteQuery,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.flight import IPSEC_POLICY, Doubt, Flight
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.hooks.traverse import Traverser
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import (
    address_text,
    is_link_local,
    is_multicast,
    parse_address,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.read import read_rulebook
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import (
    AnyOf,
    Chain,
    InElements,
    InRanges,
    MarkMap,
    Match,
    OneOf,
    RuleBook,
    RulesetError,
    Statement,
    Test,
    Undecidable,
    Verdict,
    VerdictMap,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.unit_filters import UnitFilters

# Without these nothing can be said of any packet that passes the host.
_NEEDED = (LINKS, ROUTES, POLICY_RULES, SYSCTL)


class HostView:
    """One host, parsed, compiled and indexed once; it does not change after that."""

    def __init__(self, snapshot: HostSnapshot) -> None:
        """Index a snapshot; use HostView.of()."""
        self.snapshot = snapshot
        self.problems: list[str] = [_unread(snapshot, name) for name in _NEEDED if not snapshot.was_read(name)]
        """What was not read and could change the way of any packet on the host, one sentence each."""
        self.settings = NamespaceSettings(snapshot.sysctls)
        self.rule_problems: list[str] = []
        """Those of them that are about the rules."""
        self.book = self._read_rules()
        self.problems.extend(self.rule_problems)
        self._free_ports: dict[tuple[int, int], int | None] = {}
        self.host = Stack(
            "host",
            snapshot.links,
            snapshot.routes,
            snapshot.policy_rules,
            snapshot.listeners if snapshot.was_read(LISTENERS) else None,
            settings=self.settings,
            neighbours=None if _was_refused(snapshot, NEIGHBOURS) else snapshot.neighbours,
            controls=None if _was_refused(snapshot, TRAFFIC_CONTROL) else snapshot.traffic_control,
        )
        self.ipsec = IpsecPolicies(None if _was_refused(snapshot, IPSEC) else snapshot.ipsec, self.host.links)
        self.traverser = Traverser(self.book, HostSurroundings(self.host))
        self.neighbours = Neighbours(self.traverser, self.ipsec, self.host.fib)
        self.inner: dict[int, Stack] = _inner_stacks(snapshot)
        self.socket_owners = SocketOwners(snapshot.proxies, snapshot.containers)
        service = snapshot.service
        self.dockerd_filters = UnitFilters.of_dockerd(service)
        if _was_refused(snapshot, SERVICE):
            self.dockerd_filters = UnitFilters({}, "filters of the unit of dockerd were not read")
        self._slice_filters = UnitFilters((service and service.slices) or {})
        self.containers: dict[str, Container] = _by_name(snapshot)
        self.namespaces = {item.nsid for item in self.containers.values() if item.nsid is not None}
        """Ids of the namespaces of running containers, as links refer to them."""
        self.bridges: dict[str, Bridge] = self._find_bridges()
        foreign = (name for bridge in self.bridges.values() for name in bridge.foreign)
        self.frame_rules = FrameRules(self.book, foreign)
        self.local_subnets = LocalSubnets(self.host, self.bridges, snapshot.networks)
        self.ports: dict[tuple[int, str], tuple[Bridge, Port]] = {
            (id(port.stack), port.device): (bridge, port) for bridge in self.bridges.values() for port in bridge.ports
        }
        """Where a container's link is plugged in, by its stack and the link's name inside."""
        self._asleep = {id(stack) for netns, stack in self.inner.items() if self.socket_owners.asleep(netns)}

    def slice_hindrance(self, family: int, *addresses: int) -> str:
        """What may drop packets that a process exchanges with these addresses; empty without one.

        The slices above dockerd are those above most of what systemd starts. Which process it is, is not known on the
        host. Containers are there with the cgroup driver systemd, and where their control groups are of version 1
        with old releases of runc, which leave them in that of containerd.
        """
        if not self._slice_filters.listed:
            return ""
        return self._slice_filters.hindrance(*(address_text(family, address) for address in addresses))

    @classmethod
    def of(cls, snapshot: HostSnapshot) -> HostView:
        """Make a snapshot ready. What could not be read or parsed does not fail: it is in ``problems``."""
        return cls(snapshot)

    def stack_of(self, container: Container) -> Stack | None:
        """The namespace of a running container; None when it was not read."""
        if container.netns is None:
            return None
        if self.snapshot.daemon is not None and container.netns == self.snapshot.daemon.netns:
            return self.host
        return self.inner.get(container.netns)

    def is_asleep(self, stack: Stack) -> bool:
        """Whether all containers in a namespace are paused."""
        return id(stack) in self._asleep

    def unseen(self, container: Container) -> Stack:
        """Stands in for the namespace of a running container that was not read."""
        why = "was not read" if container.netns is not None else "is not known"
        reason = f"what is inside container {container.name}, whose network namespace {why}"
        return Stack(f"container {container.name}", [], [], [], None, reason, container=container.name)

    def free_port(self, first: int, last: int) -> int | None:
        """A source port that stands for all of a range; None when rules tell them apart."""
        key = (first, last)
        if key not in self._free_ports:
            self._free_ports[key] = port_for_all(self.book, first, last)
        return self._free_ports[key]

    @property
    def synthetic_ports(self) -> set[int | None]:
        """The ports that free_port() has given: no one's in particular."""
        return set(self._free_ports.values())

    def _read_rules(self) -> RuleBook:
        ruleset = self.snapshot.ruleset
        if ruleset is None or not self.snapshot.was_read(RULESET):
            self.rule_problems.append(_unread(self.snapshot, RULESET))
            return RuleBook()
        try:
            book = read_rulebook(ruleset)
        except RulesetError as error:
            self.rule_problems.append(f"the ruleset could not be understood: {error}")
            return RuleBook()
        self.rule_problems.extend(book.problems)
        return book

    def _find_bridges(self) -> dict[str, Bridge]:
        links = self.snapshot.links
        found = {link.index: self._bridge(link) for link in links if link.kind == "bridge"}
        stacks = {
            container.nsid: stack
            for container in self.containers.values()
            for stack in [self.inner.get(container.netns or 0)]
            if container.nsid is not None and stack is not None
        }
        for link in links:
            bridge = found.get(link.master or 0)
            if bridge is None:
                continue
            bridge.mind(link)
            stack = None if link.peer_nsid is None else stacks.get(link.peer_nsid)
            inside = _by_index(stack, link.peer_index)
            if stack is not None and inside is not None:
                bridge.add(Port(link, stack, inside.name))
            else:
                bridge.foreign.append(link.name)
                if link.kind != "veth":
                    bridge.ways_out.append(link.name)
        return {bridge.name: bridge for bridge in found.values()}

    def _bridge(self, link: Link) -> Bridge:
        return Bridge(
            link,
            {
                4: bool(link.calls_iptables) or self.settings.number("net.bridge.bridge-nf-call-iptables") == 1,
                6: bool(link.calls_ip6tables) or self.settings.number("net.bridge.bridge-nf-call-ip6tables") == 1,
            },
        )


def _unread(snapshot: HostSnapshot, name: str) -> str:
    source = snapshot.sources.get(name)
    return f"{name.replace('_', ' ')} of the host could not be read" + (f": {source.reason}" if source else "")


def _was_refused(snapshot: HostSnapshot, name: str) -> bool:
    """Whether a source could not be read; releases that do not know it left no word of it in their snapshots."""
    return name in snapshot.sources and not snapshot.was_read(name)


def _inner_stacks(snapshot: HostSnapshot) -> dict[int, Stack]:
    labels: dict[int, str] = {}
    # Those that joined another one's namespace come last.
    for container in sorted(snapshot.containers, key=lambda item: item.network_mode.startswith("container:")):
        if container.running and container.netns is not None:
            labels.setdefault(container.netns, container.name)
    if not snapshot.was_read(CONTAINER_NAMESPACES):
        return {}
    return {space.inode: _inner_stack(space, labels.get(space.inode, "")) for space in snapshot.container_namespaces}


def _inner_stack(space: ContainerNamespace, name: str) -> Stack:
    foreign = [table for table in space.tables if not is_for_name_server(space, table)]
    doubt = f"container {name} has rules of its own ({', '.join(foreign)})" if foreign else ""
    if space.ipsec:
        text = f"container {name} has IPsec policies of its own; see nsenter -n -t PID ip xfrm policy"
        doubt = doubt or Doubt.about(IPSEC_POLICY, text)
    settings = NamespaceSettings(space.sysctls)
    return Stack(
        f"container {name}",
        space.links,
        space.routes,
        space.rules,
        space.listeners,
        doubt,
        settings,
        space.neighbours,
        space.traffic_control,
        container=name,
    )


def _by_name(snapshot: HostSnapshot) -> dict[str, Container]:
    if not snapshot.was_read(ENGINE):
        return {}
    return {container.name: container for container in snapshot.containers}


def _by_index(stack: Stack | None, index: int | None) -> Link | None:
    if stack is None:
        return None
    return next((link for link in stack.links.values() if link.index == index), None)


class HostSurroundings:
    """The host's routes and addresses, as rules of its namespace see them."""

    def __init__(self, host: Stack) -> None:
        """Take the host's stack."""
        self._host = host

    def address_type(self, family: int, address: int, device: str) -> str | None:
        """Type of the route to an address; with a device, asked of that device only.

        IPv4 asks the local table alone (inet_addr_type_dev_table()), IPv6 all routes, for no packet in particular
        (match_lookup_rt6() of xt_addrtype.c).
        """
        return self._type(RouteQuery(family, address), device)

    def fib_type(self, flight: Flight, address: int, peer: int, device: str, mark: int | None) -> str | None:
        """The same; policy rules of IPv6 see the packet (nft_fib6_flowi_init(), __nft_fib6_eval_type())."""
        return self._type(RouteQuery(flight.family, address, peer, mark=mark, protocol=flight.protocol), device)

    def _type(self, query: RouteQuery, device: str) -> str | None:
        family, address = query.family, query.destination
        if is_multicast(family, address):
            return "multicast"
        if self._host.is_broadcast(family, address) or (family == 4 and address >> 24 == 0):
            return "broadcast"
        kind = self._host.fib.local_kind(family, address, device)
        if family == 4 or kind == LOCAL:
            return kind
        decision = self._host.fib.lookup(query)
        if decision.kind == UNCERTAIN:
            return None
        # A local address that belongs to another device than the one that is asked.
        return UNICAST if decision.kind == LOCAL else decision.kind.replace("no route", "unreachable")

    def device_towards(self, family: int, address: int, source: int, incoming: str, mark: int | None) -> str | None:
        """Device that the route to an address leads to, empty without one, or if it is not the one it came in by.

        It is asked for as one of the host's own, for no protocol (nft_fib_ipv4.c, nft_fib_ipv6.c, ipt_rpfilter.c).
        """
        decision = self._host.fib.lookup(RouteQuery(family, address, source, mark=mark))
        if decision.kind == UNCERTAIN:
            return None
        is_back = decision.kind == UNICAST and incoming in ("", decision.device)
        return decision.device if is_back else ""

    def own_address(self, family: int, device: str, towards: int) -> int | None:
        """The address that MASQUERADE takes on a device (nf_nat_masquerade.c); towards: next hop, of IPv6 destination.

        For what goes to an address of the host itself IPv6 takes that very address (RFC 6724, rule 1).
        """
        if family == 6 and self._host.has_address(6, towards):
            return towards
        return self._host.select_source(family, towards, device)

    def first_address(self, family: int, device: str, asking: int) -> int | None:
        """The address that REDIRECT takes on a device (nf_nat_redirect.c): its first, for IPv6 of the asker's scope."""
        own = self._host.addresses(family, device)
        wanted = (item.number for item in own if _is_near(family, item.number) == _is_near(family, asking))
        return next(wanted, None)


def _is_near(family: int, number: int) -> bool:
    """Whether an address of IPv6 is link-local."""
    return family == 6 and is_link_local(6, number)


DOCKER_PROXY = "docker-proxy"
DOCKERD = "dockerd"


class SocketOwners:
    """The programs behind the sockets of a host, and the containers whose programs are stopped."""

    def __init__(self, proxies: Sequence[ProxyProcess], containers: Sequence[Container]) -> None:
        """Take what runs."""
        self._by_pid = {proxy.pid: proxy for proxy in proxies}
        self._by_port: dict[tuple[str, int], list[ProxyProcess]] = {}
        for proxy in proxies:
            self._by_port.setdefault((proxy.protocol, proxy.host_port), []).append(proxy)
        self._published = {(port.protocol, port.host_port) for item in containers for port in item.published}
        self._awake: dict[int, bool] = {}
        for item in containers:
            if item.running and item.netns is not None:
                self._awake[item.netns] = self._awake.get(item.netns, False) or not item.paused

    def proxy_behind(self, listener: Listener) -> ProxyProcess | None:
        """The docker-proxy that serves a socket of the host; None when no such process does."""
        if listener.pid is not None and listener.pid in self._by_pid:
            return self._by_pid[listener.pid]
        if listener.owner not in ("", DOCKER_PROXY, DOCKERD):
            return None
        for proxy in self._by_port.get((listener.protocol, listener.port), ()):
            if parse_address(proxy.host_ip or "0.0.0.0") == parse_address(listener.address):  # noqa: S104
                return proxy
        return None

    def only_held(self, listener: Listener) -> str:
        """Why no one answers on a socket of the host although it is there; empty where somebody does.

        Without docker-proxy dockerd holds the port of a binding and never looks at it: engines up to 27 listen, so that
        the kernel makes the connection; 28 listens with a backlog of 0; 29 lets a filter drop what comes.
        """
        if listener.owner != DOCKERD or (listener.protocol, listener.port) not in self._published:
            return ""
        return f"dockerd only reserves {listener.protocol.upper()} port {listener.port}; nothing answers there"

    def asleep(self, netns: int) -> bool:
        """Whether all containers in a namespace are paused: the kernel takes connections, and no one answers."""
        return not self._awake.get(netns, True)


# An answer goes to that port, so what rules ask of destination ports counts, too.
_PORTS = ("sport", "dport", "ct_orig_sport", "ct_orig_dport", "ct_reply_sport", "ct_reply_dport")


def port_for_all(book: RuleBook, first: int, last: int) -> int | None:
    """A port of a range that every rule treats as it treats the others; None when a rule tells parts of it apart.

    Rules that name a single port of it are no reason for doubt: a sender hardly ever chooses just that one.
    """
    single: set[object] = set()
    # Many rules can ask for the same large set.
    for fields, test in dict.fromkeys(_port_tests(book)):
        for place, name in enumerate(fields):
            if name in _PORTS and _splits(test, place, first, last):
                return None
            if name in _PORTS:
                single.update(_single(test, place))
    return next((port for port in range(last, first - 1, -1) if port not in single), None)


def _port_tests(book: RuleBook) -> Iterator[tuple[tuple[str, ...], Test]]:
    """What rules ask; those of address translation see no answers, for them only sport is the sender's port."""
    elsewhere = _reached(book, [chain for chain in book.chains.values() if chain.hook and chain.kind != "nat"])
    for key, chain in book.chains.items():
        for statement in _statements(chain):
            for fields, test in _tests(statement):
                if key in elsewhere or "sport" in fields or "ct_orig_sport" in fields:
                    yield fields, test


def _statements(chain: Chain) -> Iterator[Statement]:
    """All of a chain's rules, those that ask the same named map once."""
    maps: set[tuple[tuple[str, ...], int]] = set()
    for rule in chain.rules:
        for statement in rule.statements:
            if isinstance(statement, (VerdictMap, MarkMap)):
                of = (statement.fields, id(statement.entries))
                if of in maps:
                    continue
                maps.add(of)
            yield statement


def _reached(book: RuleBook, starts: list[Chain]) -> set[tuple[str, str, str, str]]:
    """Keys of these chains and of all that they lead to."""
    found = {chain.key for chain in starts}
    waiting = list(starts)
    while waiting:
        chain = waiting.pop()
        for target in _targets(chain):
            key = (*chain.key[:3], target)
            if key in book.chains and key not in found:
                found.add(key)
                waiting.append(book.chains[key])
    return found


def _targets(chain: Chain) -> Iterator[str]:
    for statement in _statements(chain):
        if isinstance(statement, Verdict):
            yield statement.target
        elif isinstance(statement, VerdictMap):
            yield from (verdict.target for dummy, verdict in statement.entries)


def _tests(statement: Statement) -> Iterator[tuple[tuple[str, ...], Test]]:
    if isinstance(statement, Match):
        yield statement.fields, statement.test
    elif isinstance(statement, AnyOf):
        for match in statement.matches:
            yield match.fields, match.test
    elif isinstance(statement, (VerdictMap, MarkMap)):
        for test, dummy in statement.entries:
            yield statement.fields, test


def _splits(test: Test, place: int, first: int, last: int) -> bool:
    """Whether a test holds for some ports of a range and for others not; place is the field's in a concatenation."""
    if isinstance(test, (OneOf, Undecidable)):
        return False
    if isinstance(test, InRanges):
        return any(_cuts(low, high, first, last) for low, high in test.ranges)
    if isinstance(test, InElements):
        return any(_cuts(*element[place], first, last) for element in test.elements)
    return True


def _cuts(low: object, high: object, first: int, last: int) -> bool:
    if not isinstance(low, int) or not isinstance(high, int) or low == high:
        return False
    return low <= last and high >= first and not (low <= first and high >= last)


def _single(test: Test, place: int) -> set[object]:
    if isinstance(test, OneOf):
        return set(test.values)
    if isinstance(test, InRanges):
        return {low for low, high in test.ranges if low == high}
    if isinstance(test, InElements):
        ranges = (element[place] for element in test.elements)
        return {element[place] for element in test.exact} | {low for low, high in ranges if low == high}
    return set()


# The rules for the name server at 127.0.0.11 inside a container (moby, libnetwork/resolver_unix.go), chain by chain: by
# iptables-nft and by nftables. A restart of dockerd under live-restore can add all of them once more (seen on 20.10).
_NAME_SERVER = (
    {"ip nat OUTPUT": 1, "ip nat POSTROUTING": 1, "ip nat DOCKER_OUTPUT": 2, "ip nat DOCKER_POSTROUTING": 2},
    {"ip docker-dns dns-dnat": 2, "ip docker-dns dns-snat": 2},
)
# By iptables-legacy, where only a table's entries are counted: six rules, and two for each of the two chains.
_LEGACY_TABLE = "ip nat"
_LEGACY_RULES, _LEGACY_CHAINS = 6, 4
_NAME_SERVER_TABLES = ("ip nat", "ip docker-dns")


def is_for_name_server(space: ContainerNamespace, table: str) -> bool:
    """Whether a table is the one that dockerd makes for its name server; older snapshots tell by the name alone."""
    chains = {name: count for name, count in space.chains.items() if f"{name} ".startswith(f"{table} ")}
    return _serves_names(chains) or (not space.chains and table in _NAME_SERVER_TABLES)


def _serves_names(chains: dict[str, int]) -> bool:
    """Whether these numbers of rules are those for dockerd's name server, or a multiple of them.

    dockerd that went from one backend of iptables to the other while the container ran has made them in both.
    """
    chains = dict(chains)
    legacy = chains.pop(_LEGACY_TABLE, None)
    if legacy is not None:
        rules = legacy - _LEGACY_CHAINS
        if rules <= 0 or rules % _LEGACY_RULES:
            return False
    return (legacy is not None and not chains) or any(_is_multiple(chains, once) for once in _NAME_SERVER)


def _is_multiple(chains: dict[str, int], once: dict[str, int]) -> bool:
    if set(chains) != set(once):
        return False
    times = min(chains[name] // count for name, count in once.items())
    return times > 0 and chains == {name: times * count for name, count in once.items()}
