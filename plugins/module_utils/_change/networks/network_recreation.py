# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A bridge network made anew with all its endpoints, as one transaction.

Whatever fails on the way, the network is made again as it was and its containers are connected again as they were; what
even then is not as before is reported container by container, with the commands that repair it.

A run that is killed on the way (SIGKILL, loss of power) leaves the containers running and, at worst, without the
network. The journal then has a ``begin`` with the record and without an end, and put_back() with that record brings
back what was there, from whatever state. By hand: ``docker network create`` with what the record has under ``old``,
then ``docker network connect`` for each of ``before``, in that order. Other signals wait until the transaction has
ended.

Besides the network's id nothing differs afterwards but what the plan names; the name of the bridge follows the id
unless an option names it.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_api import (
    ApiProblem,
    NetworkApi,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_body import endpoints_of
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_connection import (
    Connector,
    ContainerLinks,
    KernelLinks,
    is_running,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_endpoint import (
    RecreationRecord,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_recovery import put_back
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_recreation_plan import (
    Place,
    Recreation,
    RecreationContext,
    by_interface,
    plan_recreation,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import ChangeFailed, Refusal


def plan_on_host(
    api: NetworkApi,
    old: dict[str, Any],
    containers: Sequence[str],
    body: dict[str, Any],
    release: tuple[int, int],
    links: ContainerLinks | None = None,
) -> Recreation:
    """Read what the plan needs, and plan.

    old: GET /networks/ID, read again since what was made anew before may have changed its endpoints; containers: the
    ids of all containers of the host, running or not; body: of POST /networks/create; release: of the engine. Raises
    Refusal, also for what could not be read.
    """
    try:
        old = api.inspect(old["Id"]) or old
        found = [container for container in map(api.inspect_container, containers) if container]
        members = [container for container in found if any(e.network_id == old["Id"] for e in endpoints_of(container))]
        host = context_of(api, old["Id"], found, members, release, links or KernelLinks())
    except (ApiProblem, ChangeFailed) as error:
        raise Refusal(f"nothing was changed: network {old['Name']} cannot be re-created: {error}") from error
    return plan_recreation(old, body, host)


def context_of(
    api: NetworkApi,
    network_id: str,
    containers: Sequence[dict[str, Any]],
    members: Sequence[dict[str, Any]],
    release: tuple[int, int],
    kernel: ContainerLinks,
) -> RecreationContext:
    """Read of the members, which are among the containers, the interfaces and the other networks.

    Raises ApiProblem and ChangeFailed.
    """
    others = {e.network_id for container in members for e in endpoints_of(container)} - {"", network_id}
    views = {
        container["Id"]: kernel.read(int(container["State"]["Pid"])) for container in members if is_running(container)
    }
    return RecreationContext(
        containers=containers,
        networks={key: network for key in sorted(others) for network in [api.inspect(key)] if network},
        links={key: view[0] for key, view in views.items()},
        default_links={key: view[1] for key, view in views.items()},
        release=release,
    )


def recreate(
    api: NetworkApi,
    plan: Recreation,
    created: Callable[[str], None] = lambda network_id: None,
    links: ContainerLinks | None = None,
) -> list[str]:
    """Do it, prove it, and undo it on failure; return what is to be known of containers that changed by themselves.

    created is called with the id of the new network before containers are connected, to prove the network itself; it
    may raise ChangeFailed. Raises ChangeFailed.
    """
    kernel = links or KernelLinks()
    record = plan.record
    with uninterrupted():
        try:
            _demand_members(api, record, plan.members, "nothing was changed: meanwhile")
        except ChangeFailed as error:
            raise ChangeFailed(str(error), undone=True) from error
        try:
            _make_anew(api, Connector(api, kernel), record, created)
            return _observations(api, kernel, record)
        except Exception as error:
            problems = put_back(api, record, kernel)
            if not problems:
                raise ChangeFailed(
                    f"network {record.name} and its containers were restored: {error}", undone=True
                ) from error
            raise ChangeFailed(
                f"re-creating network {record.name} failed: {error}. Restoring everything failed, too: "
                f"{'; '.join(problems)}"
            ) from error


def _make_anew(api: NetworkApi, connector: Connector, record: RecreationRecord, created: Callable[[str], None]) -> None:
    for endpoint in reversed(record.before):
        connector.disconnect(endpoint)
    _demand_members(api, record, [], "while its containers were disconnected")
    api.remove(record.old_id)
    network_id = api.create(record.new)
    created(network_id)
    for endpoint in record.after:
        connector.connect(network_id if endpoint.network == record.name else endpoint.network_id, endpoint)
    _demand_ports(api, record)


def _demand_members(api: NetworkApi, record: RecreationRecord, members: list[Place], when: str) -> None:
    """Raise ChangeFailed unless exactly these endpoints are on the network: somebody may start or stop containers."""
    try:
        network = api.inspect(record.old_id)
    except ApiProblem as error:
        raise ChangeFailed(f"{when} network {record.name} could not be read: {error}") from error
    if network is None:
        raise ChangeFailed(f"{when} network {record.name} was removed by another program")
    found = {data.get("EndpointID"): data.get("Name") for data in (network.get("Containers") or {}).values()}
    expected = {place.endpoint_id for place in members}
    joined = [str(name) for endpoint_id, name in found.items() if endpoint_id not in expected]
    if joined:
        raise ChangeFailed(f"{when} container {', '.join(joined)} was started on network {record.name}; run it again")
    if expected - set(found):
        raise ChangeFailed(f"{when} a container on network {record.name} was stopped or disconnected; run it again")


def _demand_ports(api: NetworkApi, record: RecreationRecord) -> None:
    for key, ports in record.ports.items():
        container = api.inspect_container(key)
        if container is None or not is_running(container):
            continue
        published = (container.get("NetworkSettings") or {}).get("Ports") or {}
        for port, numbers in ports.items():
            now = {binding.get("HostPort") for binding in published.get(port) or []}
            if set(numbers) - now:
                raise ChangeFailed(f"port {port} of container {container['Name'].lstrip('/')} is no longer published")


def _observations(api: NetworkApi, kernel: ContainerLinks, record: RecreationRecord) -> list[str]:
    """What differs from before in containers, and is no reason to take everything back."""
    found = []
    for key in dict.fromkeys(endpoint.container for endpoint in record.after):
        container = api.inspect_container(key)
        if container is None or key not in record.started:
            continue
        name = container["Name"].lstrip("/")
        if not is_running(container):
            found.append(f"container {name} ended by itself while it was without network {record.name}")
        elif (container["State"].get("StartedAt") or "") != record.started[key]:
            found.append(f"container {name} was restarted while it was without network {record.name}")
        else:
            found += _differences(container, kernel, record)
    return found


def _differences(container: dict[str, Any], kernel: ContainerLinks, record: RecreationRecord) -> list[str]:
    name, key = container["Name"].lstrip("/"), container["Id"]
    try:
        links, default = kernel.read(int(container["State"]["Pid"]))
    except ChangeFailed as error:
        return [f"the interfaces of container {name} could not be read: {error}"]
    placed = by_interface(endpoints_of(container, links))
    order = [endpoint.network for endpoint in placed]
    found = []
    if record.orders.get(key, order) != order:
        found.append(f"the interfaces of container {name} are now in the order {', '.join(order)}")
    gateway = next((endpoint.network for endpoint in placed if endpoint.interface == default), "")
    if record.gateways.get(key, gateway) != gateway:
        found.append(f"the default route of container {name} now uses network {gateway or 'none'}")
    return found


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Have the signals wait that would end the program halfway."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP, signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
