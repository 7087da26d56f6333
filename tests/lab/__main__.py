"""The lab's command line: python -m tests.lab --help."""

from __future__ import annotations

import argparse
import sys
import time

from tests.lab import breaks, lifecycle
from tests.lab import engine as engines
from tests.lab.identity import DEFAULT_NAME, Identity
from tests.lab.kinds import KINDS, parse_hosts
from tests.lab.proc import LabError

DESCRIPTION = "Real Docker hosts on this machine, in a network that no packet leaves."


def main(argv: list[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    try:
        COMMANDS[arguments.command](arguments)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("lab: interrupted; run it again to go on from here", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.lab", description=DESCRIPTION)
    parser.add_argument("--lab", metavar="NAME", help=f"which lab (default: environment LAB, then {DEFAULT_NAME!r})")
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start hosts, from whatever is left of them")
    up.add_argument(
        "--hosts",
        action="append",
        default=[],
        metavar="NAMES",
        help=f"some of: {', '.join(KINDS)}; more of a kind with a number, like debian13-2 (default: one of each)",
    )
    down = commands.add_parser("down", help="remove exactly what this lab made")
    down.add_argument("--engine", action="store_true", help="stop the lab's own engine too, if no lab uses it")
    commands.add_parser("prune", help="take down the labs of checkouts that are gone")
    commands.add_parser("status", help="a table of the hosts")
    commands.add_parser("breaks", help="the ways to break a host that tests know")
    return parser


def _up(arguments: argparse.Namespace) -> None:
    began = time.monotonic()
    identity = Identity.of(arguments.lab)
    hosts = lifecycle.up(identity, parse_hosts(arguments.hosts), _say)
    for host in hosts:
        print(f"{host.name:22} {host.address:16} engine {host.release}")
    print(f"lab {identity.name!r}: {len(hosts)} hosts in {time.monotonic() - began:.1f} s; {identity.inventory}")


def _down(arguments: argparse.Namespace) -> None:
    lifecycle.down(Identity.of(arguments.lab), _say)
    if arguments.engine:
        engines.stop_own(_say)


def _prune(arguments: argparse.Namespace) -> None:
    del arguments
    lifecycle.prune(_say)


def _status(arguments: argparse.Namespace) -> None:
    identity = Identity.of(arguments.lab)
    rows = lifecycle.status(identity)
    print(f"lab {identity.name!r} ({identity.tag}): {len(rows)} hosts")
    for row in rows:
        print("{:22} {:10} {:16} engine {}".format(*row))


def _breaks(arguments: argparse.Namespace) -> None:
    del arguments
    for name, broken in breaks.BREAKS.items():
        print(f"{name:32} {broken.summary}")


def _say(line: str) -> None:
    print(f"lab: {line}", flush=True)


COMMANDS = {"up": _up, "down": _down, "prune": _prune, "status": _status, "breaks": _breaks}

if __name__ == "__main__":
    sys.exit(main())
