"""What programs can print of the ruleset: huge, broken, endless in itself, and whatever else a program does."""

from __future__ import annotations

import contextlib
import json
import random
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import RULESET, SERVICE

from tests.hostile import nasty
from tests.hostile.hostilities import hostility
from tests.hostile.world import World

_SAVE = "iptables-nft-save"
_NFT = "nft -j list ruleset"
_FAILURES = (
    (1, "", "iptables-nft-save: Permission denied"),
    (124, "", "no end after 20 seconds"),
    (126, "", "x"),
    (-9, "", ""),
    (0, "", ""),
    (0, "\x00\x01\x02", ""),
    (1, "", "\x1b[2J" * 50),
    (255, "", "x" * 1_000_000),
    (127, "", ""),
)


def _rule(dice: random.Random, chains: list[str]) -> str:
    match = dice.choice(
        (
            "",
            "-s 10.0.0.0/8",
            '-m comment --comment "\x1b[2J"',
            "-m set --match-set x src",
            "-m owner --uid-owner 5",
            "-i +",
            "-m multiport --dports 1:65535",
            '-m u32 --u32 "0=0"',
            "! ! -s 1.1.1.1",
            "-s 999.1.1.1",
            "-p 999",
            "--dport x",
            "-m " + nasty.word(dice),
            nasty.word(dice),
            "-m statistic --mode random --probability 0.5",
            "-s",
        )
    )
    target = dice.choice(
        (*chains, "DROP", "ACCEPT", "RETURN", "QUEUE", "MARK --set-mark 1", nasty.word(dice), "", "-g A")
    )
    return f"-A {dice.choice((*chains, 'FORWARD', 'nowhere'))} {match} -j {target}"


@hostility(5)
def saved_rules_are_odd(world: World, dice: random.Random) -> None:
    """Rules that nobody wrote for sense, loops of jumps among them, and lines that are none."""
    text = world.programs.get(_SAVE, (0, "", ""))[1]
    lines = text.split("\n")
    chains = [f"LOOP{number}" for number in range(dice.choice((1, 3, 12)))]
    extra = [f":{chain} - [0:0]" for chain in chains] + [_rule(dice, chains) for dummy in range(dice.choice((3, 60)))]
    extra += [f"-A {chain} -j {dice.choice(chains)}" for chain in chains] + [f"-A FORWARD -j {chains[0]}"]
    at = lines.index("*filter") + 1 if "*filter" in lines else len(lines) // 2
    lines[at:at] = extra
    if dice.random() < 0.3:
        dice.shuffle(lines)
    found = "\n".join(lines)
    world.programs[_SAVE] = (0, found[: dice.randrange(len(found))] if dice.random() < 0.4 else found, "")
    world.touched.add(RULESET)


@hostility(2)
def very_many_saved_rules(world: World, dice: random.Random) -> None:
    """Of an administrator, of whom packets of no one here have anything to fear."""
    text = world.programs.get(_SAVE, (0, "", ""))[1]
    count = dice.choice((1000, 10_000))
    rules = [f"-A BLOCKED -s 203.{number >> 8 & 255}.{number & 255}.1/32 -j DROP" for number in range(count)]
    found = text.replace("*filter\n", "*filter\n:BLOCKED - [0:0]\n" + "\n".join(rules) + "\n")
    if dice.random() < 0.5:
        found = found.replace("-A FORWARD", "-A FORWARD -j BLOCKED\n-A FORWARD", 1)
        # Too many for a matrix is a reason that may be given.
        world.touched.add(RULESET)
    world.programs[_SAVE] = (0, found, "")


@hostility(2)
def a_wide_tree_of_chains(world: World, dice: random.Random) -> None:
    """Each chain jumps twice to the next: 2 to the power of their number ways through it."""
    text = world.programs.get(_SAVE, (0, "", ""))[1]
    depth = dice.choice((10, 30, 200))
    tree = [f":T{number} - [0:0]" for number in range(depth + 1)]
    tree += [f"-A T{number} -j T{number + 1}" for number in range(depth) for dummy in range(2)]
    tree += [f"-A T{depth} -s 203.0.113.7/32 -j DROP", "-A FORWARD -j T0"]
    world.programs[_SAVE] = (0, text.replace("*filter\n", "*filter\n" + "\n".join(tree) + "\n"), "")
    world.touched.add(RULESET)


