"""Random rulesets for iptables-restore and ip6tables-restore, and the ipsets that they refer to."""

from __future__ import annotations

from collections.abc import Callable

from tests.differential.rules_words import DEVICES, Words

TABLES = {
    "raw": ("PREROUTING", "OUTPUT"),
    "mangle": ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"),
    "nat": ("PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"),
    "filter": ("INPUT", "FORWARD", "OUTPUT"),
    "security": ("INPUT", "FORWARD", "OUTPUT"),
}
_SETS = {
    "ip": "hash:ip",
    "net": "hash:net",
    "ipport": "hash:ip,port",
    "netport": "hash:net,port",
    "netiface": "hash:net,iface",
    "ipportip": "hash:ip,port,ip",
}
# How often a table has rules.
_CHANCES = {"raw": 0.25, "mangle": 0.4, "nat": 0.6, "filter": 0.8, "security": 0.1}
_WITHOUT_INCOMING = ("OUTPUT", "POSTROUTING")
_WITHOUT_OUTGOING = ("PREROUTING", "INPUT")
_ICMP = {4: ("icmp", "--icmp-type", ("echo-request", "8", "0", "any")), 6: ("icmpv6", "--icmpv6-type", ("128", "129"))}
_REJECTS = {
    4: ("icmp-port-unreachable", "icmp-host-unreachable", "icmp-net-unreachable", "icmp-admin-prohibited"),
    6: ("icmp6-port-unreachable", "icmp6-addr-unreachable", "icmp6-no-route", "icmp6-adm-prohibited"),
}
_NETWORKS = {4: ("10.1.1.0/24", "10.2.2.0/24", "10.4.4.0/29"), 6: ("fd00:1::/64", "fd00:2::/64", "fd00:4::/112")}
_TYPES = {4: ("LOCAL", "UNICAST", "LOCAL,UNICAST", "BROADCAST", "MULTICAST"), 6: ("LOCAL", "UNICAST", "LOCAL,UNICAST")}


def ipset_script(words: Words) -> str:
    """Sets of many kinds, a few elements in each; the same names always."""
    lines = []
    for family in (4, 6):
        for name, kind in _SETS.items():
            lines.append(f"create {name}{family} {kind} family {'inet' if family == 4 else 'inet6'}")
            lines += [
                f"add {name}{family} {_element(words, kind, family)} -exist" for dummy in range(words.randint(1, 5))
            ]
        lines.append(f"create list{family} list:set")
        lines += [f"add list{family} {name}{family}" for name in words.sample(("ip", "net"), words.randint(1, 2))]
    lines.append("create port bitmap:port range 0-65535")
    lines += [f"add port {words.port()} -exist" for dummy in range(2)]
    return "\n".join(lines) + "\n"


def _element(words: Words, kind: str, family: int) -> str:
    parts = [_part(words, part, family) for part in kind.partition(":")[2].split(",")]
    return ",".join(parts) + (" nomatch" if kind == "hash:net" and words.some(0.2) else "")


def _part(words: Words, part: str, family: int) -> str:
    if part == "port":
        return f"{words.choice(('tcp', 'udp'))}:{words.port()}"
    if part == "iface":
        return words.device()
    return words.host(family) if part == "ip" else words.prefix(family)


def restore_script(words: Words, family: int, *, sets: bool) -> str:
    """Text for iptables-restore (family 4) or ip6tables-restore (6)."""
    lines: list[str] = []
    for table, chains in TABLES.items():
        if words.some(_CHANCES[table]):
            lines += _Table(words, family, table, chains, sets=sets).lines()
    return "\n".join(lines) + "\n"


