# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An engine in memory with a host around it, for lists of networks."""

from __future__ import annotations

import json
import typing as t
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._change.journal import Journal
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks import (
    bridge_network,
    network_recovery,
    network_recreation,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.bridge_network import NetworkChange
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_options import (
    NetworkConsent,
    parse_requests,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import Outline
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Container, Endpoint
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link, Ruleset
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot

from tests.unit.plugins.module_utils._change.fake_engine import PEERS, FakeContainer, FakeEngine
from tests.unit.synthetic_host import SyntheticHost

NONE = NetworkConsent()
DISRUPT = NetworkConsent(disruption=True)
RECREATE = NetworkConsent(recreate=True)
ALL = NetworkConsent(recreate=True, disruption=True)


class Scene:
    """An engine, the host around it, and the journal."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self.engine = FakeEngine((28, 5))
        self.host = SyntheticHost(version="28.5.2")
        self.broken: set[str] = set()
        """Subnets whose bridges the kernel does not have."""
        self.left: list[Link] = []
        self.unplugged: set[str] = set()
        """Containers whose interfaces lead to no bridge."""
        self._folder = folder
        self.sysctls: dict[str, str] = {}
        monkeypatch.setattr(bridge_network, "read_links", lambda: self._kernel()[0])
        monkeypatch.setattr(bridge_network, "read_ruleset", lambda run: self._kernel()[1])
        monkeypatch.setattr(bridge_network, "read_routes", lambda: self.host.snapshot().routes)
        monkeypatch.setattr(bridge_network, "read_sysctls", lambda: {**self.host.snapshot().sysctls, **self.sysctls})
        for module in (bridge_network, network_recreation, network_recovery):
            monkeypatch.setattr(module, "KernelLinks", lambda: self.engine)
        monkeypatch.setattr(network_recovery, "PAUSE", 0)
        monkeypatch.setattr(bridge_network, "Journal", lambda module: Journal(module, folder))

    def change(self, *networks: dict[str, t.Any], consent: NetworkConsent = NONE) -> NetworkChange:
        return NetworkChange(
            parse_requests(list(networks)),
            consent,
            [],
            self.engine,
            lambda argv: (0, "", ""),
            self.snapshot,
        )

    def run(self, *networks: dict[str, t.Any], consent: NetworkConsent = NONE) -> Outline:
        """Carry it out; what check mode would have said."""
        change = self.change(*networks, consent=consent)
        plan = change.plan()
        change.apply(plan)
        return plan.outline

    def snapshot(self) -> HostSnapshot:
        """The host with the engine's containers."""
        found = [
            Container(
                who.id,
                who.name,
                network_mode=who.mode,
                endpoints=[Endpoint(name, who.network_ids.get(name, "")) for name in who.settings],
            )
            for who in self.engine.containers.values()
        ]
        return replace(self.host.snapshot(), containers=found)

    def all(self) -> list[FakeContainer]:
        """All containers."""
        return list(self.engine.containers.values())

    def names(self) -> set[str]:
        return {body["Name"] for body in self.engine.bodies.values()}

    def events(self) -> list[dict[str, t.Any]]:
        return [json.loads(line) for line in (self._folder / "journal.jsonl").read_text().splitlines()]

    def _kernel(self) -> tuple[list[Link], Ruleset]:
        links, nat, forward = [*self.host.snapshot().links, *self.left], "", ""
        for number, (key, body) in enumerate(self.engine.bodies.items()):
            config = body["IPAM"]["Config"][0]["Subnet"] if body["IPAM"]["Config"] else ""
            if config in self.broken:
                continue
            name = body["Options"].get("com.docker.network.bridge.name") or f"br-{key[:12]}"
            links.append(Link(700 + number, name, "bridge", up=True, addresses=[config.replace(".0/", ".1/")]))
            links += [
                Link(live.index + PEERS, f"veth{live.index}", "veth", up=True, master=700 + number)
                for who in self.engine.containers.values()
                for live in [who.live.get(body["Name"])]
                if live and who.name not in self.unplugged
            ]
            nat += f"-A POSTROUTING -s {config} ! -o {name} -j MASQUERADE\n"
            forward += f"-A FORWARD -i {name} -j ACCEPT\n"
        heads = ":FORWARD DROP [0:0]\n"
        return links, Ruleset(
            {"iptables-save": f"*nat\n:POSTROUTING ACCEPT [0:0]\n{nat}COMMIT\n*filter\n{heads}{forward}COMMIT\n"}
        )


def net(name: str, number: int, **more: t.Any) -> dict[str, t.Any]:
    return {"name": name, "subnets": [{"subnet": f"10.60.{number}.0/24"}], **more}
