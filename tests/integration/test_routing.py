"""Which way packets go in a namespace with random routes and policy rules: our lookup against ``ip route get``."""

from __future__ import annotations

import json
import os
import random
import sys
from typing import NamedTuple

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.ip_numbers import address_text, parse_address
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.policy import Asked
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.stack import Stack
from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import from_plain
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link, PolicyRule, Route

from tests.lab.identity import ROOT
from tests.lab.proc import run

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="takes root")

DEVICES = ("d0", "d1", "d2")
TABLES = (254, 100, 101, 253)
QUERIES = 60
ERRORS = {
    "Network is unreachable": "no route",
    "No route to host": "unreachable",
    "Invalid argument": "blackhole",
    "Permission denied": "prohibit",
}
# What ip(8) is to do comes in by a file: names and numbers of this test only.
PROGRAM = """
import json, subprocess, sys, time
from ansible_collections.dockernet.baseline.plugins.module_utils._host import links, policy_rules, routes
from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import to_plain

family, setup, queries = json.load(sys.stdin)
for name in ("all", "default"):
    open(f"/proc/sys/net/ipv4/conf/{name}/rp_filter", "w").write("0")
    open(f"/proc/sys/net/ipv6/conf/{name}/accept_dad", "w").write("0")
subprocess.run(["ip", f"-{family}", "-force", "-batch", "-"], input=setup, text=True, capture_output=True)
limit = time.monotonic() + 20
while sum(link.operstate == "UP" for link in links.read_links()) < 6 and time.monotonic() < limit:
    time.sleep(0.01)
read = [links.read_links(), routes.read_routes(), policy_rules.read_policy_rules()]
answers = []
for query in queries:
    done = subprocess.run(["ip", "-json", "route", "get", *query.split()], capture_output=True, text=True)
    answers.append(json.loads(done.stdout)[0] if done.stdout.strip() else done.stderr)
print(json.dumps([to_plain(read), answers]))
"""


class Told(NamedTuple):
    """What one of the two says of a packet."""

    kind: str
    device: str = ""
    gateway: str = ""
    source: str = ""


def setup_lines(dice: random.Random, family: int) -> list[str]:
    lines = ["link set lo up"]
    for number, device in enumerate(DEVICES):
        address = f"10.{number}.0.1/24" if family == 4 else f"fd00:{number}::1/64 nodad"
        lines += [
            f"link add {device} type veth peer name far-{device}",
            f"link set far-{device} up",
            f"link set {device} up",
            f"address add {address} dev {device}",
        ]
    lines += [f"route add {route(dice, family)}" for dummy in range(14)]
    lines += [f"rule add {rule(dice, family)}" for dummy in range(6)]
    return lines


def prefix(dice: random.Random, family: int) -> str:
    if dice.random() < 0.2:
        return "default"
    length = dice.choice((8, 16, 24, 32) if family == 4 else (16, 32, 64, 128))
    text = far_address(dice, family)
    bits = 32 if family == 4 else 128
    number = parse_address(text)[1] >> (bits - length) << (bits - length)
    return f"{address_text(family, number)}/{length}"


def far_address(dice: random.Random, family: int) -> str:
    first, second, last = dice.choice((20, 21)), dice.randrange(2), dice.randrange(1, 4)
    return f"{first}.{second}.0.{last}" if family == 4 else f"20{first}:{second}::{last}"


def route(dice: random.Random, family: int) -> str:
    table, where = dice.choice(TABLES), prefix(dice, family)
    metric = f"metric {dice.choice((10, 20, 3000))}"
    kind = dice.choice(("unicast",) * 6 + ("blackhole", "unreachable", "prohibit", "throw"))
    if kind != "unicast":
        return f"{kind} {where} table {table} {metric}"
    number = dice.randrange(len(DEVICES))
    via = ""
    if dice.random() < 0.5:
        via = f"via 10.{number}.0.9 " if family == 4 else f"via fd00:{number}::9 "
    source = ""
    if dice.random() < 0.3:
        other = dice.randrange(len(DEVICES))
        source = f"src 10.{other}.0.1 " if family == 4 else f"src fd00:{other}::1 "
    return f"{where} {via}dev {DEVICES[number]} {source}table {table} {metric}"


