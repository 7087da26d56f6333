"""Networks and containers of a snapshot in the words of the Engine API."""

from __future__ import annotations

from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Container, Network
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot


def documents_of(snapshot: HostSnapshot) -> dict[str, Any]:
    """What the engine of a host says, by path without the API's version."""
    version = snapshot.engine.version if snapshot.engine else "27.5.1"
    documents: dict[str, Any] = {
        "/version": {"Version": version, "ApiVersion": "1.47", "Components": [{"Name": "Engine"}]}
    }
    documents["/info"] = {
        "OperatingSystem": "Debian",
        "LiveRestoreEnabled": True,
        "DockerRootDir": "/var/lib/docker",
        "SecurityOptions": ["name=seccomp,profile=builtin"],
        "Swarm": {"LocalNodeState": "inactive"},
        "Labels": [],
        "LoggingDriver": "json-file",
        "DefaultRuntime": "runc",
        "RegistryConfig": {"Mirrors": []},
    }
    documents["/networks"] = [_network(item) for item in snapshot.networks]
    documents["/containers/json"] = [{"Id": item.id, "Names": [f"/{item.name}"]} for item in snapshot.containers]
    for item in snapshot.containers:
        documents[f"/containers/{item.id}/json"] = _container(item)
    return documents


def _network(item: Network) -> dict[str, Any]:
    return {
        "Id": item.id,
        "Name": item.name,
        "Driver": item.driver,
        "Scope": item.scope,
        "Internal": item.internal,
        "EnableIPv6": item.ipv6,
        "Options": dict(item.options),
        "Labels": dict(item.labels),
        "IPAM": {"Config": [{"Subnet": each.subnet, "Gateway": each.gateway} for each in item.subnets]},
    }


def _container(item: Container) -> dict[str, Any]:
    ports: dict[str, Any] = {}
    for port in item.published:
        bindings = ports.setdefault(f"{port.container_port}/{port.protocol}", [])
        bindings.append({"HostIp": port.host_ip, "HostPort": str(port.host_port)})
    endpoints = {
        each.network: {
            "NetworkID": each.network_id,
            "IPAddress": each.address or "",
            "GlobalIPv6Address": each.address6 or "",
            "Gateway": each.gateway or "",
            "MacAddress": each.mac or "",
        }
        for each in item.endpoints
    }
    return {
        "Id": item.id,
        "Name": f"/{item.name}",
        "State": {"Status": "running", "Pid": item.pid or 0, "StartedAt": "2026-01-01T00:00:00.5Z"},
        "Config": {"Image": item.image or "app:1", "Labels": dict(item.labels)},
        "HostConfig": {
            "RestartPolicy": {"Name": "no"},
            "NetworkMode": item.network_mode,
            "AutoRemove": False,
            "Privileged": item.privileged,
            "CapAdd": list(item.cap_add),
            "CapDrop": list(item.cap_drop),
        },
        "NetworkSettings": {"Networks": endpoints, "Ports": ports},
    }
