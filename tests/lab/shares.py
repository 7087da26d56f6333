"""What of the tests on lab hosts `make test` runs, and what is left to `make test-long`.

Together the two shares are all tests on all kinds of hosts, and no test is in both:

* A test marked `long` is in the long share on every kind (CONTRIBUTING.md has the rule for the mark).
* Any other test runs on one kind of host in the short share, and on the others in the long one. Which kind follows from
  the test's place in its file, and from its parameters, so that the kinds take turns (TURNS).
* A test marked `engines` is about what differs from one engine to the next. It runs on a host of each generation, which
  SMOKE is left out of.
* A test marked `smoke` runs on SMOKE as well.

Why that kind: debian11 is the oldest of everything (Python 3.9, pyroute2 0.5.14, docker 4.1.0, nft 0.9.8, iptables
1.8.7, iproute2 5.10, systemd 247), debian13 and debian13-docker28 are the newest. debian12 has debian11's generation of
the engine, and lies between the others in all the rest.

The kinds run side by side, so a share takes as long as the kind with most to do. SMOKE has few tests of engines, and
takes two turns for each one of the others.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Sequence

import pytest

from tests.lab.kinds import KINDS, HostName

SHORT, LONG = "short", "long"
SMOKE = "debian12"
TURNS = ("debian11", SMOKE, "debian13", SMOKE, "debian13-docker28")


def wanted_share() -> str:
    """The share that environment SHARE asks for; "" is all. Raises UsageError for any other word."""
    share = os.environ.get("SHARE", "")
    if share not in ("", SHORT, LONG):
        raise pytest.UsageError(f"SHARE={share}: it is {SHORT} or {LONG}, or empty for all tests")
    return share


def kind_of(item: pytest.Item) -> str | None:
    """The kind of lab host that a test is about to run on; None if it takes none, or chooses by itself."""
    callspec = getattr(item, "callspec", None)
    if callspec is None or "engine_host" not in callspec.params:
        return None
    return HostName.parse(callspec.params["engine_host"]).kind.name


def allowed_kinds(item: pytest.Item) -> Sequence[str]:
    """The kinds of hosts that a test is for. Raises UsageError if its mark `kinds` names one that there is not."""
    mark = item.get_closest_marker("kinds")
    names: Sequence[str] = mark.args if mark else tuple(KINDS)
    unknown = [name for name in names if name not in KINDS]
    if unknown:
        raise pytest.UsageError(f"{item.nodeid}: no such kind of host: {', '.join(unknown)}")
    return names


def share_of(item: pytest.Item) -> str:
    """The share that a test on the kind of host that it is about to run on belongs to."""
    if item.get_closest_marker("long"):
        return LONG
    kind = kind_of(item)
    if kind is None:
        return SHORT
    engines, smoke = (item.get_closest_marker(name) is not None for name in ("engines", "smoke"))
    kinds = short_kinds(allowed_kinds(item), _turn(item), engines=engines, smoke=smoke)
    return SHORT if kind in kinds else LONG


def short_kinds(allowed: Sequence[str], turn: int, *, engines: bool, smoke: bool) -> set[str]:
    """The kinds on which the short share has a test that is for those allowed, and whose turn it is."""
    turns = [name for name in TURNS if name in allowed]
    if not engines:
        return {turns[turn % len(turns)], *([SMOKE] if smoke and SMOKE in allowed else [])}
    generations = {name for name in turns if name != SMOKE}
    return {*(generations or turns), *([SMOKE] if smoke and SMOKE in allowed else [])}


def _turn(item: pytest.Item) -> int:
    """A number for a test that is one more for the next in its file, whichever are run; its parameters change it."""
    function = getattr(item, "function")  # noqa: B009  # of pytest.Function, which a test on a host is
    beside = [value for value in vars(getattr(item, "module")).values() if _is_test(value, function.__module__)]  # noqa: B009
    beside.sort(key=lambda test: test.__code__.co_firstlineno)
    return zlib.crc32(item.path.name.encode()) + beside.index(function) + zlib.crc32(_parameters(item).encode())


def _parameters(item: pytest.Item) -> str:
    """The names of its parameters but for the host; pytest numbers them through, host by host."""
    callspec = getattr(item, "callspec")  # noqa: B009
    text: str = callspec.id
    return text.replace(callspec.params["engine_host"], "", 1).strip("-")


def _is_test(value: object, module: str) -> bool:
    name = getattr(value, "__name__", "")
    return callable(value) and name.startswith("test_") and getattr(value, "__module__", "") == module
