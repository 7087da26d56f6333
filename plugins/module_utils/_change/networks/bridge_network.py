# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bridge networks: reading what the plan needs, making, proving and removing them, and connecting containers to them.

Connections are proved in the containers' namespaces. No container is stopped.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from ansible_collections.dockernet.baseline.plugins.module_utils._change.bridge_netfilter import has_bridge_netfilter
from ansible_collections.dockernet.baseline.plugins.module_utils._change.journal import Journal
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.bridge_network_plan import (
    CHANGED,
    CREATED,
    FAILED,
    KEPT,
    RECREATED,
    REMOVED,
    UNDONE,
    HostBefore,
    NetworkDecision,
    NetworkFacts,
    NetworkPlan,
    containers_on,
    decide,
    outcome_of,
    outline,
    overlapping,
    without_network,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_api import (
    ApiProblem,
    NetworkApi,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_body import (
    Evidence,
    NetworkNow,
    NetworkOutcome,
    bridge_of,
    endpoints_of,
    kernel_problems,
    link_with,
    subnets_of,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_connection import (
    Connector,
    ContainerLinks,
    KernelLinks,
    is_running,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_connections_plan import (
    NEW,
    Connections,
    chosen_by_engine,
    container_named,
    demand_consent,
    plan_connections,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_endpoint import (
    EndpointState,
    RecreationRecord,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_options import (
    NetworkConsent,
    NetworkRequest,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_recovery import put_back
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_recreation import (
    context_of,
    plan_on_host,
    recreate,
    uninterrupted,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_recreation_plan import (
    Recreation,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import ChangeFailed, Refusal, demand
from ansible_collections.dockernet.baseline.plugins.module_utils._change.run import lacking
from ansible_collections.dockernet.baseline.plugins.module_utils._host.child_process import Run
from ansible_collections.dockernet.baseline.plugins.module_utils._host.links import read_links
from ansible_collections.dockernet.baseline.plugins.module_utils._host.routes import read_routes
from ansible_collections.dockernet.baseline.plugins.module_utils._host.ruleset import read_ruleset
from ansible_collections.dockernet.baseline.plugins.module_utils._host.sysctls import read_sysctls
from ansible_collections.dockernet.baseline.plugins.module_utils._model.address_space import CIDR, taken_on_host
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import ENGINE, HostSnapshot
from ansible_collections.dockernet.baseline.plugins.module_utils._model.unread import UnreadableError

T = TypeVar("T")

_DONE = {CREATED: "created", RECREATED: "re-created", REMOVED: "removed", CHANGED: "changed"}


class NetworkChange:
    """The networks as requested; read() gives a fresh snapshot of the host, run runs a program.

    avoid: ranges that no new subnet may touch.
    """

    def __init__(
        self,
        requests: list[NetworkRequest],
        consent: NetworkConsent,
        avoid: list[CIDR],
        api: NetworkApi,
        run: Run,
        read: Callable[[], HostSnapshot],
    ) -> None:
        self._requests = requests
        self._consent = consent
        self._avoid = avoid
        self._api = api
        self._run = run
        self._read = read
        self._journal = Journal("bridge_network")
        self._made: list[NetworkNow] = []
        self._evidence: Evidence | None = None

    def evidence(self) -> str:
        """What the controller proves the networks by that are there now, as JSON; empty where there is none."""
        return "" if self._evidence is None else self._evidence.to_json()

    def plan(self) -> NetworkPlan:
        """Read the host and plan the whole list."""
        snapshot = self._read()
        demand(snapshot, ENGINE)
        names = {request.name for request in self._requests}
        try:
            listed = [item for item in self._api.networks() if item["Name"] in names]
            networks = [network for item in listed for network in [self._api.inspect(item["Id"])] if network]
        except ApiProblem as error:
            raise Refusal(f"nothing was changed: {error}") from error
        netfilter = has_bridge_netfilter(self._run, snapshot.daemon.pid if snapshot.daemon else None)
        facts = NetworkFacts(snapshot, networks, netfilter, self._avoid)
        decisions = _with_kernel(decide(self._requests, self._consent, facts), snapshot)
        recreations = {
            item.request.name: self._recreation(item.old, item.body, snapshot)
            for item in decisions
            if item.outcome == RECREATED and item.old and item.body
        }
        connections = {
            item.request.name: found
            for item in decisions
            if item.request.connected is not None
            for found in [self._connections(item, _network_of(item), snapshot)]
            if found.actions
        }
        demand_consent(connections, self._consent)
        decisions = [
            replace(item, outcome=CHANGED) if item.outcome == KEPT and item.request.name in connections else item
            for item in decisions
        ]
        remade: list[object] = [found for item in recreations.values() for found in item.members]
        lacks = lacking([*remade, *(end for item in connections.values() for end in item.remade)])
        words = replace(outline(decisions, recreations, connections), lacking=lacks)
        self._note(decisions, snapshot)
        return NetworkPlan(words, decisions, _host_before(snapshot, self._avoid), recreations, connections)

    def apply(self, plan: NetworkPlan) -> None:
        """Carry out the decisions in order and hold each against the kernel; a failure ends it."""
        pending = [item for item in plan.decisions if item.outcome in _DONE]
        entries = [_entry(item, plan) for item in pending]
        self._journal.begin([], actions=plan.outline.actions, networks=entries)
        done: list[str] = []
        for item in pending:
            try:
                self._carry_out(item, plan)
            except ChangeFailed as error:
                undone = error.undone and not done
                self._journal.end("undone" if undone else "failed", error=str(error), completed=done)
                raise ChangeFailed(
                    f"{error}. {_so_far(done)}",
                    error.log,
                    undone=undone,
                    results={"changed": not undone, "networks": _outcomes(pending[: len(done) + 1], error)},
                ) from error
            except Exception as error:
                self._journal.end("failed", error=repr(error), completed=done)
                raise
            done.append(f"{item.request.name} was {_DONE[item.outcome]}")
        self._journal.end("done", completed=done)
        self._note(plan.decisions, _as_it_is_now(self._run, plan.host_before.host))

    def _note(self, decisions: Sequence[NetworkDecision], snapshot: HostSnapshot) -> None:
        """Keep what the controller is to prove."""
        kept = [NetworkNow(KEPT, item.old) for item in decisions if item.outcome in (KEPT, CHANGED) and item.old]
        self._evidence = Evidence(snapshot, [*kept, *self._made]) if kept or self._made else None

    def _recreation(self, old: dict[str, Any], body: dict[str, Any], snapshot: HostSnapshot) -> Recreation:
        release = snapshot.engine.release if snapshot.engine else (0, 0)
        return plan_on_host(self._api, old, [item.id for item in snapshot.containers], body, release)

    def _connections(self, item: NetworkDecision, network: dict[str, Any], snapshot: HostSnapshot) -> Connections:
        """Plan them; network: the item's as it is by now, or will be."""
        engine = snapshot.engine
        sharing = [found for found in snapshot.containers if found.network_mode.startswith("container:")]
        known = [*containers_on(_network_of(item), snapshot), *sharing]
        return connections_on_host(
            self._api,
            item.request,
            network,
            [*(found.id for found in known), *(network.get("Containers") or {})],
            chosen_by_engine(network, engine) if item.outcome in (KEPT, CHANGED) else set(),
            engine.release if engine else (0, 0),
            KernelLinks(),
        )

    def _carry_out(self, item: NetworkDecision, plan: NetworkPlan) -> None:
        name = item.request.name
        recreation = None
        try:
            if item.outcome == REMOVED and item.old:
                self._remove(item.old)
            elif item.outcome == CREATED and item.body:
                self._create(item.body, plan)
            elif item.outcome == RECREATED:
                recreation = self._current(item, plan)
                self._recreate(recreation, plan)
            if name in plan.connections:
                self._connect(item, plan, recreation)
        except ApiProblem as error:
            unknown = "" if error.answered else f"; check with docker network inspect {name}"
            raise ChangeFailed(
                f"network {name} could not be {_DONE[item.outcome]}: {error}{unknown}", undone=error.answered
            ) from error

    def _remove(self, network: dict[str, Any]) -> None:
        self._api.remove(network["Id"])
        name, bridge = network["Name"], bridge_of(network)
        if any(link.name == bridge for link in _now(read_links)):
            raise ChangeFailed(f"network {name} was removed, but the kernel still has its bridge {bridge}")

    def _create(self, body: dict[str, Any], plan: NetworkPlan) -> None:
        network_id = self._api.create(body)
        try:
            self._hold_against_kernel(network_id, plan.host_before, CREATED)
        except ChangeFailed as error:
            try:
                self._api.remove(network_id)
            except ApiProblem as problem:
                raise ChangeFailed(
                    f"network {body['Name']} was created, but {error}. It could not be removed again: {problem}"
                ) from error
            raise ChangeFailed(
                f"network {body['Name']} was created and removed again, because {error}", undone=True
            ) from error

    def _current(self, item: NetworkDecision, plan: NetworkPlan) -> Recreation:
        """The plan to make it anew; where others are made anew before, they may have changed its endpoints."""
        planned = plan.recreations[item.request.name]
        if len(plan.recreations) == 1 or item.old is None or item.body is None:
            return planned
        try:
            found = self._recreation(item.old, item.body, self._read())
        except Refusal as refusal:
            raise ChangeFailed(f"network {item.request.name} was not re-created: {refusal}", undone=True) from refusal
        for reason in _lacking(found).values():
            raise ChangeFailed(f"network {item.request.name} was not re-created: {reason}", undone=True)
        return found

    def _recreate(self, recreation: Recreation, plan: NetworkPlan) -> None:
        observed = recreate(
            self._api,
            recreation,
            lambda network_id: self._hold_against_kernel(network_id, plan.host_before, RECREATED),
        )
        # Containers that changed by themselves meanwhile: in no plan, and no failure either.
        plan.outline.warnings.extend(observed)

    def _connect(self, item: NetworkDecision, plan: NetworkPlan, recreation: Recreation | None) -> None:
        """Have the containers on the network that is there by now; all of it is undone on failure."""
        name, planned = item.request.name, plan.connections[item.request.name]
        with uninterrupted():
            try:
                network = self._api.inspect(name)
                if network is None:
                    raise ChangeFailed(f"network {name} was removed by another program")
                now = self._connections(item, network, plan.host_before.host)
                demand_consent({name: now}, self._consent)
                if recreation is None and now.actions != planned.actions:
                    raise ChangeFailed(f"the containers on network {name} changed meanwhile; run this again")
            except (ApiProblem, ChangeFailed, Refusal) as error:
                begun = item.outcome != CHANGED
                record = _undo_record(item, recreation, []) if begun else None
                raise self._undone(item, record, error) from error
            if now.record is None:
                return
            undo = now.record if item.outcome == CHANGED else _undo_record(item, recreation, now.record.added)
            try:
                carry_out(self._api, network["Id"], now.record, now.first, KernelLinks(), lambda: _now(read_links))
            except Exception as error:
                raise self._undone(item, undo, error) from error

    def _undone(self, item: NetworkDecision, record: RecreationRecord | None, error: Exception) -> ChangeFailed:
        """Put the network and its containers back, if anything was done, and say why."""
        name = item.request.name
        problems = put_back(self._api, record) if record else []
        if not problems:
            how = "does not exist" if item.outcome == CREATED else "and its containers were restored"
            return ChangeFailed(f"network {name} {how}: {error}", undone=True)
        return ChangeFailed(
            f"changing the containers of network {name} failed: {error}. Restoring everything failed, too: "
            f"{'; '.join(problems)}"
        )

    def _hold_against_kernel(self, network_id: str, host_before: HostBefore, outcome: str) -> None:
        """Raise ChangeFailed unless the kernel has the network as the engine says it is, clear of all others."""
        try:
            network = self._api.inspect(network_id)
        except ApiProblem as error:
            raise ChangeFailed(f"the engine could not be asked about it: {error}") from error
        if network is None:
            raise ChangeFailed("the engine does not have it")
        found = kernel_problems(network, _with_links(host_before.host))
        for version in (4, 6):
            for item in subnets_of(network, version):
                offender = overlapping(item.subnet, host_before.outside)
                if offender is not None:
                    found.append(
                        f"the subnet {item.subnet}, which the engine chose, overlaps with "
                        f"{offender.owner}; name subnets or pools"
                    )
        if found:
            raise ChangeFailed("; ".join(found))
        self._made.append(NetworkNow(outcome, network))


def _with_links(host: HostSnapshot) -> HostSnapshot:
    """The host with the links and settings that the kernel has by now."""
    return _now(lambda: replace(host, links=read_links(), sysctls=read_sysctls()))


def _as_it_is_now(run: Run, host: HostSnapshot) -> HostSnapshot:
    """The host with what the kernel has by now; what is inside its containers is as it was."""
    return _now(
        lambda: replace(
            host, links=read_links(), routes=read_routes(), sysctls=read_sysctls(), ruleset=read_ruleset(run)
        )
    )


def _now(read: Callable[[], T]) -> T:
    try:
        return read()
    except (UnreadableError, OSError) as error:
        raise ChangeFailed(f"the kernel could not be asked about it: {error}") from error


def _with_kernel(decisions: list[NetworkDecision], snapshot: HostSnapshot) -> list[NetworkDecision]:
    """The decisions, with a warning for each network that stays and that the kernel does not have as it should."""
    return [
        replace(item, warnings=[*item.warnings, *_warnings(item.request.name, kernel_problems(item.old, snapshot))])
        if item.outcome == KEPT and item.old is not None
        else item
        for item in decisions
    ]


def _warnings(name: str, problems: list[str]) -> list[str]:
    return [f"network {name} is as configured, but {text}" for text in problems]


def _host_before(snapshot: HostSnapshot, avoid: list[CIDR]) -> HostBefore:
    bare = snapshot
    for network in snapshot.networks:
        bare = without_network(bare, network.id, network.bridge)
    return HostBefore(snapshot, taken_on_host(bare, avoid))


def _lacking(recreation: Recreation) -> dict[str, str]:
    """Where an endpoint of a running container comes back with another MAC address, its old one has to be set."""
    return lacking(recreation.members)


def _entry(item: NetworkDecision, plan: NetworkPlan) -> dict[str, Any]:
    """For the journal; the record is what puts everything back after a run that was killed."""
    recreation, connections = plan.recreations.get(item.request.name), plan.connections.get(item.request.name)
    record = recreation.record if recreation else None
    if connections and connections.record:
        added = connections.record.added
        record = connections.record if item.outcome == CHANGED else _undo_record(item, recreation, added)
    plain = record.to_plain() if record else None
    return {"name": item.request.name, "before": item.old, "after": item.body, "record": plain}


def _undo_record(item: NetworkDecision, recreation: Recreation | None, added: list[EndpointState]) -> RecreationRecord:
    """What takes back a network that was made, or made anew, and then had endpoints added."""
    if recreation is not None:
        return replace(recreation.record, added=added)
    return RecreationRecord(item.request.name, "", {}, item.body or {}, [], [], added=added)


def _network_of(item: NetworkDecision) -> dict[str, Any]:
    """The network as it will be, like GET /networks/ID."""
    return {"Id": NEW, "Scope": "local", "Containers": {}, **(item.old or {}), **(item.body or {})}


def _so_far(done: list[str]) -> str:
    if not done:
        return "Nothing else was changed"
    return f"Changed before that, and kept without tracing packets: {'; '.join(done)}"


def _outcomes(begun: Sequence[NetworkDecision], error: ChangeFailed) -> list[NetworkOutcome]:
    """What became of the networks that were begun, of which the last one failed."""
    *kept, last = [outcome_of(item) for item in begun]
    return [*kept, replace(last, outcome=UNDONE if error.undone else FAILED)]


ReadLinks = Callable[[], "list[Link]"]


def connections_on_host(
    api: NetworkApi,
    request: NetworkRequest,
    network: dict[str, Any],
    containers: list[str],
    chosen: set[int],
    release: tuple[int, int],
    kernel: ContainerLinks,
) -> Connections:
    """Read what the plan needs, and plan; see plan_connections(). containers: ids of those that may be on the network.

    Raises Refusal, also for what could not be read.
    """
    try:
        wanted = [wish.container for wish in request.connected or []]
        found = [each for each in map(api.inspect_container, dict.fromkeys([*containers, *wanted])) if each]
        found = list({each["Id"]: each for each in found}.values())
        listed = [each for each in (container_named(word, found) for word in wanted) if each]
        members = [each for each in found if any(end.network_id == network["Id"] for end in endpoints_of(each))]
        members += [each for each in listed if each not in members]
        host = context_of(api, network["Id"], found, members, release, kernel)
    except (ApiProblem, ChangeFailed) as error:
        raise Refusal(f"nothing was changed: {request.place}.connected: {error}") from error
    return plan_connections(request, network, host, chosen)


def carry_out(
    api: NetworkApi, network_id: str, record: RecreationRecord, first: int, kernel: ContainerLinks, read: ReadLinks
) -> None:
    """Do it and prove it, without undoing anything. Raises ApiProblem and ChangeFailed.

    first: how many are connected before any is disconnected; read: returns the host's own links.
    """
    connector = Connector(api, kernel)
    for endpoint in record.after[:first]:
        connector.connect(network_id, endpoint)
    for endpoint in reversed(record.before):
        connector.disconnect(endpoint)
    for endpoint in record.after[first:]:
        connector.connect(network_id, endpoint)
    network = api.inspect(network_id)
    if network is None:
        raise ChangeFailed(f"network {record.name} was removed by another program")
    links = read()
    back = {endpoint.container for endpoint in record.after}
    for endpoint in [*record.after, *(item for item in record.before if item.container not in back)]:
        container = api.inspect_container(endpoint.container)
        if container is None or not is_running(container):
            continue
        try:
            inside = kernel.read(int(container["State"]["Pid"]))[0]
        except ChangeFailed:
            now = api.inspect_container(endpoint.container)
            if now is None or not is_running(now):
                continue
            raise
        found = next((item for item in endpoints_of(container) if item.network == record.name), None)
        problem = (
            _missing(found, inside, bridge_of(network), links)
            if endpoint.container in back
            else _left(found, endpoint, inside)
        )
        if problem:
            raise ChangeFailed(f"container {endpoint.name}: {problem}")


def _missing(found: EndpointState | None, inside: list[Link], bridge: str, links: list[Link]) -> str:
    """What the kernel lacks of an endpoint: a pair of interfaces, one with its addresses, the other in the bridge."""
    if found is None:
        return "it is not on the network"
    link = link_with(inside, [found.address, found.address6])
    if link is None:
        return f"the kernel shows no interface with {found.text} in it"
    own = {ipaddress.ip_interface(text).ip for text in link.addresses}
    lost = [text for text in (found.address, found.address6) if text and ipaddress.ip_address(text) not in own]
    if lost:
        return f"its interface {link.name} does not have the address {lost[0]}"
    master = next((item.index for item in links if item.name == bridge and item.kind == "bridge"), None)
    end = next((item for item in links if item.index == link.peer_index), None)
    if link.kind != "veth" or not link.up or end is None or not end.up or end.master is None or end.master != master:
        return f"its interface {link.name} is not attached to the bridge {bridge}"
    return ""


def _left(found: EndpointState | None, endpoint: EndpointState, inside: list[Link]) -> str:
    """What is left of an endpoint that was given up."""
    if found is not None and found.runs:
        return "it is still on the network"
    link = link_with(inside, [endpoint.address, endpoint.address6])
    return "" if link is None else f"its interface {link.name} still has {endpoint.text}"
