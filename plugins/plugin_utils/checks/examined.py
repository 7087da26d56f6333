# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""A snapshot on the table: what more than one check asks of it, worked out when the first one asks."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Callable, TypeVar

from ansible_collections.dockernet.baseline.plugins.module_utils._model.defect import Defect, defect_of
from ansible_collections.dockernet.baseline.plugins.module_utils._model.dockerd_start import RuleMaking, rule_making
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine_releases import (
    Capabilities,
    capabilities_of,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.matrix import Matrix
from ansible_collections.dockernet.baseline.plugins.module_utils._model.packet import Packet
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import Path
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import (
    Check,
    NotJudgedError,
    Settings,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.recognition import unpredictable
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.host_view import HostView
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.predict import predict
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.exposure import Exposed, exposed_by
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.questions import Answers, answers_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.reachability import matrix_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.on_purpose import Purposes

T = TypeVar("T")


class Examined:
    """What a check is given. Nothing in it changes, so the order of checks does not matter."""

    def __init__(self, snapshot: HostSnapshot, settings: Settings) -> None:
        """Take a snapshot, and what the caller wants of the host."""
        self.snapshot = snapshot
        self.settings = settings
        self.defects: list[Defect] = []
        """What could not be worked out because of an error of this collection, in the order in which it was tried."""
        self._paths: dict[Packet, Path] = {}

    def parameter(self, check: Check, name: str) -> Any:
        """The value of a check's parameter: the caller's, or the default."""
        given = self.settings.parameters.get(check.id, {})
        return given[name] if name in given else next(item.default for item in check.parameters if item.name == name)

    def attempt(self, part: str, work: Callable[[], T], otherwise: Callable[[Defect], T]) -> T:
        """Return what work returns; where an error of this collection prevents that, note it and return otherwise(it).

        part says what it is for, ``check bridge.mtu`` say. Meant for whole parts of an audit, of which one must not
        take the others with it.
        """
        try:
            return work()
        except Exception as error:  # noqa: BLE001 (what nobody foresaw has no type)
            self.defects.append(defect_of(part, error))
            return otherwise(self.defects[-1])

    @cached_property
    def capabilities(self) -> Capabilities:
        """What an engine of this release does and has."""
        return capabilities_of(self.snapshot.engine)

    @cached_property
    def rule_making(self) -> dict[int, RuleMaking]:
        """Whether the running dockerd was told to make rules for IPv4 (4) and IPv6 (6)."""
        return {family: rule_making(self.snapshot, family) for family in (4, 6)}

    @cached_property
    def view(self) -> HostView:
        """The host, ready to be asked where packets go; its ``problems`` say what was not read."""
        return HostView.of(self.snapshot)

    @cached_property
    def purposes(self) -> Purposes:
        """Whose rules are whose."""
        return Purposes(self.view.book, self.snapshot.engine)

    def require_whole_view(self) -> None:
        """Raise NotJudgedError where something was not read that every packet may depend on."""
        _raise_any(self.view.problems)

    @property
    def answers(self) -> Answers:
        """Who reaches what, class by class. Raises NotJudgedError where nothing can be said of any packet."""
        _raise_any(self._answers.problems)
        return self._answers

    @cached_property
    def exposed(self) -> list[Exposed]:
        """What is open to machines outside, and perhaps was not meant to be. Raises as ``answers`` does."""
        return exposed_by(self.view, self.answers.answers)

    @cached_property
    def matrix(self) -> Matrix:
        """The answers in words; its problems say where there are none."""
        return matrix_of(self._answers, [] if self._answers.problems else self.exposed)

    def path(self, packet: Packet) -> Path:
        """Where a packet goes. Raises BadPacketError for one that nobody can send."""
        if packet not in self._paths:
            self._paths[packet] = predict(self.view, packet)
        return self._paths[packet]

    @cached_property
    def _answers(self) -> Answers:
        problem = unpredictable(self.snapshot)
        return Answers(problems=(problem,)) if problem else answers_of(self.view)


def _raise_any(problems: Sequence[str]) -> None:
    if problems:
        raise NotJudgedError("; ".join(problems))
