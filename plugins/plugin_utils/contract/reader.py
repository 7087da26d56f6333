# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Reads a contract: the file, and each value in it. An error says where it stands, what it is, and what is allowed."""

from __future__ import annotations

import difflib
import ipaddress
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.dockernet.baseline.plugins.module_utils._model.address_space import CIDR
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import CONTAINER, HOST, OUTSIDE
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import listed, safe
from ansible_collections.dockernet.baseline.plugins.plugin_utils.contract.intents import (
    ALLOW,
    EXPECTATIONS,
    REACHED,
    UNCOVERED,
    Containers,
    Contract,
    Destination,
    Intent,
    Machines,
    Origin,
    Port,
    TheHost,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.options import WrongValueError

LARGEST = 4 << 20
"""Bytes of a file."""
_CONTRACT = ("intents", "groups", "uncovered")
_INTENT = ("name", "from", "to", "expect", "why", "hosts", "optional")
_OF_CONTAINERS = ("container", "image", "service", "label", "network", "cidr")
_OF_MACHINES = ("outside", "uplink")
_WORDS = (OUTSIDE, HOST)
_PROTOCOLS = ("tcp", "udp")
_ANY = "any"
_SHOWN = 80
_NAMED = 12


def load_contract(path: str) -> Contract:
    """Read the file at a path on the controller; a relative one is meant from where the command was typed.

    Raises WrongValueError.
    """
    place = Path(os.path.expanduser(path)).absolute()
    try:
        if place.stat().st_size > LARGEST:
            raise WrongValueError("contract", f"{place} has more than {LARGEST} bytes", path)
        text = place.read_text(encoding="utf-8")
    except OSError as error:
        raise WrongValueError("contract", f"{place} cannot be read: {error.strerror}", path) from None
    except UnicodeError as error:
        raise WrongValueError("contract", f"{place} is no text in UTF-8: {error}", path) from None
    try:
        data = yaml.load(text, Loader=_Loader)  # noqa: S506 (_Loader is a safe one)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise WrongValueError("contract", f"{place} is no YAML: {safe(' '.join(str(error).split()))}", path) from None
    return read_contract(data, f"contract {place.name}")


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Refuses a key that stands twice, of which YAML would silently take the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001
        """Return a mapping."""
        seen = set()
        for key, _value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} is there twice", key.start_mark
                )
            seen.add(key.value if isinstance(key, yaml.ScalarNode) else None)
        return dict(super().construct_mapping(node, deep))


def read_contract(data: Any, place: str = "contract") -> Contract:
    """Return the contract that plain data says. place is what errors call it. Raises WrongValueError."""
    given = _mapping(data, place, _CONTRACT, "a contract")
    if "intents" not in given and "uncovered" not in given:
        raise WrongValueError(place, "it says nothing; expected intents, or uncovered", data)
    reader = _Reader(_groups(given.get("groups"), f"{place}.groups"))
    intents: dict[tuple[str, tuple[str, ...]], str] = {}
    found = []
    for number, item in enumerate(_list(given.get("intents", []), f"{place}.intents", "intents")):
        intent = reader.intent(item, f"{place}.intents[{number}]")
        first = intents.setdefault((intent.name, intent.hosts), f"intents[{number}]")
        if first != f"intents[{number}]":
            reason = f"{_shown(intent.name)} is what {first} is called; findings need a name of their own for each"
            raise WrongValueError(f"{place}.intents[{number}].name", reason, item)
        found.append(intent)
    reader.require_used(f"{place}.groups")
    return Contract(tuple(found), _uncovered(given.get("uncovered", {}), f"{place}.uncovered"))


def _uncovered(data: Any, place: str) -> dict[str, str]:
    kinds = (OUTSIDE, HOST, CONTAINER)
    given = _mapping(data, place, kinds, "the kinds of origins")
    said = {kind: _choice(value, UNCOVERED, f"{place}.{kind}") for kind, value in given.items()}
    return {kind: said.get(kind, ALLOW) for kind in kinds}


def _groups(data: Any, place: str) -> dict[str, Any]:
    if data is None:
        return {}
    if not isinstance(data, Mapping):
        raise WrongValueError(place, f"expected groups by their names, found {_shown(data)}", data)
    for name in data:
        if not isinstance(name, str) or not name.strip():
            raise WrongValueError(place, f"expected a name of a group, found {_shown(name)}", data)
        if name in _WORDS:
            raise WrongValueError(f"{place}.{name}", f"{name} has a meaning of its own; choose another name", data)
    return {str(name): value for name, value in data.items()}


