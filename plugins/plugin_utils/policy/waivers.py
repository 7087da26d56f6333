# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Waivers: what somebody decided to live with, why, who answers for it, and until when."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import AppliedWaiver
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.parameters import WrongValueError
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.registry import UnknownCheckError, matching
from ansible_collections.dockernet.baseline.plugins.plugin_utils.policy.selector import Selector, SelectorError


@dataclass(frozen=True)
class Waiver:
    """One entry of the option waivers."""

    check: str
    """Id of a check, or a pattern."""
    ids: frozenset[str]
    """Of the checks that it is about."""
    text: str
    """Of the selector; empty where every resource is meant."""
    selector: Selector | None
    hosts: tuple[str, ...]
    """Patterns of names in the inventory; it holds on hosts that one of them matches."""
    refused: tuple[str, ...]
    """What its selector reads of a resource though it must not choose by that; it covers nothing then."""
    decision: AppliedWaiver

    def has_expired(self, today: datetime.date) -> bool:
        """Whether its last day is over."""
        return datetime.date.fromisoformat(self.decision.expires) < today

    def holds_on(self, inventory_name: str) -> bool:
        """Whether it is meant for the host of that name."""
        return any(fnmatchcase(inventory_name, pattern) for pattern in self.hosts)


def read_waivers(given: Sequence[Mapping[str, Any]], refused_keys: Sequence[str]) -> list[Waiver]:
    """Return the waivers of the option of that name; refused_keys are what none of them may choose by.

    Raises WrongValueError.
    """
    return [_waiver(item, refused_keys, f"waivers[{number}]") for number, item in enumerate(given)]


def _waiver(given: Mapping[str, Any], refused_keys: Sequence[str], place: str) -> Waiver:
    for name in ("reason", "owner"):
        if not given[name].strip():
            raise WrongValueError(f"{place}.{name}", "it is empty; say it, so that others can follow", given[name])
    try:
        ids = frozenset(check.id for check in matching(given["check"]))
    except UnknownCheckError as error:
        raise WrongValueError(f"{place}.check", str(error), given["check"]) from error
    text = given["selector"]
    selector = None if text is None else _selector(text, f"{place}.selector")
    return Waiver(
        check=str(given["check"]),
        ids=ids,
        text=str(text or ""),
        selector=selector,
        hosts=_hosts(given["hosts"], f"{place}.hosts"),
        refused=tuple(key for key in refused_keys if selector is not None and selector.may_read(key)),
        decision=AppliedWaiver(str(given["reason"]), str(given["owner"]), _day(given["expires"], f"{place}.expires")),
    )


def _selector(text: str, place: str) -> Selector:
    try:
        return Selector(str(text))
    except SelectorError as error:
        raise WrongValueError(place, str(error), text) from error


def _hosts(given: Sequence[str], place: str) -> tuple[str, ...]:
    if not given:
        raise WrongValueError(place, "it is empty, so the waiver holds on no host; leave it out to mean all", given)
    for number, pattern in enumerate(given):
        if not pattern.strip():
            raise WrongValueError(f"{place}[{number}]", "it is empty; expected a name in the inventory", pattern)
    return tuple(str(pattern) for pattern in given)


def _day(text: str, place: str) -> str:
    try:
        # fromisoformat() takes other forms as well, of which not all are plain to everybody.
        if not re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
            raise ValueError("it is written otherwise")
        datetime.date.fromisoformat(text)
    except ValueError as error:
        reason = f"expected the last day on which it holds, as YYYY-MM-DD, found {text!r}: {error}"
        raise WrongValueError(place, reason, text) from error
    return str(text)
