# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What a check is made of.

A check is a function from an examined snapshot to verdicts, with its metadata beside it. It never touches the
host, so the same snapshot always gives the same verdicts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Callable, Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import (
    FAIL,
    NOT_APPLICABLE,
    PASS,
    UNKNOWN,
    Remedy,
    Resource,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.options import KEEP

if TYPE_CHECKING:
    from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.examined import Examined

INTEGER = "integer"
NAMES = "names"
NETWORKS = "networks"


class NotJudgedError(Exception):
    """Raised where a check asks for what cannot be told; the message is the reason of its unknown."""


@dataclass(frozen=True)
class Parameter:
    """Something that a check is told, such as a limit."""

    name: str
    kind: str
    """``integer``, ``names`` (a list of words) or ``networks`` (a list of networks in CIDR notation)."""
    default: Any
    text: str
    """What it is for, with its unit."""
    least: Optional[int] = None
    most: Optional[int] = None
    choices: tuple[str, ...] = ()
    """The words that may be among ``names``; empty for any."""


@dataclass(frozen=True)
class Settings:
    """What the caller wants of the host, where there is a choice."""

    userland_proxy: str = KEEP
    """``keep``: whichever is in force is right; ``disabled`` or ``enabled``."""
    checks: tuple[str, ...] = ("*",)
    """Patterns of the ids of the checks to run."""
    exclude: tuple[str, ...] = ()
    """Patterns of ids that are left out of these."""
    parameters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By check and by name; what is not named has the check's own default."""


@dataclass(frozen=True)
class Verdict:
    """A finding without what it takes from its check: id and severity."""

    outcome: str
    resource: Resource
    summary: str
    evidence: dict[str, Any] = field(default_factory=dict)
    impact: str = ""
    remedy: Optional[Remedy] = None
    severity: str = ""
    """Where it is not the check's."""


@dataclass(frozen=True)
class Check:
    """A check, as the registry lists it."""

    id: str
    """``area.name``, stable for ever."""
    severity: str
    """Of its findings, but for those that have one of their own."""
    title: str
    """What is so when it passes."""
    rationale: str
    needs: tuple[str, ...]
    """Sources without which there is no verdict; the runner answers unknown for them."""
    judge: Callable[[Examined], list[Verdict]]
    """Returns one verdict at least: for the host when nothing is wrong, else one a resource. Raises NotJudgedError."""
    cis: dict[str, str] = field(default_factory=dict)
    """Number of the item in the CIS Docker Benchmark, by the benchmark's version; empty where there is no such item."""
    mended_by: tuple[str, ...] = ()
    """Modules of this collection that its remedies may name; empty where a human decides."""
    parameters: tuple[Parameter, ...] = ()
    worst: str = ""
    """The severity of the gravest of its findings, where some count for more than the others."""
    leftovers: bool = False
    """Whether it fails for what is there without a container; while containers end, that says nothing."""
    of_daemon: bool = False
    """Whether it is about dockerd alone, whatever containers and networks there are."""


def passed(resource: Resource, summary: str, evidence: dict[str, Any]) -> Verdict:
    """All is well."""
    return Verdict(PASS, resource, summary, evidence)


def failed(
    resource: Resource, summary: str, evidence: dict[str, Any], impact: str, remedy: Remedy, severity: str = ""
) -> Verdict:
    """Something is wrong, with what it means and how it is mended; severity: where it is not the check's."""
    return Verdict(FAIL, resource, summary, evidence, impact, remedy, severity)


def unknown(resource: Resource, reason: str, evidence: dict[str, Any] | None = None) -> Verdict:
    """It could not be judged; reason is a sentence."""
    return Verdict(UNKNOWN, resource, f"Not judged: {reason}", evidence or {})


def not_applicable(resource: Resource, reason: str, evidence: dict[str, Any] | None = None) -> Verdict:
    """There is nothing here that it could be about."""
    return Verdict(NOT_APPLICABLE, resource, reason, evidence or {})
