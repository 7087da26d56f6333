# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Networks and their endpoints put back as they were: on failure, after a run that was killed, or for the controller.

What even then is not as before is reported container by container, with the commands to type at a shell. A run that was
killed is found by what it had recorded, and put back first of all. The controller has networks of the newest
run taken back when it finds that packets do not fare as wanted on them.
"""

from __future__ import annotations

import contextlib
import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar, Union

from ansible_collections.dockernet.baseline.plugins.module_utils._change.journal import (
    JOURNAL_ROOT,
    RECORD,
    Journal,
    read_record,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.journal_entries import parse_record
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_api import (
    ApiProblem,
    NetworkApi,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_body import (
    body_of,
    endpoints_of,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_connection import (
    Connector,
    ContainerLinks,
    KernelLinks,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_endpoint import (
    EndpointState,
    RecordedNetwork,
    RecordedNetworks,
    RecreationRecord,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import ChangeFailed, Outline, Refusal
from ansible_collections.dockernet.baseline.plugins.module_utils._change.run import Change as Changing
from ansible_collections.dockernet.baseline.plugins.module_utils._change.run import ChangePlan

ATTEMPTS = 3
"""How often it is tried: dockerd may be restarting."""
PAUSE = 2.0
"""Seconds between two attempts."""
MODULE = "bridge_network"
P = TypeVar("P", bound=ChangePlan)


@dataclass(frozen=True)
class RecoveryPlan:
    """Nothing but putting back."""

    outline: Outline
    records: list[RecreationRecord] = field(default_factory=list)


@dataclass(frozen=True)
class _Step:
    """A network to be put back as its record says, or to be removed."""

    name: str
    id: str = ""
    record: RecreationRecord | None = None

    @property
    def action(self) -> str:
        existed = self.record is not None and self.record.old
        return f"restore network {self.name}" if existed else f"remove network {self.name} again"


@dataclass(frozen=True)
class UndoPlan:
    """What is taken back, the last one first."""

    outline: Outline
    steps: list[_Step]


def put_back(api: NetworkApi, record: RecreationRecord, links: ContainerLinks | None = None) -> list[str]:
    """Have the network and its endpoints as the record says they were before; what is so already is left alone.

    Returns what is not as it was, with the commands that repair it; nothing when all is.
    """
    restoration = _Restoration(api, Connector(api, links or KernelLinks()), record)
    problems: list[str] = []
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(PAUSE)
        problems = restoration.run()
        if not problems:
            break
    return problems


class _Restoration:
    """One attempt after the other; what an attempt has begun, the next one ends."""

    def __init__(self, api: NetworkApi, connector: Connector, record: RecreationRecord) -> None:
        self._api = api
        self._connector = connector
        self._record = record
        self._strangers: dict[str, EndpointState] = {}
        """By container id: endpoints that others made on the new network meanwhile."""

    def run(self) -> list[str]:
        """Try; return the problems."""
        # First, as they may have addresses of those who were there before.
        problems = [problem for endpoint in self._record.added for problem in self._drop(endpoint)]
        if problems or not self._record.old:
            return problems or self._without()
        try:
            network_id = self._old_network()
            behind = self._behind(network_id)
            waiting = [item for item in self._strangers.values() if not self._connector.is_as(item, network_id)]
        except (ApiProblem, ChangeFailed) as error:
            return [self._without_network(error)]
        touched = [endpoint for endpoint in self._record.before if endpoint.container in behind]
        for endpoint in reversed(touched):
            # What is not on it cannot be disconnected, and what does not go shows when it is connected.
            with contextlib.suppress(ApiProblem):
                self._connector.disconnect(endpoint)
        return [problem for endpoint in [*touched, *waiting] for problem in self._connect(endpoint, network_id)]

    def _drop(self, endpoint: EndpointState) -> list[str]:
        try:
            self._connector.drop(endpoint)
        except ApiProblem as error:
            what = f"container {endpoint.name} is still on network {endpoint.network} ({error})"
            words = shlex.join(["docker", "network", "disconnect", endpoint.network, endpoint.name])
            return [f"{what}; once the cause is fixed: {words}"]
        return []

    def _without(self) -> list[str]:
        """Remove the network, which was not there before."""
        try:
            network = self._api.inspect(self._record.name)
            if network is not None and network.get("Name") == self._record.name:
                self._api.remove(network["Id"])
        except ApiProblem as error:
            return [f"network {self._record.name} could not be removed again: {error}"]
        return []

    def _connect(self, endpoint: EndpointState, network_id: str) -> list[str]:
        try:
            self._connector.connect(self._network_of(endpoint, network_id), endpoint)
        except (ApiProblem, ChangeFailed) as error:
            what = f"container {endpoint.name} could not be restored on network {endpoint.network} ({error})"
            return [f"{what}; once the cause is fixed: {_connect_command(endpoint)}"]
        return []

    def _network_of(self, endpoint: EndpointState, network_id: str) -> str:
        """The id of the endpoint's network; another network may have been made anew itself in the meantime."""
        if endpoint.network == self._record.name:
            return network_id
        network = self._api.inspect(endpoint.network)
        return endpoint.network_id if network is None else str(network["Id"])

    def _behind(self, network_id: str) -> set[str]:
        """The containers of which some endpoint is not as it was."""
        return {
            endpoint.container
            for endpoint in self._record.before
            if not self._connector.is_as(endpoint, self._network_of(endpoint, network_id))
        }

    def _old_network(self) -> str:
        """The id of the network as it was: that which is there, or one made again."""
        network = self._api.inspect(self._record.name)
        if network is not None and network.get("Name") == self._record.name:
            if network["Id"] == self._record.old_id or body_of(network) == self._record.old:
                return str(network["Id"])
            self._clear(network)
            self._api.remove(network["Id"])
        return self._api.create(self._record.old)

    def _clear(self, network: dict[str, Any]) -> None:
        """Disconnect everybody, those too who came since the network was made anew."""
        known = {endpoint.container for endpoint in self._record.before}
        for key in network.get("Containers") or {}:
            container = None if key in known else self._api.inspect_container(key)
            for endpoint in endpoints_of(container) if container else []:
                if endpoint.network == self._record.name:
                    # The address that it was given may be that of one who was there before.
                    self._strangers[key] = endpoint.without_address(4).without_address(6)
        for endpoint in [*self._strangers.values(), *reversed(self._record.before)]:
            self._connector.disconnect(endpoint)

    def _without_network(self, error: Exception) -> str:
        endpoints = [*self._record.before, *self._strangers.values()]
        commands = [_create_command(self._record.old), *(_connect_command(endpoint) for endpoint in endpoints)]
        what = f"network {self._record.name} could not be restored ({error}), and its containers run without it"
        return f"{what}. Once the cause is fixed: {' && '.join(commands)}"


