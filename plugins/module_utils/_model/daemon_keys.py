# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is wrong with the contents of a daemon.json whose text can be parsed, key by key and keys together.

Of a key by itself: whether Go's decoder takes its value, and what dockerd fails at in one of the right type.
"""

from __future__ import annotations

import difflib
import ipaddress
import json
import re
from dataclasses import dataclass
from typing import Any, Callable, Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_json import (
    GO_SPACE,
    ConfigProblem,
    KeyPosition,
)
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
    OBJECTS,
    POOLS,
    PREFIX,
    PROXIES,
    SIZE,
    STRING,
    STRING_MAP,
    STRINGS,
    UNKNOWN_RELEASE,
    Release,
    default_of,
    is_integer,
    misfit_in,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.dockerd_start import flattened, is_nested

_MAPS = (OBJECTS, STRING_MAP, BOOLEAN_MAP, NETWORK_OPTIONS)
_PROXY_OPTIONS = ("http-proxy", "https-proxy", "no-proxy")

WORDS = {
    BOOLEAN: "true or false",
    INTEGER: "a whole number",
    STRING: "a string",
    ADDRESS: "an IP address in a string",
    PREFIX: "an address with its prefix length in a string",
    STRINGS: "an array of strings",
    ADDRESSES: "an array of IP addresses",
    POOLS: "an array of objects with base and size",
    OBJECT: "an object",
    OBJECTS: "an object whose values are objects",
    SIZE: "a size in a string",
    PROXIES: "an object with http-proxy, https-proxy and no-proxy",
    STRING_MAP: "an object whose values are strings",
    BOOLEAN_MAP: "an object whose values are true or false",
    NETWORK_OPTIONS: "an object of objects whose values are strings",
}
"""Each type of a value in words."""


def type_problem(name: str, value: Any, release: Release) -> str:
    """Return a sentence if Go's decoder refuses the value for the key; null leaves most defaults in place."""
    key = KEYS[name]
    if key.decoded_until is not None and not UNKNOWN_RELEASE < release <= key.decoded_until:
        return ""
    if value is None and key.kind not in (SIZE, PROXIES):
        return ""
    if not _fits(key.kind, value):
        return f"{name} must be {WORDS[key.kind]}{_misfit(key.kind, value)}"
    field = misfit_in(name, value) if isinstance(value, dict) else ""
    return f"{name}: {field}" if field else ""


def _misfit(kind: str, value: Any) -> str:
    """Say what was found instead. Contents of objects are left out, since they can hold secrets."""
    if isinstance(value, dict) and kind in _MAPS:
        return f"; that of {', '.join(map(_quoted, _misfit_members(kind, value)))} is not"
    if isinstance(value, dict) and kind == PROXIES:
        return f", found {', '.join(map(_quoted, _misfit_members(kind, value)))}"
    if isinstance(value, (dict, list)):
        return f", found {'an object' if isinstance(value, dict) else 'an array'}{_misfit_items(kind, value)}"
    return f", found {_shown(value)}"


def _misfit_items(kind: str, value: Any) -> str:
    return " with something else in it" if isinstance(value, list) and kind in (STRINGS, ADDRESSES, POOLS) else ""


def _fits(kind: str, value: Any) -> bool:
    if kind == BOOLEAN:
        return isinstance(value, bool)
    if kind == INTEGER:
        return is_integer(value)
    if kind in (STRING, ADDRESS, PREFIX):
        return isinstance(value, str)
    if kind == SIZE:
        return isinstance(value, str) and value != ""
    if kind in (STRINGS, ADDRESSES):
        return isinstance(value, list) and all(item is None or isinstance(item, str) for item in value)
    if kind == POOLS:
        return isinstance(value, list) and all(_is_pool(item) for item in value)
    return isinstance(value, dict) and not _misfit_members(kind, value)


def _misfit_members(kind: str, value: dict[str, Any]) -> list[str]:
    """The names of the members of an object that are not as their kind wants them."""
    return [name for name, item in value.items() if not _member_fits(kind, name, item)]