@hostility(4)
def nft_prints_odd_documents(world: World, dice: random.Random) -> None:
    document: Any = {"nftables": _made_up(dice)}
    # It can be spoilt already.
    with contextlib.suppress(ValueError, RecursionError):
        document = json.loads(world.programs[_NFT][1]) if _NFT in world.programs else document
    text = json.dumps(document)
    kind = dice.randrange(5)
    if kind < 3:
        holder = [document]
        nasty.spoil_document(holder, dice)
        text = json.dumps(holder[0] if holder else None)
    elif kind == 3:
        text = text[: dice.randrange(len(text))]
    else:
        text = dice.choice(
            ("[" * 100_000, "{" * 10, '{"nftables": ' * 50_000, "\0", "warning: x\n" * 1000, "null", "[]", "9" * 5000)
        )
    world.programs[_NFT] = (0, text, "")
    world.touched.add(RULESET)


def _made_up(dice: random.Random) -> list[Any]:
    """Chains that jump in circles, and expressions nested in each other."""
    nested: Any = {"payload": {"protocol": "ip", "field": "saddr"}}
    for dummy in range(dice.choice((1, 50, 400))):
        nested = {"&": [nested, 255]}
    hook = {
        "family": "ip",
        "table": "t",
        "name": "c0",
        "type": "filter",
        "hook": "forward",
        "prio": 0,
        "policy": "accept",
    }
    chains = [hook, *({"family": "ip", "table": "t", "name": f"c{number}"} for number in range(1, 6))]
    rules = [
        {
            "family": "ip",
            "table": "t",
            "chain": f"c{number % 6}",
            "handle": number,
            "expr": [
                dice.choice(
                    (
                        {"jump": {"target": f"c{dice.randrange(7)}"}},
                        {"goto": {"target": "c0"}},
                        {"drop": None},
                        {"match": {"op": "==", "left": nested, "right": nasty.value(dice)}},
                        {"xt": None},
                    )
                )
            ],
        }
        for number in range(dice.choice((6, 40)))
    ]
    return [
        {"table": {"family": "ip", "name": "t"}},
        *({"chain": chain} for chain in chains),
        *({"rule": rule} for rule in rules),
    ]


@hostility(4)
def programs_fail(world: World, dice: random.Random) -> None:
    for name in dice.sample(
        (_SAVE, _NFT, "ip6tables-nft-save", "iptables-save", "iptables", "iptables-legacy-save"), 2
    ):
        world.programs[name] = dice.choice(_FAILURES)
    world.touched.add(RULESET)


@hostility(3)
def systemd_says_odd_things(world: World, dice: random.Random) -> None:
    name = "systemctl show docker.service"
    text = world.programs[name][1]
    lines = text.split("\n")
    lines[dice.randrange(len(lines))] = dice.choice(
        (
            nasty.word(dice).replace("\n", " "),
            "ExecStart=" + nasty.word(dice),
            "Environment=" + "'" * 5,
            "EnvironmentFiles=/tmp/fifo (ignore_errors=no)",
            "EnvironmentFiles=/dev/zero (ignore_errors=yes)",
            "ExecStart={ path=x ; argv[]=${A} $B $ ; ignore_errors=no ; }",
            "MainPID=-1",
            "MainPID=²",
            "MainPID=999999999999",
            "ActiveState=activating",
            "LoadState=not-found",
            "FragmentPath=/dev/zero",
            "DropInPaths=" + "/tmp/fifo " * 50,
        )
    )
    world.special.setdefault("tmp/fifo", "fifo")
    world.programs[name] = dice.choice(((0, "\n".join(lines), ""), (0, "\n".join(lines), ""), dice.choice(_FAILURES)))
    world.touched.update((SERVICE, "engine", "namespaces", "container_namespaces", "daemon_config", "processes"))
