# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Proof that a bridge network does what it asks for: what becomes of its packets on the host as it is now. Pure.

Packets of two containers that are not there are followed through the host: to the outside, and from one to the other.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_body import (
    Evidence,
    NetworkNow,
    bridge_of,
    is_isolated,
    kernel_problems,
    option_of,
    subnets_of,
    versions_of,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.saved_snapshot import snapshot_of
from ansible_collections.dockernet.baseline.plugins.module_utils._model.address_space import CIDR
from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import DecodeError
from ansible_collections.dockernet.baseline.plugins.module_utils._model.dockerd_orders import rule_making
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import GATEWAY_MODES, ICC, MASQUERADE
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    ANY_PORT,
    BEYOND_ADDRESSES,
    BEYOND_PORT,
    CONTAINER,
    REQUEST,
    UNKNOWN,
    Origin,
    Packet,
    Path,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.module_utils._model.uplinks import default_device
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_view import HostView
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.predict import predict
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.docker_chains import Purposes
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.synthetic_containers import (
    Pair,
    with_synthetic_containers,
)

_TRANSLATING = ("nat", "nat-unprotected")


@dataclass(frozen=True)
class Judgement:
    """In what packets fare otherwise than a network asks for, a sentence each."""

    problems: list[str] = field(default_factory=list)
    """What the network, or dockerd, is to blame for."""
    remarks: list[str] = field(default_factory=list)
    """What is not known, and what somebody else's rules do to it."""


def prove(evidence: Evidence) -> dict[str, Any]:
    """Return the networks by what was done to them, with their problems and remarks, as plain data.

    One whose bridge is not as it should be, which the host has said already, is left out.
    """
    effects = Effects(evidence.snapshot, [item.network for item in evidence.networks])
    return {
        "networks": [
            {"name": item.network["Name"], "outcome": item.outcome, **asdict(effects.judge_all(item.network))}
            for item in evidence.networks
            if not kernel_problems(item.network, evidence.snapshot)
        ]
    }


class Effects:
    """Follows packets of networks of one host."""

    def __init__(self, snapshot: HostSnapshot, networks: list[dict[str, Any]]) -> None:
        """Take the host, and the networks as the engine shows them."""
        blocks = {bridge_of(item): [net.subnet for v in (4, 6) for net in subnets_of(item, v)] for item in networks}
        self._snapshot, self._pairs = with_synthetic_containers(snapshot, blocks)
        self._view = HostView.of(self._snapshot)
        self._purposes = Purposes(self._view.book, snapshot.engine)

    def judge_all(self, network: dict[str, Any]) -> Judgement:
        """What becomes of the packets of a network whose bridge is up and has its addresses."""
        found = Judgement()
        for version in versions_of(network):
            for item in subnets_of(network, version):
                judgement = self.judge(network, item.subnet)
                found.problems.extend(judgement.problems)
                found.remarks.extend(judgement.remarks)
        return found

    def judge(self, network: dict[str, Any], subnet: CIDR) -> Judgement:
        """What becomes of the packets of one subnet of a network whose bridge is up and has its address.

        A dockerd that is told to make no rules is not held responsible for any.
        """
        making = rule_making(self._snapshot, subnet.version)
        pair = self._pairs.get(bridge_of(network))
        if making.value is False or pair is None or subnet not in pair.addresses:
            return Judgement()
        found = Judgement()
        for judgement in (*self._outwards(network, subnet, pair), *self._between(network, subnet, pair)):
            found.problems.extend(judgement.problems)
            found.remarks.extend(judgement.remarks)
        if making.value is None:
            why = f"whether dockerd is configured to create rules is not known: {making.evidence}"
            return Judgement([], [*(f"{text} ({why})" for text in found.problems), *found.remarks])
        return found

    def _outwards(self, network: dict[str, Any], subnet: CIDR, pair: Pair) -> Iterator[Judgement]:
        """Whether what leaves is masqueraded as wanted. Where the host itself has no way out, nothing leaves."""
        version = subnet.version
        if is_isolated(network, version) or not default_device(self._view.snapshot, version):
            return
        path = self._path(pair.one, BEYOND_ADDRESSES[version], BEYOND_PORT)
        sent, wanted = path.sent_as, _is_translated(network, version)
        if path.verdict == UNKNOWN:
            if network.get("Internal") or not sent or (sent != path.first_source) != wanted:
                yield Judgement(
                    remarks=[f"whether packets from {subnet} reach the outside is not known: {path.reason}"]
                )
        elif network.get("Internal"):
            if sent:
                yield Judgement([f"packets from {subnet} reach the outside, although the network is internal"])
        elif not sent:
            if self._purposes.let_down(path):
                yield Judgement([f"packets from {subnet} do not reach the outside: {path.reason}"])
        elif wanted and sent == path.first_source:
            yield Judgement([f"no rule masquerades {subnet}: its packets leave with their own addresses"])
        elif not wanted and sent != path.first_source:
            yield _translated(network, subnet, path)

    def _between(self, network: dict[str, Any], subnet: CIDR, pair: Pair) -> Iterator[Judgement]:
        bridge, version = bridge_of(network), subnet.version
        path = self._path(pair.one, pair.addresses[subnet][1], ANY_PORT)
        if path.verdict == UNKNOWN:
            yield Judgement(
                remarks=[
                    f"it is not known whether containers on {bridge} reach each other by IPv{version}: {path.reason}"
                ]
            )
        elif option_of(network, ICC) == "false":
            if path.arrives:
                yield Judgement([f"containers on {bridge} reach each other by IPv{version}, although icc=false"])
        elif not path.arrives and not self._purposes.kept_off(path):
            yield Judgement([f"containers on {bridge} do not reach each other by IPv{version}: {path.reason}"])

    def _path(self, container: str, destination: str, port: int) -> Path:
        return predict(self._view, Packet(Origin(CONTAINER, container), destination, "tcp", port))


def _is_translated(network: dict[str, Any], version: int) -> bool:
    return option_of(network, MASQUERADE) == "true" and option_of(network, GATEWAY_MODES[version]) in _TRANSLATING


def _translated(network: dict[str, Any], subnet: CIDR, path: Path) -> Judgement:
    """Packets get another source address, and should not. A rule for everything is somebody else's affair."""
    steps = [step for step in path.steps if step.leg == REQUEST and step.action in ("snat", "masquerade")]
    rule, chain = (steps[-1].rule, steps[-1].chain) if steps else ("", "")
    text = f"{subnet} is masqueraded, which it must not be, by: {rule or f'a rule of chain {chain}'}"
    own = any(name in f"{rule} {chain}" for name in (str(subnet), bridge_of(network)))
    return Judgement([text]) if own else Judgement(remarks=[text])


def load_evidence(text: str) -> Evidence:
    """Read it from its JSON document. Raises DecodeError for what is none; what a network says is not looked at."""
    try:
        data: Any = json.loads(text)
        networks = [NetworkNow(str(item["outcome"]), dict(item["network"])) for item in data["networks"]]
        names = [item.network["Name"] for item in networks]
        snapshot = data["snapshot"]
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        raise DecodeError(f"not what was read of networks: {error!r}") from error
    if not all(isinstance(name, str) for name in names):
        raise DecodeError("not what was read of networks: a name is no text")
    return Evidence(snapshot_of(snapshot), networks)
