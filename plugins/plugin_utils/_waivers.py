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
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._checks.parameters import WrongValueError
from ansible_collections.dockernet.baseline.plugins.module_utils._checks.registry import UnknownCheckError, matching
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import AppliedWaiver
from ansible_collections.dockernet.baseline.plugins.plugin_utils._selector import Selector, SelectorError


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
    decision: AppliedWaiver

    def has_expired(self, today: datetime.date) -> bool:
        """Whether its last day is over."""
        return datetime.date.fromisoformat(self.decision.expires) < today


def read_waivers(given: Sequence[Mapping[str, Any]]) -> list[Waiver]:
    """Return the waivers of the option of that name. Raises WrongValueError."""
    return [_waiver(item, f"waivers[{number}]") for number, item in enumerate(given)]


def _waiver(given: Mapping[str, Any], place: str) -> Waiver:
    for name in ("reason", "owner"):
        if not given[name].strip():
            raise WrongValueError(f"{place}.{name}", "it is empty; say it, so that others can follow", given[name])
    try:
        ids = frozenset(check.id for check in matching(given["check"]))
    except UnknownCheckError as error:
        raise WrongValueError(f"{place}.check", str(error), given["check"]) from error
    text = given["selector"]
    return Waiver(
        check=str(given["check"]),
        ids=ids,
        text=str(text or ""),
        selector=None if text is None else _selector(text, f"{place}.selector"),
        decision=AppliedWaiver(str(given["reason"]), str(given["owner"]), _day(given["expires"], f"{place}.expires")),
    )


def _selector(text: str, place: str) -> Selector:
    try:
        return Selector(str(text))
    except SelectorError as error:
        raise WrongValueError(place, str(error), text) from error


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