def _create_command(body: dict[str, Any]) -> str:
    """`docker network create` for a body of POST /networks/create."""
    words = ["docker", "network", "create", "--driver", str(body.get("Driver") or "bridge")]
    ipam = body.get("IPAM") or {}
    for config in ipam.get("Config") or []:
        words += _option("--subnet", config.get("Subnet"))
        words += _option("--ip-range", config.get("IPRange"))
        words += _option("--gateway", config.get("Gateway"))
        for name, address in (config.get("AuxiliaryAddresses") or {}).items():
            words += ["--aux-address", f"{name}={address}"]
    words += [f"--ipam-opt={key}={value}" for key, value in (ipam.get("Options") or {}).items()]
    words += ["--internal"] if body.get("Internal") else []
    words += ["--attachable"] if body.get("Attachable") else []
    words += ["--ipv6"] if body.get("EnableIPv6") else []
    words += ["--ipv4=false"] if body.get("EnableIPv4") is False else []
    words += [f"--opt={key}={value}" for key, value in (body.get("Options") or {}).items()]
    words += [f"--label={key}={value}" for key, value in (body.get("Labels") or {}).items()]
    return shlex.join([*words, str(body["Name"])])


def _connect_command(endpoint: EndpointState) -> str:
    """`docker network connect` for an endpoint."""
    request = endpoint.request(pinned=endpoint.runs)
    ipam = request.get("IPAMConfig") or {}
    words = ["docker", "network", "connect"]
    words += _option("--ip", ipam.get("IPv4Address"))
    words += _option("--ip6", ipam.get("IPv6Address"))
    words += [f"--alias={alias}" for alias in request.get("Aliases") or []]
    words += [f"--link={link}" for link in request.get("Links") or []]
    words += [f"--driver-opt={key}={value}" for key, value in (request.get("DriverOpts") or {}).items()]
    words += _option("--gw-priority", request.get("GwPriority"))
    return shlex.join([*words, endpoint.network, endpoint.name])


def _option(name: str, value: Any) -> list[str]:
    return [name, str(value)] if value else []


def left_halfway(changes: Sequence[RecordedNetworks], api: NetworkApi) -> list[RecreationRecord]:
    """The networks that the newest change of this host's networks left halfway, as some container is not on its own.

    Only the newest counts: what was changed since is not to be turned back. Raises ApiProblem.
    """
    newest = next((change for change in reversed(changes) if change.module == MODULE), None)
    if newest is None or newest.ended:
        return []
    records = [network.record for network in newest.networks if network.record is not None]
    return [record for record in records if _is_halfway(record, api)]