class _Reader:
    """Reads the intents of one contract."""

    def __init__(self, groups: Mapping[str, Any]) -> None:
        self._groups = groups
        self._used: set[str] = set()

    def require_used(self, place: str) -> None:
        """Raise for a group that no intent names: its name is wrong in one of both places."""
        unused = [name for name in self._groups if name not in self._used]
        if unused:
            raise WrongValueError(f"{place}[{unused[0]!r}]", "no intent names this group; remove it, or use it", unused)

    def intent(self, data: Any, place: str) -> Intent:
        if isinstance(data, Mapping) and isinstance(data.get("name"), str) and data["name"].strip():
            place = f"{place} {_shown(data['name'])}"
        given = _mapping(data, place, _INTENT, "an intent")
        for key in ("from", "to", "expect", "why"):
            if key not in given:
                raise WrongValueError(place, f"{key} is missing; an intent has from, to, expect and why", data)
        expect = _choice(given["expect"], EXPECTATIONS, f"{place}.expect")
        origins = tuple(self._origins(given["from"], f"{place}.from"))
        to = self._destination(given["to"], f"{place}.to", expect)
        if to.machines is not None and any(isinstance(item, Machines) for item in origins):
            reason = "what machines outside send to each other through this host is not judged"
            raise WrongValueError(f"{place}.to", reason, given["to"])
        hosts = _texts(given.get("hosts", ["*"]), f"{place}.hosts", "names in the inventory, or patterns of them")
        why = _text(given["why"], f"{place}.why", "the reason, for those who review it")
        optional = _flag(given.get("optional", False), f"{place}.optional")
        intent = Intent("", origins, to, expect, why, hosts, optional)
        name = _text(given["name"], f"{place}.name", "a name") if "name" in given else str(intent)
        return Intent(name, origins, to, expect, why, hosts, optional)

    def _origins(self, data: Any, place: str) -> list[Origin]:
        found: list[Origin] = []
        for item, where in _each(data, place):
            if item == OUTSIDE:
                found.append(Machines())
            elif item == HOST:
                found.append(TheHost())
            elif isinstance(item, Mapping) and set(_OF_MACHINES) & set(item):
                found.append(_machines(item, where))
            else:
                found += self._containers(item, where, _WORDS)
        return found

    def _destination(self, data: Any, place: str, expect: str) -> Destination:
        keys = (*_OF_CONTAINERS, "group", "outside", "address", "port", "published")
        if not isinstance(data, Mapping):
            data = {"outside": _ANY} if data == OUTSIDE else {"group": data}
        given = _mapping(data, place, keys, "to")
        ports, is_any = _ports(given["port"], f"{place}.port") if "port" in given else ((), False)
        published = _flag(given["published"], f"{place}.published") if "published" in given else None
        if "address" in given:
            _alone(given, ("address", "port"), place)
            if not ports:
                raise WrongValueError(place, "port is missing; an address is asked at a port", data)
            return Destination(address=_address(given["address"], f"{place}.address"), ports=ports)
        if "outside" in given:
            _alone(given, ("outside", "port"), place)
            return Destination(machines=Machines(_cidrs_or_any(given["outside"], f"{place}.outside")), ports=ports)
        chosen = {key: value for key, value in given.items() if key not in ("port", "published")}
        if "group" in chosen:
            _alone(given, ("group", "port", "published"), place)
            containers = [
                item
                for name, where in _each(chosen["group"], f"{place}.group")
                for item in self._group(name, where, ())
            ]
        else:
            containers = self._containers(chosen, place, ())
        if expect == REACHED and not ports and not is_any and published is not True:
            reason = "port is missing; say which port has to answer, or any for all that are open, or published: true"
            raise WrongValueError(place, reason, data)
        return Destination(containers=tuple(containers), ports=ports, published=published)

    def _containers(self, data: Any, place: str, words: Sequence[str]) -> list[Containers]:
        if isinstance(data, str):
            return self._group(data, place, words)
        return [_one_choice(data, place)]

    def _group(self, name: Any, place: str, words: Sequence[str]) -> list[Containers]:
        if not isinstance(name, str) or name not in self._groups:
            known = [*words, *self._groups]
            there = f"there are: {listed(known, _NAMED)}" if known else "the contract has no groups"
            reason = f"there is no group {_shown(name)}{_near(name, known)}; {there}"
            raise WrongValueError(place, f"{reason}; or choose by {', '.join(_OF_CONTAINERS)}", name)
        self._used.add(name)
        return [_one_choice(item, f"{where} (group {name})") for item, where in _each(self._groups[name], place)]


def _one_choice(data: Any, place: str) -> Containers:
    given = _mapping(data, place, _OF_CONTAINERS, "containers")
    if not given:
        raise WrongValueError(place, f"it chooses nothing; choose by {', '.join(_OF_CONTAINERS)}", data)
    read = {
        key: _texts(given[key], f"{place}.{key}", "names, or patterns of them") if key in given else ()
        for key in ("container", "image", "service", "network")
    }
    return Containers(
        names=read["container"],
        images=read["image"],
        services=read["service"],
        labels=_labels(given["label"], f"{place}.label") if "label" in given else (),
        networks=read["network"],
        cidrs=_networks(given["cidr"], f"{place}.cidr") if "cidr" in given else (),
    )


def _machines(data: Any, place: str) -> Machines:
    given = _mapping(data, place, _OF_MACHINES, "machines outside")
    uplinks = (
        _texts(given["uplink"], f"{place}.uplink", "interfaces of the host, or patterns") if "uplink" in given else ()
    )
    cidrs = _cidrs_or_any(given["outside"], f"{place}.outside") if "outside" in given else ()
    return Machines(cidrs, uplinks)


