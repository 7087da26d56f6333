# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""A snapshot under audit: what more than one check asks of it, worked out when the first one asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

from ansible_collections.dockernet.baseline.plugins.module_utils._model.dockerd_orders import RuleMaking, rule_making
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import PODMAN, Network
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine_releases import (
    Capabilities,
    capabilities_of,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.matrix import Matrix
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import Packet, Path
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    CONTAINER_NAMESPACES,
    ENGINE,
    LINKS,
    LISTENERS,
    NAMESPACES,
    POLICY_RULES,
    PROCESSES,
    ROUTES,
    RULESET,
    SYSCTL,
    HostSnapshot,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.unread import Defect, defect_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.platform import podman_at
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.verdict import NotJudgedError
from ansible_collections.dockernet.baseline.plugins.plugin_utils.contract.intents import Contract
from ansible_collections.dockernet.baseline.plugins.plugin_utils.contract.judge import Judge, Judgement
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_view import HostView
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.predict import predict
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.docker_chains import Purposes
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import interface_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.exposure import Exposed, exposed_by
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.questions import Answers, answers_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.reachability import matrix_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.path_text import HopWriter
from ansible_collections.dockernet.baseline.plugins.plugin_utils.options import KEEP

T = TypeVar("T")


@dataclass(frozen=True)
class Settings:
    """What the caller wants of the host, where there is a choice."""

    userland_proxy: str = KEEP
    """``keep``: whichever is in force is right; ``disabled`` or ``enabled``."""
    checks: tuple[str, ...] = ("*",)
    """Patterns of the ids of the checks to run."""
    within: tuple[str, ...] = ("*",)
    """Patterns of those that the profile has; others are not run."""
    exclude: tuple[str, ...] = ()
    """Patterns of ids that are left out of these."""
    parameters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By check and by name; what is not named has the check's own default."""
    contract: Contract | None = None
    """What holds of it on this host; None where there is none."""


class AuditContext:
    """What a check is given. Nothing in it changes, so the order of checks does not matter."""

    def __init__(self, snapshot: HostSnapshot, settings: Settings) -> None:
        """Take a snapshot, and what the caller wants of the host."""
        self.snapshot = snapshot
        self.settings = settings
        self.defects: list[Defect] = []
        """What could not be worked out because of an error of this collection, in the order in which it was tried."""
        self._paths: dict[Packet, Path] = {}

    def attempt(self, part: str, work: Callable[[], T], otherwise: Callable[[Defect], T]) -> T:
        """Return what work returns; where an error of this collection prevents that, note it and return otherwise(it).

        part says what it is for, ``check bridge.mtu`` say. Meant for whole parts of an audit, of which one must not
        take the others with it.
        """
        try:
            return work()
        except Exception as error:  # noqa: BLE001 (an unforeseen error has no type)
            self.defects.append(defect_of(part, error))
            return otherwise(self.defects[-1])

    @cached_property
    def capabilities(self) -> Capabilities:
        """What an engine of this release does and has."""
        return capabilities_of(self.snapshot.engine)

    @cached_property
    def rule_making(self) -> dict[int, RuleMaking]:
        """Whether the running dockerd is configured to make rules for IPv4 (4) and IPv6 (6)."""
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

    @cached_property
    def contract_judge(self) -> Judge:
        """The host, ready to be held against the contract, which there has to be. Raises as ``answers`` does."""
        answers, contract = self.answers, self.settings.contract
        if answers.plan is None or contract is None:
            raise NotJudgedError("there is no contract, or nothing that it could be held against")
        return Judge(self.view, answers, answers.plan, contract)

    @cached_property
    def judgements(self) -> list[Judgement]:
        """What became of each intent of the contract. Raises as ``answers`` does."""
        judge = self.contract_judge
        return [judge.judge(intent) for intent in judge.contract.intents]

    @cached_property
    def hop_writer(self) -> HopWriter:
        """What says by which devices of this host a path leads."""
        return HopWriter(self.snapshot)

    def path(self, packet: Packet) -> Path:
        """Where a packet goes. Raises BadPacketError for one that cannot be sent."""
        if packet not in self._paths:
            self._paths[packet] = predict(self.view, packet)
        return self._paths[packet]

    @cached_property
    def _answers(self) -> Answers:
        # Without the engine no container is known, and containers may run on without it.
        engine = self.snapshot.sources.get(ENGINE)
        unread = engine.reason if engine is not None and not engine.read else ""
        problem = unread or unpredictable(self.snapshot)
        return Answers(problems=(problem,)) if problem else answers_of(self.view)


def _raise_any(problems: Sequence[str]) -> None:
    if problems:
        raise NotJudgedError("; ".join(problems))


def unpredictable(snapshot: HostSnapshot) -> str:
    """Why no packet can be followed on this host, whatever was read; empty where there is no such reason."""
    engine = snapshot.engine
    if engine is not None and engine.flavor == PODMAN:
        return f"{podman_at(snapshot, engine)}, whose networks were not read"
    if engine is not None and engine.rootless:
        return "the engine runs rootless, in a namespace of its own that was not read"
    return ""


PACKETS = (ENGINE, NAMESPACES, LINKS, ROUTES, POLICY_RULES, SYSCTL, RULESET, LISTENERS, CONTAINER_NAMESPACES, PROCESSES)
"""Sources that a check needs which follows packets."""


def outward_networks(snapshot: HostSnapshot, version: int) -> list[Network]:
    """Bridge networks of an IP version whose containers may talk to the outside."""
    return [
        network
        for network in snapshot.networks
        if network.bridge is not None
        and not network.internal
        and (version == 4 or network.ipv6)
        and _has_subnet(network, version)
    ]


def _has_subnet(network: Network, version: int) -> bool:
    # A network without addresses of its own has an empty one.
    subnets = [item.subnet for item in network.subnets if item.subnet]
    return any(interface_of(text).network.version == version for text in subnets)