def _is_halfway(record: RecreationRecord, api: NetworkApi) -> bool:
    for endpoint in record.before:
        container = api.inspect_container(endpoint.container)
        if container is None:
            continue
        found = next((item for item in endpoints_of(container) if item.network == endpoint.network), None)
        if found is None or api.inspect(found.network_id or found.network) is None:
            return True
    return False


class Recovering(Generic[P]):
    """A change of networks that first has put back what a killed run left halfway; the rest takes another run."""

    def __init__(self, change: Changing[P], api: NetworkApi, root: Path = JOURNAL_ROOT) -> None:
        self._change = change
        self._api = api
        self._root = root

    def plan(self) -> Union[P, RecoveryPlan]:
        """Plan to put back, if there is something to put back, and else the change itself."""
        try:
            changes = parse_record(read_record(self._root), str(self._root / RECORD), RecordedNetworks).changes
            halfway = left_halfway(changes, self._api)
        except (OSError, ApiProblem) as error:
            raise Refusal(f"nothing was changed: whether a run was killed before could not be read: {error}") from error
        return RecoveryPlan(_outline(halfway), halfway) if halfway else self._change.plan()

    def apply(self, plan: Union[P, RecoveryPlan]) -> None:
        """Carry it out. Raises ChangeFailed."""
        if not isinstance(plan, RecoveryPlan):
            self._change.apply(plan)
            return
        journal = Journal(MODULE, self._root)
        # Should this run be killed as well, the next one finds the same records.
        networks = [{"name": record.name, "record": record.to_plain()} for record in plan.records]
        journal.begin([], actions=plan.outline.actions, networks=networks)
        # The last one first: it may have been begun after those before it were done.
        problems = [problem for record in reversed(plan.records) for problem in put_back(self._api, record)]
        if problems:
            journal.end("failed", error="; ".join(problems))
            raise ChangeFailed(f"not all that a killed run left incomplete could be restored: {'; '.join(problems)}")
        journal.end("done")


def _outline(records: list[RecreationRecord]) -> Outline:
    actions = [
        f"restore network {record.name} to its state before a run that was killed, and connect its containers again: "
        f"{', '.join(dict.fromkeys(endpoint.name for endpoint in record.before))}"
        for record in records
    ]
    warning = "this run restores only what a killed run left incomplete; run it again to configure the networks"
    return Outline(actions, warnings=[warning], results={"networks": []})


class NetworkUndo:
    """Takes networks back that the newest change of networks made."""

    def __init__(self, names: Sequence[str], api: NetworkApi, root: Path = JOURNAL_ROOT) -> None:
        self._names = names
        self._api = api
        self._root = root

    def plan(self) -> UndoPlan:
        """Find them in the journal. Raises Refusal for what that change did not make, and for what is in use by now."""
        try:
            changes = parse_record(read_record(self._root), str(self._root / RECORD), RecordedNetworks).changes
            newest = next((change for change in reversed(changes) if change.module == MODULE), None)
            known = {} if newest is None else {item.name: item for item in newest.networks}
            steps = [self._step(name, known) for name in reversed(self._names)]
        except (OSError, ApiProblem) as error:
            raise Refusal(f"nothing was changed: the created networks could not be read: {error}") from error
        found = [step for step in steps if step is not None]
        return UndoPlan(Outline([step.action for step in found], results={"networks": []}), found)

    def apply(self, plan: UndoPlan) -> None:
        """Carry it out. Raises ChangeFailed, which says what is as it was made still."""
        journal = Journal(MODULE, self._root)
        networks: list[dict[str, Any]] = [
            {"name": step.name, "record": step.record.to_plain() if step.record else None} for step in plan.steps
        ]
        journal.begin([], actions=plan.outline.actions, networks=networks)
        problems = [problem for step in plan.steps for problem in self._take_back(step)]
        if problems:
            journal.end("failed", error="; ".join(problems))
            raise ChangeFailed("; ".join(problems))
        journal.end("done")

    def _step(self, name: str, known: dict[str, RecordedNetwork]) -> _Step | None:
        """None where it is gone by now."""
        if name not in known:
            raise Refusal(f"nothing was changed: undo: the newest change of networks did not create a network {name}")
        record = known[name].record
        if record is not None and record.old:
            return _Step(name, record=record)
        network = self._api.inspect(name)
        if network is None:
            return None
        own = {endpoint.container for endpoint in record.added} if record else set()
        users = [str(item.get("Name")) for key, item in (network.get("Containers") or {}).items() if key not in own]
        if users:
            raise Refusal(f"nothing was changed: undo: network {name} now has containers: {', '.join(users)}")
        return _Step(name, id=str(network["Id"]), record=record)

    def _take_back(self, step: _Step) -> list[str]:
        if step.record is not None:
            return put_back(self._api, step.record)
        try:
            self._api.remove(step.id)
        except ApiProblem as problem:
            return [f"network {step.name} could not be removed again: {problem}"]
        return []
