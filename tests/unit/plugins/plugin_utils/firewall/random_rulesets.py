"""Rulesets and packets drawn at random from so few values that they often meet."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.flight import Flight
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import (
    AnyBit,
    AnyOf,
    Chain,
    InElements,
    InRanges,
    MarkMap,
    Masked,
    Match,
    NameStarts,
    Nat,
    NatMap,
    Notrack,
    OneOf,
    Rule,
    RuleBook,
    SetMark,
    Statement,
    Test,
    Undecidable,
    Unpredictable,
    Verdict,
    VerdictMap,
)

from tests.unit.plugins.plugin_utils.firewall.surroundings import FixedSurroundings

ADDRESSES = (1, 2, 3, 4, 5, 6, 7, 8)
PORTS = (22, 53, 80, 81, 443)
DEVICES = ("eth0", "br-a", "br-b", "veth1")
AROUND = FixedSurroundings(
    local=frozenset({1, 2}), devices={3: "br-a", 4: "br-b"}, own={"eth0": 1, "br-a": 2, "br-b": 2}
)

_NUMBERS = {
    "saddr": ADDRESSES,
    "daddr": ADDRESSES,
    "ct_orig_daddr": ADDRESSES,
    "ct_reply_saddr": ADDRESSES,
    "sport": PORTS,
    "dport": PORTS,
    "ct_orig_dport": PORTS,
    "protocol": (6, 17),
    "ct_direction": (0, 1),
}
_NAMES = ("iif", "oif")
_TYPES = ("daddr_type", "saddr_type_iif", "fib_daddr_type", "fib_saddr_type_iif_mark")
_SCALARS = (*_NUMBERS, *_NAMES, *_TYPES, "mark", "ct_mark", "ct_state", "saddr_route_iif", "saddr_route_iif_mark")

# Table, hook, priorities and kind of base chains.
_PLACES = (
    ("raw", ("prerouting", "output"), (-300,), "filter"),
    ("mangle", ("prerouting", "forward", "input", "output", "postrouting"), (-150,), "filter"),
    ("nat", ("prerouting", "output", "input", "postrouting"), (-100, 0, 100), "nat"),
    ("filter", ("forward", "input", "output"), (-1, 0, 10), "filter"),
)


class Draw:
    """Draws with one generator of random numbers."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)  # noqa: S311  # the same for the same seed

    def some(self, values: tuple[Any, ...]) -> frozenset[Any]:
        return frozenset(self.random.sample(values, self.random.choice((1, 1, 1, 2, 3)) if len(values) > 2 else 1))

    def ranges(self, values: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
        ends = sorted(
            self.random.sample(
                range(min(values), max(values) + 2), self.random.choice((2, 2, 4)) if len(values) > 2 else 2
            )
        )
        return tuple((ends[place], ends[place + 1]) for place in range(0, len(ends), 2))

    def test(self, field: str) -> Test:
        if field in ("mark", "ct_mark"):
            mask = self.random.choice((1, 2, 3))
            return Masked(mask, mask & self.random.randrange(4))
        if field == "ct_state":
            return AnyBit(self.random.choice((1, 2, 8, 10, 64, 9)))
        if field in _TYPES:
            return OneOf(frozenset({self.random.choice(("local", "unicast"))}))
        if field.startswith("saddr_route_iif"):
            return OneOf(frozenset({""}))
        if field in _NAMES:
            return self.random.choice(
                (OneOf(self.some(DEVICES)), NameStarts(frozenset({"br-"})), NameStarts(frozenset({"", "d"})))
            )
        values = _NUMBERS[field]
        return OneOf(self.some(values)) if self.random.random() < 0.7 else InRanges(self.ranges(values))

    def elements(self, fields: tuple[str, ...], count: int) -> InElements:
        pools: list[tuple[Any, ...]] = [DEVICES if field in _NAMES else _NUMBERS[field] for field in fields]
        exact = frozenset(tuple(self.random.choice(pool) for pool in pools) for dummy in range(count))
        loose: list[tuple[tuple[Any, Any], ...]] = []
        if self.random.random() < 0.5:
            drawn = [sorted(self.random.choices(pool, k=2)) if pool is not DEVICES else ["eth0"] * 2 for pool in pools]
            loose.append(tuple((first, last) for first, last in drawn))
        return InElements(tuple(loose), exact)

    def match(self) -> Match:
        negated = self.random.random() < 0.25
        if self.random.random() < 0.1:
            fields = self.random.choice((("saddr", "dport"), ("iif", "daddr"), ("protocol", "dport", "saddr")))
            return Match(fields, self.elements(fields, 3), negated, "together")
        if self.random.random() < 0.04:
            return Match((), Undecidable("nobody knows"), negated, "nobody knows")
        field = self.random.choice(_SCALARS)
        return Match((field,), self.test(field), negated, field)

    def condition(self) -> Statement:
        if self.random.random() < 0.05:
            test = OneOf(self.some(PORTS))
            return AnyOf((Match(("sport",), test), Match(("dport",), test)), self.random.random() < 0.3, "ports")
        return self.match()

    def verdict(self, chains: list[str]) -> Verdict:
        kinds = ["accept", "drop", "reject", "return", "continue"]
        kind = self.random.choice([*kinds, *["jump"] * 4, "goto"] if chains else kinds)
        target = self.random.choice(chains) if kind in ("jump", "goto") else ""
        return Verdict(kind, target, "port-unreachable" if kind == "reject" else "")

    def nat(self, hook: str) -> Nat:
        source = hook in ("postrouting", "input")
        kind = self.random.choice(
            ("snat", "masquerade") if hook == "postrouting" else ("snat",) if source else ("dnat", "redirect")
        )
        first = self.random.choice(ADDRESSES)
        addresses = (first, first + self.random.choice((0, 0, 0, 1)))
        port = self.random.choice((None, *PORTS))
        ports = None if port is None else (port, port)
        return Nat(kind, None if kind in ("masquerade", "redirect") else addresses, ports)

    def ending(self, hook: str, chains: list[str]) -> Statement:
        """The last statement of a rule."""
        draw = self.random.random()
        if draw < 0.02:
            return Unpredictable("queue")
        if hook and draw < 0.5:
            if draw < 0.1:
                entries = tuple((OneOf(frozenset({port})), self.nat(hook)) for port in self.some(PORTS))
                return NatMap(entries[0][1].kind, ("dport",), entries)
            return self.nat(hook)
        if draw < 0.6:
            verdicts = [self.verdict(chains) for dummy in range(3)]
            if draw < 0.55:
                devices = self.random.sample(DEVICES, 3)
                return VerdictMap(("iif",), tuple((OneOf(frozenset({d})), v) for d, v in zip(devices, verdicts)))
            fields = ("saddr", "dport")
            keys = dict.fromkeys((self.random.choice(ADDRESSES), self.random.choice(PORTS)) for dummy in verdicts)
            return VerdictMap(fields, tuple((InElements((), frozenset({k})), v) for k, v in zip(keys, verdicts)))
        return self.verdict(chains)

    def rule(self, number: int, table: str, hook: str, chains: list[str]) -> Rule:
        statements = [self.condition() for dummy in range(self.random.choice((0, 1, 1, 2, 2, 3)))]
        if table == "raw" and self.random.random() < 0.2:
            statements.append(Notrack())
        elif table != "nat" and self.random.random() < 0.25:
            field, source = self.random.choice(
                (("mark", ""), ("ct_mark", ""), ("mark", "ct_mark"), ("ct_mark", "mark"))
            )
            keep, flip, own = self.random.choices(range(4), k=3)
            change = SetMark(field, keep, flip, source, own if source else 0)
            ports = self.some(PORTS) if self.random.random() < 0.3 else ()
            entries = tuple((OneOf(frozenset({port})), replace(change, flip=port & 3)) for port in ports)
            statements.append(MarkMap(("dport",), entries) if entries else change)
            statements += [self.condition()] if self.random.random() < 0.3 else []
        statements.append(self.ending(hook if table == "nat" else "", chains))
        return Rule(number, tuple(statements), f"rule {number}")

    def rules(self, table: str, hook: str, chains: list[str], most: int) -> tuple[Rule, ...]:
        return tuple(self.rule(number, table, hook, chains) for number in range(1, self.random.randint(0, most) + 1))

    def table(
        self, name: str, hooks: tuple[str, ...], priorities: tuple[int, ...], kind: str, most: int
    ) -> list[Chain]:
        """A table with a base chain at each hook, and chains that these and the ones before them jump to."""
        chains: list[Chain] = []
        for hook in hooks:
            targets = [f"{hook}-{number}" for number in range(self.random.choice((0, 2, 3)))]
            for place, target in enumerate(targets):
                chains.append(Chain("nft", "ip", name, target, self.rules(name, hook, targets[place + 1 :], most)))
            policy = "drop" if kind == "filter" and self.random.random() < 0.2 else "accept"
            rules = self.rules(name, hook, targets, most)
            priority = self.random.choice(priorities)
            chains.append(Chain("nft", "ip", name, f"base-{hook}", rules, hook, priority, kind, policy))
        return chains

    def book(self, most: int) -> RuleBook:
        chains = [
            chain
            for name, hooks, priorities, kind in _PLACES
            for copy in range(self.random.choice((0, 1, 1, 2)))
            for chain in self.table(f"{name}{copy or ''}", hooks, priorities, kind, most)
        ]
        return RuleBook({chain.key: chain for chain in chains})

    def flight(self) -> Flight:
        sport = self.random.choice((*PORTS, None))
        addresses = self.random.choices(ADDRESSES, k=2)
        flight = Flight(4, self.random.choice((6, 17)), addresses[0], sport, addresses[1], self.random.choice(PORTS))
        flight.iif = self.random.choice(DEVICES)
        return flight