class _Table:
    def __init__(self, words: Words, family: int, table: str, chains: tuple[str, ...], *, sets: bool) -> None:
        self.words, self.family, self.table, self.chains, self.sets = words, family, table, chains, sets
        self.own = [f"own-{number}" for number in range(words.randint(0, 3))]

    def lines(self) -> list[str]:
        words = self.words
        closed = self.table in ("filter", "mangle", "raw")
        lines = [f"*{self.table}"]
        lines += [f":{chain} {'DROP' if closed and words.some(0.04) else 'ACCEPT'} [0:0]" for chain in self.chains]
        lines += [f":{name} - [0:0]" for name in self.own]
        for place, name in enumerate(self.own):
            # Only further chains, so that there are no loops; it can be reached from any hook.
            below = self.own[place + 1 :]
            lines += [f"-A {name} {self._rule('', below)}" for dummy in range(words.randint(1, 4))]
        for chain in self.chains:
            number = words.choice((0, 0, 1, 2, 4))
            lines += [f"-A {chain} {self._rule(chain, self.own)}" for dummy in range(number)]
        return [*lines, "COMMIT"]

    def _rule(self, chain: str, below: list[str]) -> str:
        words = self.words
        target, protocol = self._target(chain, below)
        conditions: dict[str, str] = {}
        for dummy in range(words.choice((0, 1, 1, 1, 2, 2, 3))):
            condition = self._condition(chain, protocol)
            # A rule can ask most things only once; the first word after "!" or the module's name says what it is.
            said = condition.removeprefix("! ").split(" ")
            conditions[" ".join(said[: 2 if said[0] == "-m" else 1])] = condition
        # --dport belongs to the module of the protocol, which is the one named last.
        ordered = sorted(filter(None, conditions.values()), key=lambda condition: "-m " in condition)
        parts = [*filter(None, [protocol]), *ordered]
        if "-d" in conditions and target.startswith("-d "):
            target = target.partition(" -j ")[1].strip() + target.partition(" -j ")[2]
        return " ".join([*parts, target])

    # ---- conditions --------------------------------------------------------------------------------------------------

    def _condition(self, chain: str, protocol: str) -> str:
        words = self.words
        choices: list[Callable[[], str]] = [
            lambda: f"{self._not()}-s {words.prefix(self.family)}",
            lambda: f"{self._not()}-d {words.prefix(self.family)}",
            self._interface_in if chain and chain not in _WITHOUT_INCOMING else lambda: "",
            self._interface_out if chain and chain not in _WITHOUT_OUTGOING else lambda: "",
            self._conntrack,
            lambda: f"-m state {self._not()}--state {words.choice(('NEW', 'ESTABLISHED', 'RELATED,ESTABLISHED'))}",
            self._addrtype,
            lambda: f"-m mark {self._not()}--mark {self._masked()}",
            lambda: f"-m connmark {self._not()}--mark {self._masked()}",
            self._iprange,
            self._pkttype,
            self._hops,
            lambda: '-m comment --comment "a \\"word\\" of -j DROP \'s"',
        ]
        if protocol in ("-p tcp", "-p udp"):
            choices += [self._port_condition, self._port_condition, self._multiport, self._multiport]
        if protocol == "-p tcp":
            choices.append(self._flags)
        if self.sets:
            choices += [self._set, self._set]
        if chain in ("FORWARD", "POSTROUTING", "PREROUTING", "INPUT"):
            choices.append(lambda: self._physdev(chain))
        if chain == "PREROUTING" and self.table in ("raw", "mangle"):
            options = words.choice(("", "", " --invert", " --validmark", " --validmark --invert"))
            choices.append(lambda: f"-m rpfilter{options}")
        if self.family == 4:
            choices.append(lambda: f"{self._not()}-d 10.0.0.{words.randint(1, 3)}/255.0.0.255")
        return words.choice(choices)()

    def _not(self) -> str:
        return "! " if self.words.some(0.2) else ""

    def _masked(self) -> str:
        mark = self.words.choice((0, self.words.mark()))
        return f"{mark:#x}" if self.words.some(0.5) else f"{mark:#x}/{self.words.choice((0x1, 0xF, 0xFF)):#x}"

    def _interface_in(self) -> str:
        return f"{self._not()}-i {self.words.choice((*DEVICES, 'cli+', 'lo', '+'))}"

    def _interface_out(self) -> str:
        return f"{self._not()}-o {self.words.choice((*DEVICES, 'srv+', 'lo'))}"

    def _port_condition(self) -> str:
        words = self.words
        if words.some(0.2):
            return f"{self._not()}--sport {':'.join(map(str, words.source_ports()))}"
        return f"{self._not()}--dport {words.choice((str(words.port()), ':'.join(map(str, words.ports()))))}"

    def _multiport(self) -> str:
        words = self.words
        first, last = words.ports()
        listed = [str(words.port()) for dummy in range(words.randint(1, 4))] + [f"{first}:{last}"] * (first < last)
        return f"-m multiport {self._not()}{words.choice(('--dports', '--dports', '--ports'))} {','.join(listed)}"

    def _flags(self) -> str:
        return f"{self._not()}{self.words.choice(('--syn', '--tcp-flags SYN,ACK SYN', '--tcp-flags ALL SYN,ACK'))}"

    def _conntrack(self) -> str:
        words, no = self.words, self._not()
        states = ("NEW", "ESTABLISHED", "INVALID", "UNTRACKED", "DNAT", "SNAT", "NEW,DNAT", "RELATED,ESTABLISHED")
        host = words.prefix(self.family)
        chosen = words.choice(
            (
                *(f"{no}--ctstate {words.choice(states)}",) * 4,
                f"{no}--ctorigdst {host}",
                f"{no}--ctorigsrc {host}",
                f"{no}--ctreplsrc {host}",
                f"{no}--ctrepldst {host}",
                f"{no}--ctorigdstport {words.port()}",
                f"{no}--ctproto {words.choice(('tcp', 'udp'))}",
                f"--ctdir {words.choice(('ORIGINAL', 'REPLY'))}",
                f"{no}--ctstatus {words.choice(('SEEN_REPLY', 'CONFIRMED', 'NONE', 'ASSURED'))}",
            )
        )
        return f"-m conntrack {chosen}"

    def _addrtype(self) -> str:
        words = self.words
        side = words.choice(("--dst-type", "--src-type"))
        return f"-m addrtype {self._not()}{side} {words.choice(_TYPES[self.family])}"

    def _iprange(self) -> str:
        first, last = self.words.span(self.family)
        return f"-m iprange {self._not()}{self.words.choice(('--src-range', '--dst-range'))} {first}-{last}"

    def _pkttype(self) -> str:
        return f"-m pkttype {self._not()}--pkt-type {self.words.choice(('unicast', 'broadcast'))}"

    def _hops(self) -> str:
        word = "ttl" if self.family == 4 else "hl"
        comparison, hops = self.words.hops("lt", "gt").split(" ")
        return f"-m {word} {self._not() if comparison == 'eq' else ''}--{word}-{comparison} {hops}"

    def _set(self) -> str:
        words = self.words
        flags = {"ip": "src", "net": "src", "list": "src", "port": "dst"}
        name = words.choice(("ip", "net", "list", "port", "ipport", "netport", "netiface", "ipportip"))
        directions = {
            "ipport": ("dst,dst", "src,dst"),
            "netport": ("dst,dst", "src,dst"),
            "netiface": ("src,src", "dst,src"),
            "ipportip": ("src,dst,dst",),
        }.get(name, (flags.get(name, "dst"), "dst"))
        full = name if name == "port" else f"{name}{self.family}"
        return f"-m set {self._not()}--match-set {full} {words.choice(directions)}"

    def _physdev(self, chain: str) -> str:
        ports = ("one0", "two0", "one+")
        choices = ["--physdev-in " + self.words.choice(ports)]
        if chain in ("FORWARD", "POSTROUTING"):
            choices += ["--physdev-is-bridged", "--physdev-is-in"]
        return f"-m physdev {self._not()}{self.words.choice(choices)}"

    # ---- targets -----------------------------------------------------------------------------------------------------

    def _target(self, chain: str, below: list[str]) -> tuple[str, str]:
        """The target, and the protocol that it or a condition of the rule needs."""
        words = self.words
        protocol = f"-p {words.choice(('tcp', 'udp', 'tcp', _ICMP[self.family][0]))}" if words.some(0.55) else ""
        if below and words.some(0.3):
            return f"-{words.choice('jjjg')} {words.choice(below)}", protocol
        plain = words.choice(("ACCEPT", "ACCEPT", "RETURN", "DROP"))
        special = {"raw": self._raw, "mangle": self._mangle, "nat": self._nat, "filter": self._filter}.get(self.table)
        if special and words.some(0.75):
            return special(chain, protocol)
        return f"-j {plain if self.table != 'nat' or plain != 'DROP' else 'ACCEPT'}", protocol

    def _raw(self, chain: str, protocol: str) -> tuple[str, str]:
        """Not for TCP: what is tracked in one direction alone depends on windows and retransmissions."""
        own = self.words.choice(("-p udp", f"-p {_ICMP[self.family][0]}"))
        return ("-j CT --notrack", own) if chain else ("-j RETURN", protocol)

    def _mangle(self, chain: str, protocol: str) -> tuple[str, str]:
        words = self.words
        value, mask = words.mark(), words.choice((0x1, 0xF, 0xFF))
        kind, word = ("TTL", "ttl") if self.family == 4 else ("HL", "hl")
        return words.choice(
            (
                f"-j {kind} --{word}-{words.choice(('set 33', 'set 65', 'inc 1', 'dec 1'))}",
                f"-j MARK --set-mark {value:#x}",
                f"-j MARK --set-xmark {value:#x}/{mask:#x}",
                f"-j MARK --or-mark {value:#x}",
                f"-j MARK --and-mark {mask:#x}",
                f"-j MARK --xor-mark {value:#x}",
                f"-j CONNMARK --set-mark {value:#x}",
                f"-j CONNMARK --set-xmark {value & mask:#x}/{mask:#x}",
                "-j CONNMARK --save-mark",
                "-j CONNMARK --restore-mark",
                f"-j CONNMARK --restore-mark --nfmask {mask:#x} --ctmask {mask:#x}",
                f"-j CONNMARK --save-mark --nfmask {mask:#x} --ctmask {mask:#x}",
            )
        ), protocol

    def _filter(self, chain: str, protocol: str) -> tuple[str, str]:
        words = self.words
        if words.some(0.5):
            return f"-j {words.choice(('ACCEPT', 'ACCEPT', 'DROP', 'RETURN'))}", protocol
        if protocol == "-p tcp" and words.some(0.3):
            return "-j REJECT --reject-with tcp-reset", protocol
        return f"-j REJECT --reject-with {words.choice(_REJECTS[self.family])}", protocol

    def _nat(self, chain: str, protocol: str) -> tuple[str, str]:
        words = self.words
        with_port = protocol in ("-p tcp", "-p udp")
        target, source = words.target(self.family), words.source(self.family)
        if chain in ("PREROUTING", "OUTPUT"):
            if with_port and words.some(0.3):
                return f"-j REDIRECT --to-ports {words.port()}", protocol
            if words.some(0.1):
                return "-j REDIRECT", protocol
            if words.some(0.1):
                one, other = words.sample(_NETWORKS[self.family], 2)
                return f"-d {one} -j NETMAP --to {other}", protocol
            port = f":{words.port()}" if with_port and words.some(0.6) else ""
            bracketed = f"[{target}]" if self.family == 6 and port else target
            return f"-j DNAT --to-destination {bracketed}{port}", protocol
        if chain == "POSTROUTING" and words.some(0.6):
            if with_port and words.some(0.2):
                return "-j MASQUERADE --to-ports 20000-30000", protocol
            return "-j MASQUERADE", protocol
        if chain in ("POSTROUTING", "INPUT"):
            port = ":20000-30000" if with_port and words.some(0.2) else ""
            bracketed = f"[{source}]" if self.family == 6 and port else source
            return f"-j SNAT --to-source {bracketed}{port}", protocol
        return f"-j {words.choice(('ACCEPT', 'RETURN'))}", protocol
