# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What is wrong with the contents of a daemon.json whose text can be parsed.

``dockerd --validate`` (from 23.0) finds a part of this; it lets a wrong ``bip``, impossible address pools and several
contradictions pass, at which dockerd then fails to start. Sources: moby daemon/config/config.go
(findConfigurationConflicts, Validate, Reload), config_linux.go, and verifyDaemonSettings and initBridgeDriver in
daemon/daemon_unix.go, at the tags v20.10.27 to docker-v29.7.2.
"""

from __future__ import annotations

import difflib
import ipaddress
import json
from dataclasses import dataclass
from typing import Any, Callable, Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.config import ConfigProblem, KeyPosition
from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_json import flattened
from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_key_table import (
    ADDRESS,
    ADDRESSES,
    BOOLEAN,
    BOOLEAN_MAP,
    FLAG_NAMES,
    INTEGER,
    KEYS,
    MERGED_WITH_FLAGS,
    NETWORK_OPTIONS,
    OBJECT,
    POOLS,
    PREFIX,
    STRING,
    STRING_MAP,
    STRINGS,
    Release,
    default_of,
)

UNKNOWN_RELEASE: Release = (0, 0)

_WANTED_FAMILY = {"bip": 4, "fixed-cidr": 4, "bip6": 6, "fixed-cidr-v6": 6}

_WORDS = {
    BOOLEAN: "true or false",
    INTEGER: "a whole number",
    STRING: "a string",
    ADDRESS: "an IP address in a string",
    PREFIX: "an address with its prefix length in a string",
    STRINGS: "an array of strings",
    ADDRESSES: "an array of IP addresses",
    POOLS: "an array of objects with base and size",
    OBJECT: "an object",
    STRING_MAP: "an object whose values are strings",
    BOOLEAN_MAP: "an object whose values are true or false",
    NETWORK_OPTIONS: "an object of objects whose values are strings",
}


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
    if not found.problems:
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


def release_matters(values: dict[str, Any]) -> list[str]:
    """Return the keys that some engines of the table know and others do not."""
    return [name for name in flattened(values) if name in KEYS and KEYS[name].depends_on_release]


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
    if name in KEYS:
        _judge_release(found, name, release)
        message = _type_problem(name, value) or _value_problem(name, value)
        if message:
            found.add(name, message)
    elif name in FLAG_NAMES:
        _judge_flag_name(found, name, release)
    elif isinstance(value, dict):
        _judge_unknown_object(found, name, value)
    else:
        found.add(name, f"{_quoted(name)} is no key of daemon.json{_suggestion(name)}; dockerd does not start with it")


def _judge_release(found: _Findings, name: str, release: Release) -> None:
    key = KEYS[name]
    if key.known_to(release):
        return
    engine = f"this engine is {release[0]}.{release[1]} and does not start with it"
    if key.last is not None and release > key.last:
        found.add(name, f"{name} was known up to Docker Engine {key.last[0]}.{key.last[1]}; {engine}")
    else:
        found.add(name, f"{name} came with Docker Engine {key.first[0]}.{key.first[1]}; {engine}")


def _judge_flag_name(found: _Findings, name: str, release: Release) -> None:
    meant = FLAG_NAMES[name]
    if meant is not None and not KEYS[meant].known_to(release):
        found.add(name, f"{name} is no key of daemon.json of this engine, {release[0]}.{release[1]}")
        return
    hint = f"; the key is {meant}" if meant else ""
    found.add(name, f"{name} is the name of a flag: dockerd takes it and reads nothing from it{hint}", 0)


def _judge_unknown_object(found: _Findings, name: str, value: dict[str, Any]) -> None:
    unknown = [member for member in value if member not in KEYS and member not in FLAG_NAMES]
    what = f"{_quoted(name)} is no key of daemon.json{_suggestion(name)}"
    if unknown:
        members = ", ".join(map(_quoted, unknown))
        found.add(name, f"{what}, and neither is its member {members}; dockerd does not start with it")
    else:
        switches = [member for member in value if member in KEYS and KEYS[member].kind == BOOLEAN]
        effect = f"of its members {', '.join(switches)} takes effect" if switches else "nothing in it takes effect"
        found.add(name, f"{what}; dockerd starts with it, and {effect}", 0)


def _type_problem(name: str, value: Any) -> str:
    """Return a sentence if Go's decoder refuses the value for the key; null leaves the default in place."""
    kind = KEYS[name].kind
    if value is None or _fits(kind, value):
        return ""
    return f"{name} must be {_WORDS[kind]}{_misfit(kind, value)}"


def _misfit(kind: str, value: Any) -> str:
    """Say what was found instead. Contents of objects are left out, since they can hold secrets."""
    if isinstance(value, dict) and kind in (STRING_MAP, BOOLEAN_MAP, NETWORK_OPTIONS):
        wrong = [_quoted(member) for member, item in value.items() if not _member_fits(kind, item)]
        return f"; that of {', '.join(wrong)} is not"
    if isinstance(value, (dict, list)):
        return f", found {'an object' if isinstance(value, dict) else 'an array'}{_misfit_items(kind, value)}"
    return f", found {_shown(value)}"


def _misfit_items(kind: str, value: Any) -> str:
    return " with something else in it" if isinstance(value, list) and kind in (STRINGS, ADDRESSES, POOLS) else ""


def _fits(kind: str, value: Any) -> bool:
    if kind == BOOLEAN:
        return isinstance(value, bool)
    if kind == INTEGER:
        return isinstance(value, int) and not isinstance(value, bool)
    if kind in (STRING, ADDRESS, PREFIX):
        return isinstance(value, str)
    if kind in (STRINGS, ADDRESSES):
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    if kind == POOLS:
        return isinstance(value, list) and all(_is_pool(item) for item in value)
    return isinstance(value, dict) and all(_member_fits(kind, item) for item in value.values())