def _member_fits(kind: str, name: str, item: Any) -> bool:
    if (kind == PROXIES and name not in _PROXY_OPTIONS) or kind == OBJECT or item is None:
        return True
    if kind == BOOLEAN_MAP:
        return isinstance(item, bool)
    if kind == NETWORK_OPTIONS:
        return isinstance(item, dict) and all(option is None or isinstance(option, str) for option in item.values())
    return isinstance(item, dict if kind == OBJECTS else str)


def _is_pool(item: Any) -> bool:
    """Whether it has a base and a size, and each spelling of them ("base", "Base") what belongs there."""
    fits = {"base": lambda value: isinstance(value, str), "size": is_integer}
    return fits.keys() <= pool_fields(item).keys() and all(
        fits[name.lower()](value) for name, value in item.items() if name.lower() in fits
    )


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


_WANTED_FAMILY = {"bip": 4, "fixed-cidr": 4, "bip6": 6, "fixed-cidr-v6": 6}
_LOG_LEVELS = ("panic", "fatal", "error", "warn", "info", "debug", "trace")
_RESERVED_LABELS = ("com.docker.", "io.docker.", "org.dockerproject.")

_LABEL = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9\-]*[a-zA-Z0-9])"
# The ":?" are typing errors of moby's, kept because it accepts what they accept.
_DOMAIN = re.compile(rf"(:?:?{_LABEL}(?::?\.:?{_LABEL})*)\.?[\t\n\f\r ]*\Z")
# What both the old and the new go-units take; the new one also takes .5g and 1e3.
_SIZE = re.compile(r"(?P<number>[0-9]+(?:\.[0-9]+)?) ?(?:b|[kmgtp](?:b|ib)?)?\Z", re.I)
# The host of a URL as net/url takes it, without rare forms.
_AUTHORITY = r"(?:\[[0-9A-Fa-f:.]*\]|[A-Za-z0-9._~!$&'()*+,;=\-\u0080-\U0010ffff]*)(?::(?P<port>[0-9]*))?"
_TCP = re.compile(rf"{_AUTHORITY}\Z")
_MIRROR = re.compile(rf"https?://{_AUTHORITY}(?:/[^?#\s%\x00-\x1f\x7f]*)?\Z", re.I)
# From which release on a key is parsed with net/netip (daemon/config/config.go); the others were not by 29.7.
_TAKES_ZONES = {"dns": (29, 0), "host-gateway-ips": (28, 0)}
_WHOLE = re.compile(r"[+-]?[0-9]+\Z")


def value_problem(name: str, value: Any, release: Release) -> str:
    """Return a sentence if dockerd fails at what the value of a key says; "" if not.

    The value has the type of its key, or is None. What depends on a release that is not known is not judged.
    """
    if value is None:
        return ""
    kind = KEYS[name].kind
    if kind == ADDRESS and value and not _is_address_for(name, value, release):
        return f"{name}: {_quoted(value)} is no IP address"
    if kind == PREFIX and value:
        return _prefix_problem(name, value)
    if kind == POOLS:
        return next(filter(None, map(_pool_problem, value)), "")
    if kind == SIZE:
        return _size_problem(name, value)
    if kind == ADDRESSES:
        wrong = [_quoted(item) for item in value if item and not _is_address_for(name, item, release)]
        if wrong:
            return f"{name}: {', '.join(wrong)} is no IP address"
    rule = _RULES.get(name)
    return rule(value, release) if rule else ""


# ---- addresses -------------------------------------------------------------------------------------------------------


def _is_address_for(name: str, text: str, release: Release) -> bool:
    """Whether a key takes it. With a zone (fe80::1%eth0) it takes net/netip; net.IP has none."""
    since = _TAKES_ZONES.get(name)
    if "%" in text and (since is None or UNKNOWN_RELEASE < release < since):
        return False
    return _is_address(text)


