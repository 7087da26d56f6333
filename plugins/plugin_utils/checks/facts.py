# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What an operator asks of a host by hand, answered from the snapshot. Plain data, ready for JSON.

None means that it is not known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import named_values
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Network, Subnet
from ansible_collections.dockernet.baseline.plugins.module_utils._model.proxy_state import (
    proxy_configured,
    proxy_default,
    proxy_in_force,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    ENGINE,
    NAMESPACES,
    PROCESSES,
    HostSnapshot,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.sysctls import boot_value
from ansible_collections.dockernet.baseline.plugins.module_utils._model.topology import attachments
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.context import AuditContext
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.mode import modes, sharers
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.proxy import memory_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.resources import socket_name
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import interface_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.options import FULL, NONE

_KNOBS = {"ipv4": "net.ipv4.ip_forward", "ipv6": "net.ipv6.conf.all.forwarding"}


def facts_of(context: AuditContext) -> dict[str, Any]:
    """All facts by topic, None for one that an error of this collection makes unknown."""
    return {
        topic: context.attempt(f"facts about {topic}", partial(tell, context.snapshot), lambda dummy: None)
        for topic, tell in _TOPICS.items()
    }


_OF_CONTAINERS = ("name", "running", "mode")
"""What a summary says of each."""
_FULL_ONLY = {"proxy": ("bindings",), "ipv4": ("interfaces",), "ipv6": ("interfaces",)}
"""What a summary leaves out."""


def in_detail(facts: Mapping[str, Any], detail: str) -> dict[str, Any] | None:
    """Return of all facts what the option of that name asks for: ``full``, ``summary``, or ``none`` (None)."""
    if detail == NONE:
        return None
    if detail == FULL:
        return dict(facts)
    brief = {topic: value for topic, value in facts.items() if topic != "attachments"}
    if brief["containers"] is not None:
        brief["containers"] = [{key: item[key] for key in _OF_CONTAINERS} for item in brief["containers"]]
    if brief["forwarding"] is not None:
        brief["forwarding"] = {family: _in_brief(family, told) for family, told in brief["forwarding"].items()}
    if brief["proxy"] is not None:
        brief["proxy"] = _in_brief("proxy", brief["proxy"])
    return brief


def _in_brief(topic: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in facts.items() if key not in _FULL_ONLY[topic]}


def engine_of(snapshot: HostSnapshot) -> dict[str, Any] | None:
    """The engine as it reports itself, and its process; None where it did not answer."""
    engine = snapshot.engine
    if engine is None:
        return None
    return {
        "flavor": engine.flavor,
        "version": engine.version,
        "api_version": engine.api_version,
        "firewall_driver": engine.firewall_driver,
        "live_restore": engine.live_restore,
        "swarm": engine.swarm,
        "rootless": engine.rootless,
        "root_dir": engine.root_dir,
        "pid": snapshot.daemon.pid if snapshot.daemon else None,
        "config_path": snapshot.daemon_config.path if snapshot.daemon_config else None,
    }


def _networks(snapshot: HostSnapshot) -> list[dict[str, Any]] | None:
    return [_network(snapshot, network) for network in snapshot.networks] if snapshot.was_read(ENGINE) else None


def _default_network(snapshot: HostSnapshot) -> dict[str, Any] | None:
    return next((_network(snapshot, network) for network in snapshot.networks if network.is_default_bridge), None)


def _network(snapshot: HostSnapshot, network: Network) -> dict[str, Any]:
    return {
        "name": network.name,
        "driver": network.driver,
        "bridge": network.bridge,
        "subnets": [subnet.subnet for subnet in network.subnets],
        "gateways": list(filter(None, (_gateway(snapshot, network, subnet) for subnet in network.subnets))),
        "internal": network.internal,
        "ipv6": network.ipv6,
    }


def _gateway(snapshot: HostSnapshot, network: Network, subnet: Subnet) -> str | None:
    """The one that the engine names; of a subnet that was given without, the address that its bridge has there."""
    if subnet.gateway or network.bridge is None:
        return subnet.gateway
    texts = [text for link in snapshot.links if link.name == network.bridge for text in link.addresses]
    try:
        within = interface_of(subnet.subnet).network
        found = [address for address in (interface_of(text).ip for text in texts) if address in within]
    except ValueError:
        return None
    return str(found[0]) if found else None


def _shared_namespaces(snapshot: HostSnapshot) -> list[list[str]] | None:
    if not (snapshot.was_read(ENGINE) and snapshot.was_read(NAMESPACES)):
        return None
    return [[item.name for item in group] for group in sharers(snapshot)]


def _containers(snapshot: HostSnapshot) -> list[dict[str, Any]] | None:
    if not snapshot.was_read(ENGINE):
        return None
    found = modes(snapshot)
    groups = {container.id: group for group in sharers(snapshot) for container in group}
    return [
        {
            "name": container.name,
            "id": container.id[:12],
            "running": container.running,
            "mode": found[container.id].proved,
            "declared_mode": found[container.id].declared,
            "proof": found[container.id].detail,
            "shares_with": [other.name for other in groups.get(container.id, []) if other.id != container.id],
            "networks": [endpoint.network for endpoint in container.endpoints],
            "published": [str(port) for port in container.published],
        }
        for container in snapshot.containers
    ]


def _attachments(snapshot: HostSnapshot) -> list[dict[str, Any]] | None:
    if not snapshot.was_read(ENGINE):
        return None
    return [
        {
            "bridge": item.bridge,
            "port": item.port.name if item.port else None,
            "container": item.container.name,
            "network": item.network.name,
            "address": item.endpoint.address,
            "address6": item.endpoint.address6,
            "hairpin": item.port.hairpin if item.port else None,
        }
        for item in attachments(snapshot)
    ]


def _proxy(snapshot: HostSnapshot) -> dict[str, Any]:
    force = proxy_in_force(snapshot)
    memory = memory_of(snapshot.proxies)
    counted = snapshot.was_read(PROCESSES)
    return {
        "default": proxy_default(),
        "configured": proxy_configured(snapshot),
        "in_force": force.value,
        "evidence": force.evidence,
        "processes": len(snapshot.proxies) if counted else None,
        "pss": memory.total if counted else None,
        "measured": memory.measured if counted else None,
        "bindings": [
            {
                "pid": proxy.pid,
                "protocol": proxy.protocol,
                "host": socket_name(proxy.host_ip, proxy.host_port),
                "container": socket_name(proxy.container_ip, proxy.container_port),
                "pss": proxy.pss,
            }
            for proxy in snapshot.proxies
        ],
    }


def _forwarding(snapshot: HostSnapshot) -> dict[str, Any]:
    return {family: _forwarding_of(snapshot, family) for family in _KNOBS}


def _forwarding_of(snapshot: HostSnapshot, family: str) -> dict[str, Any]:
    prefix, suffix = f"net.{family}.conf.", ".forwarding"
    boot = boot_value(snapshot.boot, _KNOBS[family]) if snapshot.boot else None
    return {
        "running": _switch(snapshot.sysctls.get(_KNOBS[family])),
        "interfaces": named_values(
            {
                key[len(prefix) : -len(suffix)].replace("/", "."): _switch(value)
                for key, value in sorted(snapshot.sysctls.items())
                if key.startswith(prefix) and key.endswith(suffix) and key.split(".")[3] != "all"
            }
        ),
        "at_boot": _switch(boot.value) if boot else None,
        "at_boot_by": f"{boot.path}:{boot.line}" if boot and boot.path else None,
    }


def _switch(value: str | None) -> bool | None:
    return None if value is None else value != "0"


_TOPICS: dict[str, Callable[[HostSnapshot], Any]] = {
    "default_network": _default_network,
    "networks": _networks,
    "containers": _containers,
    "shared_namespaces": _shared_namespaces,
    "attachments": _attachments,
    "proxy": _proxy,
    "forwarding": _forwarding,
}
"""What tells each topic."""
