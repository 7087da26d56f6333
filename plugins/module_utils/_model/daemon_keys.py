# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is wrong with the contents of a daemon.json whose text can be parsed, key by key and keys together."""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass
from typing import Any, Callable, Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_json import ConfigProblem, KeyPosition
from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_key_table import (
    BOOLEAN,
    FLAG_NAMES,
    KEYS,
    MERGED_WITH_FLAGS,
    PROXIES,
    UNKNOWN_RELEASE,
    Release,
    default_of,
    is_integer,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_key_values import (
    WORDS,
    type_problem,
    value_problem,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.dockerd_start import flattened, is_nested

# Every release at which an answer of this module changes, and the newest one.
_TURNING_POINTS: tuple[Release, ...] = (
    *((20, 10), (23, 0), (24, 0), (25, 0), (26, 0), (26, 1), (27, 0), (27, 3)),
    *((28, 0), (28, 1), (28, 2), (29, 0), (29, 2), (29, 7)),
)


def problems_in(
    values: dict[str, Any], positions: dict[str, KeyPosition], flags: dict[str, Any], release: Release
) -> list[ConfigProblem]:
    """Return what is wrong with the values of a daemon.json, in the order of its lines.

    flags: what parse_flags made of the command line of dockerd's next start. release: of the engine, (0, 0) where it is
    not known; what depends on it is then not judged, see release_matters. A problem whose accepted_from is None keeps
    dockerd from starting, one with 0 does not, and nothing of that key takes effect as written.
    """
    found = _Findings(positions)
    for name, value in values.items():
        _judge_key(found, name, value, release)
    _judge_flags(found, values, flags)
    if all(problem.accepted_from == 0 for problem in found.problems):
        _judge_together(found, values, flags, release)
    return sorted(found.problems, key=lambda problem: (problem.line, problem.column))


def reload_blockers(values: dict[str, Any], positions: dict[str, KeyPosition], release: Release) -> list[ConfigProblem]:
    """Return what makes every reload (SIGHUP) fail, though dockerd starts with it.

    From 25.0 on, a reload validates the file alone, without the defaults, and a ``userland-proxy: true`` in it lacks
    its path then; see the comment in moby daemon/config/config.go, Reload.
    """
    flat = flattened(values)
    if release < (25, 0) or flat.get("userland-proxy") is not True or flat.get("userland-proxy-path"):
        return []
    found = _Findings(positions)
    found.add("userland-proxy", "userland-proxy: true, though it is the default, makes every reload of dockerd fail", 0)
    return found.problems


def release_matters(
    values: dict[str, Any], positions: dict[str, KeyPosition], flags: dict[str, Any]
) -> list[ConfigProblem]:
    """Return what keeps engines of some releases from starting, one problem a key.

    For hosts whose engine could not be asked for its version: if this is empty, the version does not matter.
    """
    found: dict[Optional[str], ConfigProblem] = {}
    for release in _TURNING_POINTS:
        for problem in problems_in(values, positions, flags, release):
            if problem.accepted_from is None:
                found.setdefault(problem.key, problem)
    return list(found.values())


class _Findings:
    """Collects problems and gives each the position of its key."""

    def __init__(self, positions: dict[str, KeyPosition]) -> None:
        self.positions = positions
        self.problems: list[ConfigProblem] = []

    def add(self, key: str, message: str, accepted_from: Optional[int] = None) -> None:
        """Note a problem of a top-level key."""
        place = self.positions.get(key, KeyPosition(0, 0))
        self.problems.append(ConfigProblem(message, place.line, place.column, key, accepted_from))


# ---- each key by itself ----------------------------------------------------------------------------------------------


def _judge_key(found: _Findings, name: str, value: Any, release: Release) -> None:
    strange = _strange_members(name, value, release)
    if name in KEYS and KEYS[name].known_to(release):
        message = type_problem(name, value, release) or strange or value_problem(name, value, release)
        if message:
            found.add(name, message)
    elif name in FLAG_NAMES and FLAG_NAMES[name].known_to(release):
        if strange:
            found.add(name, strange)
            return
        meant = FLAG_NAMES[name].meant
        hint = f"; the key is {meant}" if meant else ""
        found.add(name, f"{name} is the name of a flag: dockerd takes it and reads nothing from it{hint}", 0)
    elif isinstance(value, dict) and not _was_nested(name, release):
        _judge_unknown_object(found, name, value, release)
    else:
        found.add(name, f"{_why_unknown(name, release)}; dockerd does not start with it")


def _why_unknown(name: str, release: Release) -> str:
    key = KEYS.get(name) or FLAG_NAMES.get(name)
    if key is None:
        return f"{_quoted(name)} is no key of daemon.json{_suggestion(name)}"
    engine = f"this engine is {release[0]}.{release[1]}"
    if key.last is not None and release > key.last:
        return f"{name} was known up to Docker Engine {key.last[0]}.{key.last[1]}, and {engine}"
    return f"{name} came with Docker Engine {key.first[0]}.{key.first[1]}, and {engine}"


def _is_known(name: str, release: Release) -> bool:
    key = KEYS.get(name) or FLAG_NAMES.get(name)
    return key is not None and key.known_to(release)


def _was_nested(name: str, release: Release) -> bool:
    """Whether the key was dropped, but not from the list of those whose objects are not taken apart."""
    return is_nested(name) and KEYS[name].first <= release


def _strange_members(name: str, value: Any, release: Release) -> str:
    """Return a sentence if dockerd takes apart the object of a key that it knows, and does not know a member."""
    if not isinstance(value, dict) or is_nested(name) or not _is_known(name, release):
        return ""
    strange = [_quoted(member) for member in value if member == "proxies" or not _is_known(member, release)]
    wanted = f" must be {WORDS[PROXIES]}, found {', '.join(strange)}" if name == "proxies" else ""
    return f"{name}{wanted or f': its member {chr(44).join(strange)} is no key of daemon.json'}" if strange else ""


def _judge_unknown_object(found: _Findings, name: str, value: dict[str, Any], release: Release) -> None:
    """An object that dockerd does not know is not refused: its members count as top-level keys."""
    # Only at the top level is proxies a key.
    unknown = [member for member in value if member == "proxies" or not _is_known(member, release)]
    what = _why_unknown(name, release)
    if unknown:
        members = ", ".join(map(_quoted, unknown))
        found.add(name, f"{what}, and neither is its member {members}; dockerd does not start with it")
    else:
        switches = [member for member in value if member in KEYS and KEYS[member].kind == BOOLEAN]
        effect = f"of its members {', '.join(switches)} takes effect" if switches else "nothing in it takes effect"
        found.add(name, f"{what}; dockerd starts with it, and {effect}", 0)


# ---- the file against the command line -------------------------------------------------------------------------------


def _judge_flags(found: _Findings, values: dict[str, Any], flags: dict[str, Any]) -> None:
    for name, value in values.items():
        members = flattened({name: value})
        twice = [member for member in members if member in flags and member not in MERGED_WITH_FLAGS]
        if name == "host-gateway-ip" and "host-gateway-ips" in flags:
            twice.append(name)
        if twice:
            found.add(
                name,
                f"{', '.join(twice)} is also given as a flag on dockerd's command line; dockerd does not start with "
                "both, even if they say the same",
            )


# ---- keys that do not go together ------------------------------------------------------------------------------------


def _judge_together(found: _Findings, values: dict[str, Any], flags: dict[str, Any], release: Release) -> None:
    given = {name: value for name, value in {**flattened(values), **flags}.items() if value is not None}
    start = Start(given, release)
    for rule in CONTRADICTIONS:
        place = next((name for name in rule.keys if name in values), None)
        if place is not None and rule.holds(start):
            found.add(place, f"{rule.message}; dockerd does not start with it")


# ---- words -----------------------------------------------------------------------------------------------------------


def _suggestion(name: str) -> str:
    near = difflib.get_close_matches(name.lower().replace("_", "-"), KEYS, n=1, cutoff=0.8)
    return f" (is {near[0]} meant?)" if near else ""


def _quoted(text: str) -> str:
    return json.dumps(text)


@dataclass(frozen=True)
class Start:
    """What the next start of dockerd will have: flags, file and defaults together."""

    given: dict[str, Any]
    release: Release

    def get(self, name: str) -> Any:
        """The value of a key that will be in force."""
        return self.given.get(name, default_of(name, self.release))

    def since(self, *release: int) -> bool:
        """Whether the engine is of that release or later, for certain."""
        return self.release >= release

    def before(self, *release: int) -> bool:
        """Whether the engine is older than that release, for certain."""
        return UNKNOWN_RELEASE < self.release < release


@dataclass(frozen=True)
class Contradiction:
    """Some of them, and when that is so."""

    keys: tuple[str, ...]
    """The first of these that stands in the file is shown."""
    message: str
    """A sentence, to which is added what dockerd does."""
    holds: Callable[[Start], bool]


CONTRADICTIONS = (
    Contradiction(
        ("bridge", "bip"),
        "bridge and bip exclude each other",
        lambda start: bool(start.get("bridge") and start.get("bip")),
    ),
    Contradiction(
        ("bridge", "bip6"),
        "bridge and bip6 exclude each other",
        lambda start: bool(start.get("bridge") and start.get("bip6")),
    ),
    Contradiction(
        ("icc", "iptables"),
        "icc: false needs iptables, which is false",
        lambda start: start.get("icc") is False and start.get("iptables") is False,
    ),
    Contradiction(
        ("icc", "ipv6", "ip6tables"),
        "icc: false with ipv6: true needs ip6tables, which is false",
        lambda start: (
            start.since(27, 0)
            and start.get("icc") is False
            and start.get("ipv6") is True
            and start.get("ip6tables") is False
        ),
    ),
    Contradiction(
        ("ip6tables", "experimental"),
        "ip6tables: true needs experimental: true before Docker Engine 27.0",
        lambda start: start.before(27, 0) and start.get("ip6tables") is True and not start.get("experimental"),
    ),
    Contradiction(
        ("ipv6",),
        "ipv6: true needs fixed-cidr-v6 before Docker Engine 28.0",
        lambda start: (
            start.before(28, 0)
            and start.get("ipv6") is True
            and not start.get("fixed-cidr-v6")
            and start.get("bridge") != "none"
        ),
    ),
    Contradiction(
        ("host-gateway-ip",),
        "host-gateway-ip and host-gateway-ips exclude each other",
        lambda start: "host-gateway-ip" in start.given and "host-gateway-ips" in start.given,
    ),
    Contradiction(
        ("userland-proxy-path",),
        "userland-proxy-path must be an absolute path",
        lambda start: (
            start.since(25, 0)
            and start.get("userland-proxy") is True
            and not str(start.get("userland-proxy-path") or "/").startswith("/")
        ),
    ),
    Contradiction(
        ("mtu",),
        "mtu is negative",
        lambda start: is_integer(start.get("mtu")) and start.get("mtu") < 0,
    ),
    Contradiction(
        ("network-diagnostic-port",),
        "network-diagnostic-port is no port number",
        lambda start: (
            start.since(28, 0)
            and is_integer(start.get("network-diagnostic-port"))
            and not 0 <= start.get("network-diagnostic-port") <= 65535
        ),
    ),
)
