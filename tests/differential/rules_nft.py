"""Random rulesets in the language of nft: one command a line, so that a line can be left out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tests.differential.rules_lab import LEGS
from tests.differential.rules_servers import PORTS
from tests.differential.rules_words import DEVICES, Words

_HOOKS = ("prerouting", "input", "forward", "output", "postrouting")
_PRIORITIES = {
    "filter": (-310, -300, -290, -160, -150, -140, -10, -1, -1, 0, 1, 1, 10, 40, 50, 160),
    "nat": (-110, -101, -101, -100, -90, 90, 100, 101, 101, 110),
}
# What becomes of TCP that is tracked in one direction alone depends on windows and retransmissions.
_UNTRACKED = ("udp", "icmp", "ipv6-icmp")
_NAT_HOOKS = ("prerouting", "input", "output", "postrouting")
# Chains for nat chains to jump to. They drop nothing: what becomes of a first packet that a nat chain drops is nowhere
# defined (of TCP that is tracked in one direction alone the kernel lets the second one through).
_NAT_CHAINS = {"prerouting": "to", "output": "to", "postrouting": "from"}
_WITHOUT_INCOMING = ("output",)
_WITHOUT_OUTGOING = ("prerouting", "input")
_REJECTS = {
    "ip": ("", " with icmp host-unreachable", " with icmp admin-prohibited", " with icmp net-unreachable"),
    "ip6": ("", " with icmpv6 no-route", " with icmpv6 admin-prohibited", " with icmpv6 addr-unreachable"),
    "inet": ("", " with icmpx port-unreachable", " with icmpx host-unreachable", " with icmpx admin-prohibited"),
}
_NUMBER = {4: "ip", 6: "ip6"}


def nft_script(words: Words) -> str:
    """Commands for ``nft -f``: one to three tables."""
    tables = [
        _Table(words, words.choice(("ip", "ip6", "inet", "inet")), f"t{number}")
        for number in range(words.randint(1, 3))
    ]
    before = [line for table in tables for line in table.lines()]
    # A base chain comes to its table at any time; of those with one priority the latest comes first.
    chains = [chain for table in tables for chain in table.base_chains()]
    words.shuffle(chains)
    frames = list(_frame_lines(words)) if words.some(0.25) else []
    return "\n".join([*before, *frames, *(line for chain in chains for line in chain)]) + "\n"


def _frame_lines(words: Words) -> Iterator[str]:
    """A table of the family bridge: some base chains, and one to jump to."""
    where = "bridge frames"
    yield f"add table {where}"
    yield f"add chain {where} side"
    yield f"add rule {where} side {_frame_rule(words, 'side')}"
    for hook in words.sample(_HOOKS, words.randint(1, 3)):
        priority = words.choice((-300, -200, -10, 1, 10, 300))
        policy = "drop" if words.some(0.05) else "accept"
        yield f"add chain {where} {hook} {{ type filter hook {hook} priority {priority}; policy {policy}; }}"
        for dummy in range(words.randint(1, 3)):
            yield f"add rule {where} {hook} {_frame_rule(words, hook)}"


def _frame_rule(words: Words, hook: str) -> str:
    number = words.choice((4, 6))
    ip, leg, no = _NUMBER[number], words.choice([one for one in LEGS if one.bridged]), words.choice(("", "", "!= "))
    choices = [
        f"{ip} {words.choice(('saddr', 'daddr'))} {no}{words.prefix(number)}",
        f"{words.choice(('tcp', 'udp'))} dport {words.choice(('', '!= '))}{words.port()}",
        f"ether {words.choice(('saddr', 'daddr'))} {no}{words.choice((leg.mac, leg.router_mac))}",
        f"ether type {no}{words.choice(('ip', 'ip6', 'arp'))}",
        f"meta l4proto {no}{words.choice(('tcp', 'udp', 'icmp'))}",
        f"{'ip ttl' if number == 4 else 'ip6 hoplimit'} {words.hops('<', '>').replace('eq ', '')}",
        f"meta mark {no}{words.mark():#x}",
        f"tcp dport vmap {{ {words.port()} : {words.choice(('accept', 'drop'))} }}",
        "",
    ]
    if hook not in ("output", "postrouting", "side"):
        choices.append(f'iifname {no}"{leg.device}"')
    if hook not in ("prerouting", "input", "side"):
        choices.append(f'oifname {no}"{leg.device}"')
    fates = ["drop", "accept", "accept", "return", f"meta mark set {words.mark():#x}", "counter"]
    fates += ["jump side", "goto side"] if hook != "side" else []
    condition, fate = words.choice(choices), words.choice(fates)
    return condition if "vmap" in condition else f"{condition} {fate}".strip()


class _Table:
    def __init__(self, words: Words, family: str, name: str) -> None:
        self.words, self.family, self.name = words, family, name
        self.where = f"{family} {name}"
        self.numbers = {"ip": (4,), "ip6": (6,), "inet": (4, 6)}[family]
        self.own = [f"own{number}" for number in range(words.randint(0, 3))]

    def lines(self) -> list[str]:
        words = self.words
        lines = [f"add table {self.where}", *self._sets()]
        lines += [f"add chain {self.where} {name}" for name in self.own]
        lines += self._maps()
        for place, name in enumerate(self.own):
            below = self.own[place + 1 :]
            lines += [
                f"add rule {self.where} {name} {self._rule('', '', below)}" for dummy in range(words.randint(1, 4))
            ]
        for hook, name in (("prerouting", "to"), ("postrouting", "from")):
            lines.append(f"add chain {self.where} {name}")
            lines += [f"add rule {self.where} {name} {self._rule(hook, 'nat', [])}" for dummy in range(2)]
        return lines

    def base_chains(self) -> list[list[str]]:
        """The commands for each of some base chains."""
        return [self._base_chain(f"base{number}") for number in range(self.words.randint(1, 5))]

    def _base_chain(self, name: str) -> list[str]:
        words = self.words
        hook = words.choice(_HOOKS)
        kind = "nat" if hook in _NAT_HOOKS and words.some(0.4) else "filter"
        priority = words.choice(_PRIORITIES[kind])
        if kind == "nat":
            priority = abs(priority) if hook in ("input", "postrouting") else -abs(priority)
        elif hook == "output" and words.some(0.3):
            kind = "route"
        policy = "drop" if kind != "nat" and words.some(0.05) else "accept"
        lines = [f"add chain {self.where} {name} {{ type {kind} hook {hook} priority {priority}; policy {policy}; }}"]
        below = self.own if kind != "nat" else [_NAT_CHAINS[hook]] if hook in _NAT_CHAINS else []
        rules = [self._rule(hook, kind, below, priority) for dummy in range(words.randint(1, 4))]
        return [*lines, *(f"add rule {self.where} {name} {rule}" for rule in rules)]

    # ---- sets and maps -----------------------------------------------------------------------------------------------

    def _sets(self) -> list[str]:
        words = self.words
        lines = []
        for number in self.numbers:
            kind = f"ipv{number}_addr"
            first, last = words.span(number)
            low, high = words.ports()
            span = f"{first}-{last}" if first != last else first
            hosts = {words.host(number) for dummy in range(words.randint(1, 4))}
            pairs = {f"{words.host(number)} . {words.port()}" for dummy in range(words.randint(1, 5))}
            nets = [words.prefix(number), words.prefix(number)]
            spans = [f"{span} . {low}-{high}" if low < high else f"{span} . {low}"]
            lines += [
                self._set(f"hosts{number}", f"type {kind}", hosts),
                self._set(f"nets{number}", f"type {kind}; flags interval; auto-merge", nets),
                self._set(f"pairs{number}", f"type {kind} . inet_service", pairs),
                self._set(f"spans{number}", f"type {kind} . inet_service; flags interval", spans),
                self._set(f"late{number}", f"type {kind}; flags timeout; timeout 1h; size 99", hosts),
                f"add set {self.where} seen{number} {{ type {kind}; flags dynamic; size 999; }}",
                f"add set {self.where} met{number} {{ type {kind} . inet_service; flags dynamic; size 999; }}",
            ]
        ports = {str(words.port()) for dummy in range(words.randint(1, 3))}
        return [*lines, self._set("ports", "type inet_service", ports)]

    def _set(self, name: str, kind: str, elements: Iterable[str], noun: str = "set") -> str:
        return f"add {noun} {self.where} {name} {{ {kind}; elements = {{ {', '.join(sorted(elements))} }}; }}"

    def _maps(self) -> list[str]:
        words = self.words
        lines = []
        for number in self.numbers:
            kind = f"inet_service : ipv{number}_addr"
            entries = {port: f"{port} : {words.target(number)}" for port in (words.port(), words.port())}
            both = {port: f"{port} : {words.target(number)} . {words.port()}" for port in (words.port(), words.port())}
            lines.append(self._set(f"to{number}", f"type {kind}", entries.values(), "map"))
            lines.append(self._set(f"both{number}", f"type {kind} . inet_service", both.values(), "map"))
        verdicts = {device: f'"{device}" : {self._verdict(self.own)}' for device in (words.device(), words.device())}
        return [*lines, self._set("by_device", "type ifname : verdict", verdicts.values(), "map")]

    def _verdict(self, below: list[str]) -> str:
        words = self.words
        if below and words.some(0.5):
            return f"{words.choice(('jump', 'jump', 'goto'))} {words.choice(below)}"
        return words.choice(("accept", "accept", "drop", "return", "continue"))

    # ---- rules -------------------------------------------------------------------------------------------------------

    def _rule(self, hook: str, kind: str, below: list[str], priority: int = 0) -> str:
        words = self.words
        number = words.choice(self.numbers)
        parts = [self._condition(hook, number, below, priority) for dummy in range(words.choice((0, 1, 1, 1, 2, 2)))]
        parts = list(filter(None, parts))
        if len(parts) == 2 and all(" < " in part or " > " in part for part in parts):
            # nft 1.1.3 shows `ip ttl < 33 ip ttl > 33`, which matches nothing, as `ip ttl != 33-33`.
            parts.pop()
        if words.some(0.2):
            parts.append(self._aside(number))
        if words.some(0.15) and kind != "nat":
            return " ".join([*parts, self._lookup(hook, number, below)])
        return " ".join([*parts, self._end(hook, kind, number, below, priority)])

    def _aside(self, number: int) -> str:
        """What decides nothing; some of it ends the rule for packets without the header that it is about."""
        ip = _NUMBER[number]
        return self.words.choice(
            (
                "counter",
                'log prefix "x y"',
                "counter log",
                f"{ip} dscp set cs1",
                f"{'ip ttl' if number == 4 else 'ip6 hoplimit'} set {self.words.choice((33, 64, 65, 128))}",
                "tcp option maxseg size set 1400",
                f"add @seen{number} {{ {ip} saddr }}",
                f"update @met{number} {{ {ip} daddr . udp dport }}",
            )
        )

    def _end(self, hook: str, kind: str, number: int, below: list[str], priority: int) -> str:
        words = self.words
        if below and words.some(0.25):
            return f"{words.choice(('jump', 'jump', 'goto'))} {words.choice(below)}"
        if kind == "nat":
            return self._nat(hook, number) if words.some(0.85) else words.choice(("accept", "return"))
        if priority < -200 and hook in ("prerouting", "output") and words.some(0.3):
            return f"meta l4proto {words.choice(_UNTRACKED)} notrack"
        if words.some(0.35):
            return self._mark(tracked=priority > -200)
        if kind in ("filter", "") and hook in ("input", "forward", "output") and words.some(0.25):
            if words.some(0.2):
                return "meta l4proto tcp reject with tcp reset"
            return f"reject{words.choice(_REJECTS[self.family])}"
        return words.choice(("accept", "accept", "accept", "drop", "return"))

    def _mark(self, *, tracked: bool) -> str:
        words = self.words
        value, mask = f"{words.mark():#x}", f"{words.choice((0x1, 0xF, 0xFF)):#x}"
        choices = [
            f"meta mark set {value}",
            f"meta mark set meta mark or {value}",
            f"meta mark set meta mark and {mask}",
            f"meta mark set meta mark xor {value}",
            f"meta mark set meta mark and {mask} or {value}",
        ]
        if tracked:
            choices += [
                f"ct mark set {value}",
                "ct mark set meta mark",
                "meta mark set ct mark",
                f"ct mark set ct mark or {value}",
                f"meta mark set ct mark and {mask}",
            ]
        return words.choice(choices)

    def _nat(self, hook: str, number: int) -> str:
        words = self.words
        target, source, ip = words.target(number), words.source(number), _NUMBER[number]
        protocol = words.choice(("tcp", "udp"))
        bracketed, from_ = (f"[{target}]", f"[{source}]") if number == 6 else (target, source)
        kind = f" {ip}" if self.family == "inet" else ""
        only = f"meta nfproto ipv{number} " if self.family == "inet" else ""
        if hook in ("prerouting", "output"):
            return words.choice(
                (
                    f"{only}dnat{kind} to {target}",
                    f"{protocol} dport {words.port()} dnat{kind} to {bracketed}:{words.port()}",
                    f"{protocol} dport {words.port()} dnat{kind} to {bracketed}:{words.port()}",
                    f"{protocol} dport {words.port()} redirect to :{words.port()}",
                    f"dnat {ip} to {protocol} dport map @to{number}",
                    f"dnat {ip} to {protocol} dport map {{ {words.port()} : {target} }}",
                    f"dnat {ip} to {protocol} dport map @both{number}",
                )
            )
        if hook == "postrouting":
            return words.choice(
                (
                    "masquerade",
                    f"{only}snat{kind} to {source}",
                    f"{protocol} dport {words.port()} snat{kind} to {from_}:20000-30000",
                    f"meta l4proto {protocol} masquerade to :20000-30000",
                    f"snat {ip} to {ip} daddr map {{ {words.host(number)} : {source} }}",
                )
            )
        return f"{only}snat{kind} to {source}"

    def _lookup(self, hook: str, number: int, below: list[str]) -> str:
        """A verdict map."""
        words = self.words
        ip = _NUMBER[number]

        def verdict() -> str:
            return self._verdict(below)

        ports = words.sample(PORTS, 2)
        choices = [
            f"{words.choice(('tcp', 'udp'))} dport vmap {{ {ports[0]} : {verdict()}, {ports[1]} : {verdict()} }}",
            f"ct state vmap {{ established : {verdict()}, related : accept, new : {verdict()}, invalid : drop }}",
            f"meta l4proto vmap {{ tcp : {verdict()}, udp : {verdict()} }}",
            f"{ip} saddr . tcp dport vmap {{ {words.host(number)} . {ports[0]} : {verdict()} }}",
            f"{ip} daddr vmap {{ {words.prefix(number)} : {verdict()} }}",
            f"meta mark vmap {{ 0x0 : {verdict()}, 0x1 : {verdict()} }}",
        ]
        if hook and hook not in _WITHOUT_INCOMING and below == self.own:
            choices.append("iifname vmap @by_device")
        return words.choice(choices)

    # ---- conditions --------------------------------------------------------------------------------------------------

    def _condition(self, hook: str, number: int, below: list[str], priority: int) -> str:
        words = self.words
        ip, no = _NUMBER[number], words.choice(("", "", "", "!= "))
        port, protocol = words.port(), words.choice(("tcp", "udp", "meta l4proto { tcp, udp } th"))
        low, high = words.ports()
        first, last = words.span(number)
        span = f"{first}-{last}" if first != last else first
        side = words.choice(("saddr", "daddr"))
        mask = f"{words.choice((0x1, 0xF, 0xFF)):#x}"
        choices: list[str] = [
            f"{ip} {side} {no}{words.prefix(number)}",
            f"{ip} {side} {no}{span}",
            f"{ip} {side} {no}{{ {words.host(number)}, {words.host(number)} }}",
            f"{ip} {side} {no}@{words.choice(('hosts', 'nets', 'late'))}{number}",
            f"{ip} {side} . {words.choice(('tcp', 'udp'))} dport {no}@{words.choice(('pairs', 'spans'))}{number}",
            f"{protocol} dport {no}{words.choice((str(port), f'{low}-{high}' if low < high else str(port)))}",
            f"{protocol} dport {no}{{ {port}, 1-50, 10000-15000 }}",
            f"{protocol} dport {no}@ports",
            f"{protocol} sport {'-'.join(map(str, words.source_ports()))}",
            f"meta l4proto {no}{words.choice(('tcp', 'udp', '{ tcp, udp }', 'icmp', 'ipv6-icmp'))}",
            f"meta mark {no}{words.mark():#x}",
            f"meta mark and {mask} {words.choice(('==', '!='))} {words.mark():#x}",
            "tcp flags syn / syn,ack",
            "tcp flags & (fin|syn|rst|ack) == syn",
            "tcp flags != syn",
            f"meta pkttype {no}host",
            f"{'ip ttl' if number == 4 else 'ip6 hoplimit'} {words.hops('<', '>')}",
            f"{ip} {side} {words.host(number)} meta l4proto {{ tcp, udp }} th dport {port}",
            f"ip6 nexthdr {no}tcp" if number == 6 else f"ip protocol {no}{words.choice(('tcp', 'udp', 'icmp'))}",
            "icmp type echo-request" if number == 4 else "icmpv6 type { echo-request, echo-reply }",
            *self._conntrack(ip, number, no, tracked=priority > -200),
            *self._devices(hook, no),
            *self._fib(hook),
        ]
        if self.family == "inet":
            choices.append(f"meta nfproto {words.choice(('ipv4', 'ipv6'))}")
            choices.append(f"meta protocol {words.choice(('ip', 'ip6'))}")
        return words.choice(choices)

    def _conntrack(self, ip: str, number: int, no: str, *, tracked: bool) -> list[str]:
        words = self.words
        states = ("new", "established", "related,established", "invalid", "untracked", "new,established")
        if not tracked:
            return []
        return [
            f"ct state {no}{words.choice(states)}",
            f"ct state {no}{words.choice(states)}",
            "ct state { new, untracked }",
            f"ct status {words.choice(('dnat', 'snat', 'seen-reply', 'confirmed'))}",
            f"ct mark {no}{words.choice((0, words.mark())):#x}",
            f"ct direction {words.choice(('original', 'reply'))}",
            f"ct original {ip} daddr {words.prefix(number)}",
            f"ct reply {ip} saddr {words.prefix(number)}",
            f"meta l4proto {{ tcp, udp }} ct original proto-dst {words.port()}",
        ]

    def _devices(self, hook: str, no: str) -> list[str]:
        words = self.words
        names = f'{{ "{words.device()}", "lo" }}'
        one = words.choice((f'"{words.device()}"', '"cli*"', '"lo"', names))
        choices = []
        if hook not in _WITHOUT_INCOMING:
            choices += [f"iifname {no}{one}", f"iif {no}{words.choice((*DEVICES, 'lo'))}"]
        if hook not in _WITHOUT_OUTGOING:
            choices += [f"oifname {no}{one}"]
        return choices

    def _fib(self, hook: str) -> list[str]:
        words = self.words
        choices = [f"fib {words.choice(('daddr', 'saddr'))} type {words.choice(('local', 'unicast', '!= local'))}"]
        if hook in ("prerouting", "input", "forward"):
            choices.append(f"fib saddr .{words.choice((' ', ' mark . '))}iif oif {words.choice(('missing', 'exists'))}")
        if hook in ("prerouting", "input"):
            choices.append("fib daddr . iif type local")
        return choices