def _cidrs_or_any(data: Any, place: str) -> tuple[CIDR, ...]:
    return () if data == _ANY else _networks(data, place)


def _labels(data: Any, place: str) -> tuple[tuple[str, str], ...]:
    if not isinstance(data, Mapping) or not data:
        raise WrongValueError(place, f"expected values by the names of labels, found {_shown(data)}", data)
    for name, value in data.items():
        if not isinstance(name, str) or not isinstance(value, str):
            reason = f"expected a text, found {_shown(value)}; put numbers, true and false in quotes"
            raise WrongValueError(f"{place}[{_shown(name)}]", reason, data)
    return tuple(data.items())


def _networks(data: Any, place: str) -> tuple[CIDR, ...]:
    return tuple(_network(item, where) for item, where in _each(data, place))


def _network(data: Any, place: str) -> CIDR:
    if not isinstance(data, str):
        raise WrongValueError(place, f"expected a network such as 10.0.0.0/8, found {_shown(data)}", data)
    try:
        return ipaddress.ip_network(data)
    except ValueError as error:
        reason = f"expected a network such as 10.0.0.0/8, or an address: {safe(str(error))[:_SHOWN]}"
        raise WrongValueError(place, reason, data) from error


def _address(data: Any, place: str) -> str:
    try:
        if not isinstance(data, str) or "%" in data:
            raise ValueError("it is written otherwise")
        return str(ipaddress.ip_address(data))
    except ValueError as error:
        raise WrongValueError(place, f"expected an IPv4 or IPv6 address, found {_shown(data)}", data) from error


def _ports(data: Any, place: str) -> tuple[tuple[Port, ...], bool]:
    """The ports, and whether it says any."""
    if data == _ANY:
        return (), True
    return tuple(_port(item, where) for item, where in _each(data, place)), False


def _port(data: Any, place: str) -> Port:
    number, slash, protocol = str(data).partition("/")
    good = isinstance(data, (int, str)) and not isinstance(data, bool) and number.isascii() and number.isdecimal()
    if not good or not 1 <= int(number[:6]) <= 65535 or len(number) > 5:
        reason = f"expected a port from 1 to 65535, such as 443, 443/tcp or 53/udp, or any, found {_shown(data)}"
        raise WrongValueError(place, reason, data)
    return Port(int(number), _choice(protocol, _PROTOCOLS, place) if slash else _PROTOCOLS[0])


def _alone(given: Mapping[str, Any], allowed: Sequence[str], place: str) -> None:
    """Raise for a key that does not go with the first of these."""
    for key in given:
        if key not in allowed:
            others = " and ".join(allowed[1:])
            raise WrongValueError(f"{place}.{key}", f"{allowed[0]} goes with {others} alone", dict(given))


# ---- plain values


def _mapping(data: Any, place: str, keys: Sequence[str], what: str) -> Mapping[str, Any]:
    if not isinstance(data, Mapping):
        raise WrongValueError(place, f"expected {what} with the keys {', '.join(keys)}, found {_shown(data)}", data)
    for key in data:
        if key not in keys:
            reason = f"there is no key {_shown(key)}{_near(key, keys)}; {what} has: {', '.join(keys)}"
            raise WrongValueError(place, reason, data)
    return data


def _list(data: Any, place: str, what: str) -> list[Any]:
    if not isinstance(data, list):
        raise WrongValueError(place, f"expected a list of {what}, found {_shown(data)}", data)
    return data


def _each(data: Any, place: str) -> Iterable[tuple[Any, str]]:
    """One value, or each of a list, with its place."""
    if not isinstance(data, list):
        return [(data, place)]
    if not data:
        raise WrongValueError(place, "the list is empty", data)
    return [(item, f"{place}[{number}]") for number, item in enumerate(data)]


def _texts(data: Any, place: str, what: str) -> tuple[str, ...]:
    return tuple(_text(item, where, what) for item, where in _each(data, place))


def _text(data: Any, place: str, what: str) -> str:
    if not isinstance(data, str) or not data.strip():
        raise WrongValueError(place, f"expected {what}, as text, found {_shown(data)}", data)
    return data.strip()


def _flag(data: Any, place: str) -> bool:
    if not isinstance(data, bool):
        raise WrongValueError(place, f"expected true or false, found {_shown(data)}", data)
    return data


def _choice(data: Any, allowed: Sequence[str], place: str) -> str:
    if data not in allowed:
        raise WrongValueError(place, f"{_shown(data)}{_near(data, allowed)} is not one of {', '.join(allowed)}", data)
    return str(data)


def _near(text: Any, candidates: Sequence[str]) -> str:
    found = difflib.get_close_matches(str(text)[:_SHOWN], candidates, n=1)
    return f" (did you mean {found[0]!r}?)" if found else ""


def _shown(data: Any) -> str:
    text = safe(repr(data))
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
