"""The rules lab's router as a snapshot, by the collection's own readers: machines on the bridge pass for containers."""

from __future__ import annotations

import os

from ansible_collections.dockernet.baseline.plugins.module_utils._host import procfs
from ansible_collections.dockernet.baseline.plugins.module_utils._host.child_process import run_command
from ansible_collections.dockernet.baseline.plugins.module_utils._host.container_namespaces import (
    read_container_namespaces,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.links import read_links
from ansible_collections.dockernet.baseline.plugins.module_utils._host.netlink import with_namespaces
from ansible_collections.dockernet.baseline.plugins.module_utils._host.routes import read_policy_rules, read_routes
from ansible_collections.dockernet.baseline.plugins.module_utils._host.ruleset import read_ruleset
from ansible_collections.dockernet.baseline.plugins.module_utils._host.socket_owners import read_listeners
from ansible_collections.dockernet.baseline.plugins.module_utils._host.sysctls import read_sysctls
from ansible_collections.dockernet.baseline.plugins.module_utils._model import snapshot as model
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import (
    Container,
    Endpoint,
    Network,
    Subnet,
)

from tests.differential.rules_lab import BRIDGE, LEGS, Leg, RulesLab, address

READ = (
    model.ENGINE,
    model.NAMESPACES,
    model.LINKS,
    model.ROUTES,
    model.POLICY_RULES,
    model.LISTENERS,
    model.CONTAINER_NAMESPACES,
    model.SYSCTL,
    model.PROCESSES,
    model.RULESET,
)
"""Sources that a lab made of network namespaces has."""
_NETWORK = Network(
    id="0" * 64,
    name="lan",
    driver="bridge",
    ipv6=True,
    subnets=[
        Subnet(f"{address(family, LEGS[-1].network, 0)}/{length}", address(family, LEGS[-1].network, 1))
        for family, length in ((4, 24), (6, 64))
    ],
    options={"com.docker.network.bridge.name": BRIDGE},
)


def read_router(lab: RulesLab) -> model.HostSnapshot:
    """Read the namespace that this process is in. Raises what the readers raise."""
    links = read_links()
    own = [process for process in [procfs.read_process(os.getpid())] if process]
    containers = with_namespaces([_container(leg, lab.pids[leg.machine]) for leg in LEGS if leg.bridged])
    return model.HostSnapshot(
        hostname="router",
        taken_at="2026-01-01T00:00:00+00:00",
        sources={name: model.Source(True) for name in READ},
        kernel=os.uname().release,
        networks=[_NETWORK],
        containers=containers,
        links=links,
        routes=read_routes(),
        policy_rules=read_policy_rules(),
        listeners=read_listeners({link.index: link.name for link in links}, lambda: own),
        container_namespaces=read_container_namespaces(containers).namespaces,
        sysctls=read_sysctls(),
        ruleset=read_ruleset(run_command),
    )


def _container(leg: Leg, pid: int) -> Container:
    addresses = leg.addresses
    endpoint = Endpoint(
        _NETWORK.name,
        _NETWORK.id,
        addresses[4][0],
        addresses[6][0],
        gateway=address(4, leg.network, 1),
        mac=leg.mac,
    )
    return Container(leg.machine, leg.machine, status="running", pid=pid, network_mode="lan", endpoints=[endpoint])
