# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Containers connected to a network and disconnected from it, proved in their namespaces. No container is stopped."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_api import (
    ApiProblem,
    NetworkApi,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_body import bridge_of
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_connection import (
    Connector,
    ContainerLinks,
    is_running,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_connections_plan import (
    Connections,
    container_named,
    plan_connections,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_endpoint import (
    EndpointState,
    RecreationRecord,
    endpoints_of,
    link_with,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_options import NetworkRequest
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_recreation import context_of
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import ChangeFailed, Refusal
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link

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
