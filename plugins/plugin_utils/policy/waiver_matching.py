# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Waivers held against findings.

A resource is asked about as seldom as can be: not at all where a selector demands a text that it does not have, and
once for all resources that do not differ in what the selector reads. So the time that a hundred waivers take hardly
grows with the number of findings.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import (
    FAIL,
    AppliedWaiver,
    Finding,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.policy.selector import Selector, SelectorError
from ansible_collections.dockernet.baseline.plugins.plugin_utils.policy.waivers import Waiver

APPLIED = "applied"
UNUSED = "unused"
EXPIRED = "expired"
REFUSED = "refused"


@dataclass(frozen=True)
class WaiverUse:
    """What became of a waiver in one audit."""

    check: str
    selector: str
    hosts: list[str]
    reason: str
    owner: str
    expires: str
    state: str
    """``applied``, ``unused``, ``expired`` or ``refused``."""
    findings: int
    """Failed findings that it is about, whether or not another one covers them, too."""
    problem: str
    """Why it is refused, or what kept the selector of one that selects nothing from being asked; else empty."""


def apply_waivers(
    findings: Sequence[Finding],
    waivers: Sequence[Waiver],
    inventory_name: str,
    today: datetime.date,
    untold: Sequence[str] = (),
) -> tuple[list[Finding], list[WaiverUse]]:
    """Return the findings of a host, failed ones with the first waiver that covers them, and each waiver's use.

    untold: keys of resources that the host keeps back. Whoever chooses by one covers nothing, not even by its absence.
    """
    failed = _Failed(findings)
    covered: dict[int, AppliedWaiver] = {}
    uses = []
    for waiver in waivers:
        numbers, problem = failed.chosen_by(waiver) if waiver.holds_on(inventory_name) else ([], "")
        hidden = [key for key in untold if waiver.selector is not None and waiver.selector.may_read(key)]
        if hidden:
            numbers, problem = [], f"it chooses by {' and '.join(hidden)}, which the audit was told to keep back"
        state = _state(waiver, today, numbers)
        if state == APPLIED:
            for number in numbers:
                covered.setdefault(number, waiver.decision)
        if state == REFUSED:
            problem = f"it chooses by {' and '.join(waiver.refused)}, which whoever starts a container sets"
        uses.append(
            WaiverUse(
                waiver.check,
                waiver.text,
                list(waiver.hosts),
                waiver.decision.reason,
                waiver.decision.owner,
                waiver.decision.expires,
                state,
                len(numbers),
                problem if state == REFUSED or not numbers else "",
            )
        )
    result = [
        replace(finding, waiver=covered[number]) if number in covered else finding
        for number, finding in enumerate(findings)
    ]
    return result, uses


def _state(waiver: Waiver, today: datetime.date, numbers: list[int]) -> str:
    if waiver.has_expired(today):
        return EXPIRED
    if waiver.refused:
        return REFUSED
    return APPLIED if numbers else UNUSED


class _Failed:
    """The failed findings by their numbers, ready for many selectors."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self._resources: dict[int, dict[str, Any]] = {}
        self._by_check: dict[str, list[int]] = {}
        self._by_text: dict[tuple[str, ...], dict[str, set[int]]] = {}
        self._classes: dict[frozenset[str] | None, dict[int, str]] = {}
        for number, finding in enumerate(findings):
            if finding.outcome == FAIL:
                self._resources[number] = vars(finding.resource)
                self._by_check.setdefault(finding.check, []).append(number)

    def chosen_by(self, waiver: Waiver) -> tuple[list[int], str]:
        """Numbers of the findings that a waiver is about, and why it could not be asked of one."""
        numbers = [number for check in sorted(waiver.ids) for number in self._by_check.get(check, ())]
        if waiver.selector is None:
            return numbers, ""
        if waiver.selector.demands is not None:
            path, text = waiver.selector.demands
            having = self._having(path).get(text, set())
            numbers = [number for number in numbers if number in having]
        return self._selected(waiver.selector, numbers)

    def _selected(self, selector: Selector, numbers: list[int]) -> tuple[list[int], str]:
        classes = self._classes_by(selector.reads)
        answers: dict[str, bool] = {}
        problem = ""
        for number in numbers:
            alike = classes[number]
            if alike in answers:
                continue
            try:
                answers[alike] = selector.selects(self._resources[number])
            except SelectorError as error:
                answers[alike] = False
                problem = problem or str(error)
        return [number for number in numbers if answers[classes[number]]], problem

    def _having(self, path: tuple[str, ...]) -> dict[str, set[int]]:
        """Numbers by the text at a path."""
        if path not in self._by_text:
            found = self._by_text[path] = {}
            for number, resource in self._resources.items():
                text = _value(resource, path)
                if isinstance(text, str):
                    found.setdefault(text, set()).add(number)
        return self._by_text[path]

    def _classes_by(self, keys: frozenset[str] | None) -> dict[int, str]:
        """For each number, what its resource has at those keys."""
        if keys not in self._classes:
            self._classes[keys] = {
                number: json.dumps([resource.get(key) for key in sorted(resource if keys is None else keys)])
                for number, resource in self._resources.items()
            }
        return self._classes[keys]


def _value(resource: dict[str, Any], path: tuple[str, ...]) -> Any:
    value: Any = resource
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value
