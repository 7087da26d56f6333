"""One case: rulesets of several programs on the router, its settings, and the probes; all of it follows from a seed."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from tests.differential.rules_iptables import ipset_script, restore_script
from tests.differential.rules_lab import RulesLab, set_sysctl
from tests.differential.rules_nft import nft_script
from tests.differential.rules_probe import Probe
from tests.differential.rules_words import Words, own_echoes, some_probes
from tests.lab.proc import LabError, run

PROBES = 60
_IPTABLES = {4: "iptables", 6: "ip6tables"}
# Which line a program complains of.
_COMPLAINTS = re.compile(r"^/dev/stdin:(\d+):|[lL]ine:? (\d+)", re.MULTILINE)
_TRIES = 40
_LOCK_SECONDS = "10"
_ECHO_SHARE = 0.1
_ERRORS = {
    "icmp": ("port-unreachable", "host-unreachable", "net-prohibited", "admin-prohibited"),
    "icmpv6": ("port-unreachable", "addr-unreachable", "no-route", "admin-prohibited"),
}


@dataclass(frozen=True)
class Script:
    """What one program is given."""

    argv: tuple[str, ...]
    lines: tuple[str, ...]


@dataclass(frozen=True)
class RulesCase:
    """What the router is given, and the probes."""

    seed: int
    number: int
    scripts: tuple[Script, ...]
    probes: tuple[Probe, ...]
    settings: dict[str, str] = field(default_factory=dict)
    routing: tuple[str, ...] = ()
    """Commands of ip(8)."""

    def __str__(self) -> str:
        parts = [f"case {self.number} of seed {self.seed}"]
        parts += [f"  {key} = {value}" for key, value in self.settings.items()]
        parts += [f"  ip {command}" for command in self.routing]
        for script in self.scripts:
            parts += [f"  {' '.join(script.argv)}", *(f"    {line}" for line in script.lines)]
        return "\n".join(parts)


def rules_case(seed: int, number: int) -> RulesCase:
    """The case of that number; the same for ever."""
    words = Words(f"{seed} {number}")
    kinds = words.choice((("nft",), ("nft-save",), ("nft-save",), ("legacy",), ("nft", "nft-save"), ("nft", "legacy")))
    scripts = []
    sets = kinds != ("nft",) and words.some(0.4)
    if sets:
        scripts.append(Script(("ipset", "restore"), tuple(ipset_script(words).splitlines())))
    for kind in kinds:
        if kind == "nft":
            scripts.append(Script(("nft", "-f", "-"), tuple(nft_script(words).splitlines())))
            continue
        for family, program in _IPTABLES.items():
            text = restore_script(words, family, sets=sets)
            backend = kind.partition("-")[0]
            # One lock serves all namespaces (/run/xtables.lock).
            waiting = ("-w", _LOCK_SECONDS) if backend == "legacy" else ()
            scripts.append(Script((f"{program}-{backend}-restore", *waiting), tuple(text.splitlines())))
    probes = some_probes(words, PROBES)
    settings, routing = _settings(words), _routing(words)
    echoes = Words(f"echoes {seed} {number}")
    if echoes.some(_ECHO_SHARE):
        scripts.append(_rejected_echoes(echoes))
        probes += own_echoes(echoes)
    return RulesCase(seed, number, tuple(scripts), tuple(probes), settings, routing)


def _rejected_echoes(words: Words) -> Script:
    """A table of nft that rejects echo replies; those that the router sends itself come back as errors."""
    hook = words.choice(("input", "input", "prerouting", "output"))
    lines = ["add table inet echoes", f"add chain inet echoes {hook} {{ type filter hook {hook} priority 7; }}"]
    for protocol, kinds in _ERRORS.items():
        lines.append(
            f"add rule inet echoes {hook} {protocol} type echo-reply reject with {protocol} {words.choice(kinds)}"
        )
    return Script(("nft", "-f", "-"), tuple(lines))


def _settings(words: Words) -> dict[str, str]:
    chosen = {}
    for key, values, chance in (
        ("net.bridge.bridge-nf-call-iptables", "0", 0.3),
        ("net.bridge.bridge-nf-call-ip6tables", "0", 0.3),
        ("net.ipv4.conf.all.route_localnet", "1", 0.2),
        ("net.ipv4.conf.cli0.forwarding", "0", 0.03),
        ("net.ipv4.conf.cli0.rp_filter", "12", 0.2),
        ("net.ipv4.conf.all.rp_filter", "12", 0.1),
        ("net.ipv4.conf.all.src_valid_mark", "1", 0.1),
    ):
        if words.some(chance):
            chosen[key] = words.choice(values)
    return chosen


# For nobody here; that it is there makes the kernel look into packets for their protocol and ports.
_READING = {4: "to 198.18.0.0/15 ipproto sctp", 6: "to 2001:db8:ffff::/48 ipproto sctp"}


def _routing(words: Words) -> tuple[str, ...]:
    """Now and then a policy rule chooses another table."""
    if words.some(0.75):
        return ()
    family = words.choice((4, 6))
    # ip_error() of net/ipv4/route.c sends each source only a few errors a second.
    kind = words.choice(("blackhole", "throw") if family == 4 else ("unreachable", "blackhole", "prohibit", "throw"))
    selector = words.choice((_by_mark, _by_mark, _by_header))(words, family)
    return (
        f"-{family} rule add {selector} lookup 100 priority 500",
        f"-{family} route add {kind} {words.prefix(family)} table 100",
        *([f"-{family} rule add {_READING[family]} lookup main priority 501"] if words.some(0.5) else []),
    )


def _by_mark(words: Words, _family: int) -> str:
    return f"fwmark {words.choice(('0x1', '0x10', '0x1/0x1'))}"


def _by_header(words: Words, family: int) -> str:
    protocol = words.choice(("tcp", "udp", "icmp" if family == 4 else "ipv6-icmp"))
    return words.choice(("", "iif lo ")) + words.choice((f"from {words.prefix(family)}", f"ipproto {protocol}"))


def apply(case: RulesCase, lab: RulesLab) -> RulesCase:
    """Set the router up; returns the case without the commands that a program refused. LabError if nothing goes in."""
    for key, value in case.settings.items():
        set_sysctl(key, value)
    for command in case.routing:
        run(["ip", *command.split(" ")])
    return replace(case, scripts=tuple(_load(script) for script in case.scripts))


def _load(script: Script) -> Script:
    """Run the program. Some rules contradict themselves; those that it names are left out."""
    lines = list(script.lines)
    for dummy in range(_TRIES):
        result = run(script.argv, stdin="\n".join(lines) + "\n", check=False)
        if result.rc == 0:
            return replace(script, lines=tuple(lines))
        named = {int(one or other) - 1 for one, other in _COMPLAINTS.findall(result.err)}
        kept = [line for place, line in enumerate(lines) if place not in named or line == "COMMIT"]
        if len(kept) == len(lines):
            break
        lines = kept
    raise LabError(f"{script.argv[0]} does not take it: {result.err.strip()[-500:]}")