def rule(dice: random.Random, family: int) -> str:
    words = [f"priority {dice.randrange(1, 40) * 1000}"]
    if dice.random() < 0.2:
        words.append("not")
    selectors = [
        f"from 10.{dice.randrange(3)}.0.0/24" if family == 4 else f"from fd00:{dice.randrange(3)}::/64",
        f"to {prefix(dice, family)}",
        f"fwmark {dice.randrange(1, 4)}/{dice.choice((1, 2, 3))}",
        f"iif {dice.choice(('lo', *DEVICES))}",
        f"ipproto {dice.choice(('tcp', 'udp'))}",
        f"dport {dice.choice(('80', '1-100', '443'))}",
    ]
    words += dice.sample(selectors, dice.choice((1, 1, 2)))
    action = dice.choice(("lookup",) * 5 + ("blackhole", "unreachable", "prohibit", "nop", "goto"))
    if action == "lookup":
        words.append(f"lookup {dice.choice(TABLES)}")
        if dice.random() < 0.3:
            words.append(f"suppress_prefixlength {dice.choice((0, 8, 16))}")
    elif action == "goto":
        words.append("goto 32766")
    else:
        words.append(f"type {action}")
    # A rule without a number before "not" is not taken; the order of the other words does not matter.
    return " ".join([words[1], words[0], *words[2:]] if words[1] == "not" else words)


def question(dice: random.Random, family: int) -> tuple[str, Asked]:
    near = f"10.{dice.randrange(3)}.0.{dice.choice((1, 7))}" if family == 4 else f"fd00:{dice.randrange(3)}::7"
    destination = far_address(dice, family) if dice.random() < 0.8 else near
    own = dice.randrange(3)
    source = dice.choice(("", f"10.{own}.0.1" if family == 4 else f"fd00:{own}::1"))
    mark, protocol, port = dice.randrange(4), dice.choice(("tcp", "udp")), dice.choice((80, 443, 999))
    words = f"{destination} {'from ' + source if source else ''} mark {mark} ipproto {protocol} sport 5 dport {port}"
    number = parse_address(source)[1] if source else 0
    asked = Asked(family, parse_address(destination)[1], number, "lo", mark, {"tcp": 6, "udp": 17}[protocol], 5, port)
    return words, asked


def shown(answer: object, family: int) -> Told:
    if isinstance(answer, str):
        return Told(next((kind for text, kind in ERRORS.items() if text in answer), answer))
    assert isinstance(answer, dict)
    if answer.get("type") == "local" or answer.get("dev") == "lo":
        return Told("local")
    if answer.get("type") in ERRORS.values():
        return Told(str(answer["type"]))
    # IPv6 shows the source of the question and the one that the route would give, IPv4 the one in use.
    given = str(answer.get("from", "::"))
    source = str(answer.get("prefsrc", "")) if given == "::" else given
    return Told("unicast", str(answer["dev"]), str(answer.get("gateway", "")), source)


def predicted(stack: Stack, asked: Asked) -> Told:
    decision = stack.fib.lookup(asked)
    if decision.kind != "unicast":
        return Told(decision.kind)
    source = asked.source or stack.source_for(asked, decision) or 0
    return Told("unicast", decision.device, decision.gateway, address_text(asked.family, source))


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("seed", range(3))
def test_routes_as_the_kernel_finds_them(seed: int, family: int) -> None:
    dice = random.Random(f"{seed} {family}")  # noqa: S311
    setup = "\n".join(setup_lines(dice, family))
    questions = [question(dice, family) for dummy in range(QUERIES)]
    start = f"import sys; sys.path.insert(0, {str(ROOT / '.build')!r})\n"
    work = json.dumps([family, setup, [words for words, dummy in questions]])
    done = run(["unshare", "--net", sys.executable, "-c", start + PROGRAM], stdin=work, timeout=120)
    (links, routes, rules), answers = json.loads(done.out)
    stack = Stack(
        "host",
        [from_plain(Link, item) for item in links],
        [from_plain(Route, item) for item in routes],
        [from_plain(PolicyRule, item) for item in rules],
        [],
    )
    assert {answer["dev"] for answer in answers if isinstance(answer, dict)} >= set(DEVICES[:2])
    for (words, asked), answer in zip(questions, answers, strict=True):
        assert predicted(stack, asked) == shown(answer, family), f"ip -{family} route get {words}\n{setup}\n{rules}"