def _member_fits(kind: str, item: Any) -> bool:
    if kind == OBJECT or item is None:
        return True
    if kind == BOOLEAN_MAP:
        return isinstance(item, bool)
    if kind == NETWORK_OPTIONS:
        return isinstance(item, dict) and all(isinstance(option, str) for option in item.values())
    return isinstance(item, str)


def _is_pool(item: Any) -> bool:
    fields = _pool_fields(item)
    return isinstance(fields.get("base"), str) and _fits(INTEGER, fields.get("size"))


def _pool_fields(item: Any) -> dict[str, Any]:
    """The fields of an address pool; Go matches their names whatever the case."""
    return {name.lower(): field for name, field in item.items()} if isinstance(item, dict) else {}


def _value_problem(name: str, value: Any) -> str:
    """Return a sentence if dockerd fails at what the value says; its type is right."""
    kind = KEYS[name].kind
    if kind == ADDRESS and value and not _is_address(value):
        return f"{name}: {_quoted(value)} is no IP address"
    if kind == ADDRESSES:
        wrong = [_quoted(item) for item in value or [] if not _is_address(item)]
        return f"{name}: {', '.join(wrong)} is no IP address" if wrong else ""
    if kind == PREFIX and value:
        return _prefix_problem(name, value)
    if kind == POOLS:
        return next(filter(None, map(_pool_problem, value or [])), "")
    if name == "firewall-backend" and value not in (None, "", "iptables", "nftables"):
        return f'firewall-backend must be "iptables" or "nftables", found {_quoted(value)}'
    return ""


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _prefix_problem(name: str, text: str) -> str:
    try:
        version = ipaddress.ip_interface(text).version if "/" in text else 0
    except ValueError:
        version = 0
    wanted = _WANTED_FAMILY[name]
    if version == wanted:
        return ""
    example = "192.0.2.1/24" if wanted == 4 else "2001:db8::1/64"
    return f"{name}: {_quoted(text)} is no IPv{wanted} address with a prefix length (as in {example})"


def _pool_problem(item: dict[str, Any]) -> str:
    fields = _pool_fields(item)
    base, size = fields["base"], fields["size"]
    try:
        network = ipaddress.ip_interface(base).network if "/" in base else None
    except ValueError:
        network = None
    if network is None:
        return f"default-address-pools: the base {_quoted(base)} is no network with a prefix length"
    if not network.prefixlen <= size <= network.max_prefixlen or size == 0:
        return f"default-address-pools: {base} cannot be cut into networks of size {size}"
    return ""


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


@dataclass(frozen=True)
class _Start:
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
class _Contradiction:
    keys: tuple[str, ...]
    """The first of these that stands in the file is shown."""
    message: str
    holds: Callable[[_Start], bool]


_CONTRADICTIONS = (
    _Contradiction(
        ("bridge", "bip"),
        "bridge and bip exclude each other",
        lambda start: bool(start.get("bridge") and start.get("bip")),
    ),
    _Contradiction(
        ("bridge", "bip6"),
        "bridge and bip6 exclude each other",
        lambda start: bool(start.get("bridge") and start.get("bip6")),
    ),
    _Contradiction(
        ("icc", "iptables"),
        "icc: false needs iptables, which is false",
        lambda start: start.get("icc") is False and start.get("iptables") is False,
    ),
    _Contradiction(
        ("icc", "ipv6", "ip6tables"),
        "icc: false with ipv6: true needs ip6tables, which is false",
        lambda start: (
            start.since(27, 0)
            and start.get("icc") is False
            and start.get("ipv6") is True
            and start.get("ip6tables") is False
        ),
    ),
    _Contradiction(
        ("ip6tables", "experimental"),
        "ip6tables: true needs experimental: true before Docker Engine 27.0",
        lambda start: start.before(27, 0) and start.get("ip6tables") is True and not start.get("experimental"),
    ),
    _Contradiction(
        ("ipv6",),
        "ipv6: true needs fixed-cidr-v6 before Docker Engine 28.0",
        lambda start: (
            start.before(28, 0)
            and start.get("ipv6") is True
            and not start.get("fixed-cidr-v6")
            and start.get("bridge") != "none"
        ),
    ),
    _Contradiction(
        ("host-gateway-ip",),
        "host-gateway-ip and host-gateway-ips exclude each other",
        lambda start: "host-gateway-ip" in start.given and "host-gateway-ips" in start.given,
    ),
    _Contradiction(
        ("userland-proxy-path",),
        "userland-proxy-path must be an absolute path",
        lambda start: (
            start.since(25, 0)
            and start.get("userland-proxy") is True
            and not str(start.get("userland-proxy-path") or "/").startswith("/")
        ),
    ),
    _Contradiction(
        ("mtu",),
        "mtu is negative",
        lambda start: start.since(23, 0) and isinstance(start.get("mtu"), int) and start.get("mtu") < 0,
    ),
)


def _judge_together(found: _Findings, values: dict[str, Any], flags: dict[str, Any], release: Release) -> None:
    given = {name: value for name, value in {**flattened(values), **flags}.items() if value is not None}
    start = _Start(given, release)
    for rule in _CONTRADICTIONS:
        place = next((name for name in rule.keys if name in values), None)
        if place is not None and rule.holds(start):
            found.add(place, f"{rule.message}; dockerd does not start with it")


# ---- words -----------------------------------------------------------------------------------------------------------


def _suggestion(name: str) -> str:
    near = difflib.get_close_matches(name.lower().replace("_", "-"), KEYS, n=1, cutoff=0.8)
    return f" (is {near[0]} meant?)" if near else ""


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _quoted(text: str) -> str:
    return json.dumps(text)