def _is_address(text: str) -> bool:
    if re.search(r"(?:^|[.:])0[0-9]+(?:\.|\Z)", text):  # Python before 3.9.5 took 192.0.2.01 for an address
        return False
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _prefix_problem(name: str, text: str) -> str:
    # net.ParseCIDR, unlike net/netip, takes /024 for /24.
    address, slash, length = text.partition("/")
    plain = f"{address}{slash}{re.sub('^0+(?=[0-9])', '', length)}"
    parsed = _interface(plain if name in ("bip", "fixed-cidr") else text)
    wanted = _WANTED_FAMILY[name]
    # Go takes an address such as ::ffff:192.0.2.1 for one of IPv4 (net.IP.To4); dockerd asks that of this key alone.
    is_mapped = name == "fixed-cidr-v6" and parsed is not None and getattr(parsed.ip, "ipv4_mapped", None)
    if parsed is None or parsed.version != wanted or is_mapped:
        example = "192.0.2.1/24" if wanted == 4 else "2001:db8::1/64"
        return f"{name}: {_quoted(text)} is no IPv{wanted} address with a prefix length (as in {example})"
    if name == "bip" and parsed.network.prefixlen < 31 and parsed.ip == parsed.network.network_address:
        return (
            f"bip: {_quoted(text)} is the address of the network; the bridge needs one of a host (as in 192.0.2.1/24)"
        )
    return ""


def _interface(text: str) -> Any:
    """An address with a prefix length; None for everything else, a network mask among it."""
    address, dummy, length = text.partition("/")
    if not re.match(r"(?:0|[1-9][0-9]*)\Z", length) or "%" in text or not _is_address(address):
        return None
    try:
        return ipaddress.ip_interface(text)
    except ValueError:
        return None


def _pool_problem(item: dict[str, Any]) -> str:
    # Go reads each spelling of a name ("base", "Base"), and the last one counts.
    wrong = next((value for name, value in item.items() if name.lower() == "base" and _interface(value) is None), None)
    if wrong is not None:
        return f"default-address-pools: the base {_quoted(wrong)} is no network with a prefix length"
    fields = pool_fields(item)
    base, size = fields["base"], fields["size"]
    network = _interface(base).network
    if not network.prefixlen <= size <= network.max_prefixlen or size == 0:
        return f"default-address-pools: {base} cannot be cut into networks of size {size}"
    return ""


def pool_fields(item: Any) -> dict[str, Any]:
    """Return the fields of an address pool; Go matches their names whatever the case."""
    return {name.lower(): field for name, field in item.items()} if isinstance(item, dict) else {}


def _gateways(value: list[Any], release: Release) -> str:
    families = ["v4" if ":" not in (item or ":") else "v6" for item in value]
    if release >= (28, 0) and any(families.count(family) > 1 for family in ("v4", "v6")):
        return "host-gateway-ips: more than one address of a family"
    return ""


# ---- words -----------------------------------------------------------------------------------------------------------


def _one_of(name: str, *choices: str) -> Callable[[str, Release], str]:
    def rule(value: str, dummy: Release) -> str:
        words = " or ".join(f'"{choice}"' for choice in choices)
        return "" if value in ("", *choices) else f"{name} must be {words}, found {_quoted(value)}"

    return rule


def _log_level(value: str, dummy: Release) -> str:
    # Engines before 23 take "warning", too, and do not say so in their manual.
    known = value == "" or value.lower() in _LOG_LEVELS
    return "" if known else f"log-level must be one of {', '.join(_LOG_LEVELS)}, found {_quoted(value)}"


def _cors(value: str, release: Release) -> str:
    return "api-cors-header was removed in Docker Engine 28.0" if value and release >= (28, 0) else ""


def _size_problem(name: str, text: str) -> str:
    found = _SIZE.match(text)
    if found and float(found.group("number")) != float("inf"):
        return ""
    return f"{name}: {_quoted(text)} is no size (as in 64M)"


def _not_negative(name: str) -> Callable[[int, Release], str]:
    return lambda value, dummy: f"{name} is negative" if value < 0 else ""


def _proxy_feature(value: dict[str, Any], release: Release) -> str:
    return (
        "features: windows-dns-proxy is for Windows"
        if "windows-dns-proxy" in value and (26, 1) <= release < (28, 0)
        else ""
    )


# ---- lists -----------------------------------------------------------------------------------------------------------


