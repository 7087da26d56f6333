# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Checks the parameters that a caller gives to checks."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import (
    INTEGER,
    NAMES,
    NETWORKS,
    PORTS,
    Check,
    Parameter,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.registry import CHECKS, near_id
from ansible_collections.dockernet.baseline.plugins.plugin_utils.options import WrongValueError

PLACE = "parameters"


def read_parameters(given: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the parameters by check and by name, networks in the usual notation.

    Raises WrongValueError.
    """
    return {check: _of_check(check, values) for check, values in given.items()}


def _of_check(name: str, values: Any) -> dict[str, Any]:
    check = next((item for item in CHECKS if item.id == name), None)
    place = f"{PLACE}[{str(name)!r}]"
    if check is None:
        raise WrongValueError(place, _no_such_check(str(name)), name)
    if not isinstance(values, Mapping):
        raise WrongValueError(place, f"expected its parameters by name, found {values!r}. {_listed(check)}", values)
    known = {parameter.name: parameter for parameter in check.parameters}
    result = {}
    for key, value in values.items():
        if key not in known:
            raise WrongValueError(f"{place}[{str(key)!r}]", f"there is no such parameter. {_listed(check)}", key)
        result[known[key].name] = _READERS[known[key].kind](known[key], value, f"{place}[{str(key)!r}]")
    return result


def _no_such_check(name: str) -> str:
    with_any = [check.id for check in CHECKS if check.parameters]
    return f"no check has the id {name!r}{near_id(name)}. These have parameters: {', '.join(with_any)}"


def _listed(check: Check) -> str:
    if not check.parameters:
        return f"{check.id} has no parameters"
    words = [f"{item.name} ({item.kind}, by default {_shown(item.default)}): {item.text}" for item in check.parameters]
    return f"{check.id} has: {'; '.join(words)}"


def _shown(default: Any) -> str:
    return ", ".join(map(str, default)) or "none" if isinstance(default, (list, tuple)) else str(default)


def _integer(parameter: Parameter, value: Any, place: str) -> int:
    least = "" if parameter.least is None else f" from {parameter.least}"
    most = "" if parameter.most is None else f" to {parameter.most}"
    if not isinstance(value, int) or isinstance(value, bool):
        raise WrongValueError(place, f"expected a whole number{least}{most}, found {value!r}", value)
    low = parameter.least is not None and value < parameter.least
    high = parameter.most is not None and value > parameter.most
    if low or high:
        raise WrongValueError(place, f"expected a number{least}{most}, found {value}", value)
    return int(value)


def _names(parameter: Parameter, value: Any, place: str) -> list[str]:
    return [_word(parameter, item, f"{place}[{number}]") for number, item in enumerate(_list(value, place, "words"))]


def _word(parameter: Parameter, value: Any, place: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise WrongValueError(place, f"expected a word, found {value!r}", value)
    if parameter.choices and value not in parameter.choices:
        raise WrongValueError(place, f"{value!r} is not one of {', '.join(parameter.choices)}", value)
    return str(value)


def _networks(dummy_parameter: Parameter, value: Any, place: str) -> list[str]:
    return [_network(item, f"{place}[{number}]") for number, item in enumerate(_list(value, place, "networks"))]


def _network(value: Any, place: str) -> str:
    if not isinstance(value, str):
        raise WrongValueError(place, f"expected a network such as '10.0.0.0/8', found {value!r}", value)
    try:
        return str(ipaddress.ip_network(value))
    except ValueError as error:
        raise WrongValueError(place, f"expected a network such as '10.0.0.0/8': {error}", value) from error


def _ports(dummy_parameter: Parameter, value: Any, place: str) -> list[int]:
    return [_integer(_A_PORT, item, f"{place}[{number}]") for number, item in enumerate(_list(value, place, "ports"))]


def _list(value: Any, place: str, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise WrongValueError(place, f"expected a list of {what}, found {value!r}", value)
    return value


_A_PORT = Parameter("port", INTEGER, None, "A port of TCP or UDP.", 1, 65535)

_READERS: dict[str, Callable[[Parameter, Any, str], Any]] = {
    INTEGER: _integer,
    NAMES: _names,
    NETWORKS: _networks,
    PORTS: _ports,
}