def _labels(value: list[Any], dummy: Release) -> str:
    labels = [item or "" for item in value]
    wrong = [_quoted(item) for item in labels if "=" not in item]
    if wrong:
        return f"labels: {', '.join(wrong)} is not of the form name=value"
    reserved = [_quoted(item) for item in labels if item.lower().startswith(_RESERVED_LABELS)]
    if reserved:
        return f"labels: {', '.join(reserved)} is in a name space that is reserved for Docker"
    seen: dict[str, str] = {}
    for item in labels:
        name, dummy_sign, setting = item.partition("=")
        if seen.setdefault(name, setting) != setting:
            return f"labels: {_quoted(name)} stands twice, with different values"
    return ""


def _search_domains(value: list[Any], dummy: Release) -> str:
    wrong = [_quoted(item or "") for item in value if not _is_domain((item or "").strip(" "))]
    return f"dns-search: {', '.join(wrong)} is no domain" if wrong else ""


def _is_domain(text: str) -> bool:
    if text == ".":
        return True
    found = _DOMAIN.match(text) if len(text) < 300 and re.search(r"[a-zA-Z]", text) else None
    return found is not None and len(found.group(1)) < 255


def _exec_options(value: list[Any], release: Release) -> str:
    wrong = [_quoted(item or "") for item in value if not _is_exec_option(item or "")]
    return f"exec-opts: {', '.join(wrong)} is no option of this system" if wrong and release >= (28, 0) else ""


def _is_exec_option(text: str) -> bool:
    name, dummy, setting = text.partition("=")
    return name.strip(GO_SPACE).lower() == "native.cgroupdriver" and setting.strip(GO_SPACE) != ""


def _resources(value: list[Any], dummy: Release) -> str:
    kinds: dict[str, list[str]] = {}
    for item in value:
        parts = (item or "").split("=")
        if len(parts) != 2:
            return f"node-generic-resources: {_quoted(item or '')} is not of the form name=value"
        kinds.setdefault(parts[0].strip(GO_SPACE), []).append(parts[1].strip(GO_SPACE))
    for name, given in kinds.items():
        counts = [text for text in given if _WHOLE.match(text) and -(1 << 63) <= int(text) < 1 << 63]
        if counts and (len(given) > 1 or int(counts[0]) < 0):
            return f"node-generic-resources: {_quoted(name)} has a number that is negative or not alone"
    return ""


def _hosts(value: list[Any], dummy: Release) -> str:
    wrong = [_quoted(item or "") for item in value if not _is_host((item or "").strip(GO_SPACE))]
    return f"hosts: {', '.join(wrong)} is no address to listen at" if wrong else ""


def _is_host(text: str) -> bool:
    protocol, joined, address = text.partition("://")
    if not joined:
        protocol, address = "tcp", text
    if protocol in ("unix", "npipe"):
        return "://" not in address
    if protocol != "tcp":
        return protocol == "fd"
    found = _TCP.match(address)
    port = found.group("port") if found else None
    return found is not None and (not port or 0 < int(port) < 1 << 63)


def _mirrors(value: list[Any], dummy: Release) -> str:
    wrong = sum(1 for item in value if not _MIRROR.match(item or ""))
    # Not shown: they may hold a password.
    return (
        f"registry-mirrors: {wrong} of them no plain http or https URL without user, query or fragment" if wrong else ""
    )


_RULES: dict[str, Callable[[Any, Release], str]] = {
    "api-cors-header": _cors,
    "default-cgroupns-mode": _one_of("default-cgroupns-mode", "host", "private"),
    "default-ipc-mode": _one_of("default-ipc-mode", "private", "shareable"),
    "dns-search": _search_domains,
    "exec-opts": _exec_options,
    "features": _proxy_feature,
    "firewall-backend": _one_of("firewall-backend", "iptables", "nftables"),
    "host-gateway-ips": _gateways,
    "hosts": _hosts,
    "labels": _labels,
    "log-format": _one_of("log-format", "text", "json"),
    "log-level": _log_level,
    "max-concurrent-downloads": _not_negative("max-concurrent-downloads"),
    "max-concurrent-uploads": _not_negative("max-concurrent-uploads"),
    "max-download-attempts": _not_negative("max-download-attempts"),
    "node-generic-resources": _resources,
    "registry-mirrors": _mirrors,
}


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
