# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The engine, its networks and its containers out of the answers of the Engine API."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.container import Container
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import (
    DOCKER,
    PODMAN,
    SNAP,
    ConfiguredPool,
    Engine,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.network import (
    Endpoint,
    Network,
    PublishedPort,
    RoutedPort,
    Subnet,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.secrets import mask_values

# The first release whose GET /info names the proxy (moby daemon/libnetwork/drivers/bridge).
_REPORTS_PROXY = (29, 5)


def parse_engine(version: dict[str, Any], info: dict[str, Any]) -> Engine:
    """Engine from GET /version and GET /info."""
    backend = info.get("FirewallBackend") or {}
    engine = Engine(
        version=str(version.get("Version", "")),
        api_version=str(version.get("ApiVersion", "")),
        operating_system=info.get("OperatingSystem") or "",
        live_restore=info.get("LiveRestoreEnabled") is True,
        swarm=(info.get("Swarm") or {}).get("LocalNodeState", "inactive") not in ("", "inactive"),
        rootless=any(option.startswith("name=rootless") for option in info.get("SecurityOptions") or []),
        root_dir=info.get("DockerRootDir") or "",
        flavor=_flavor(version, info),
        firewall_driver=backend.get("Driver") or None,
        settings=_settings(info),
        address_pools=[
            ConfiguredPool(str(item.get("Base")), int(item.get("Size") or 0))
            for item in info.get("DefaultAddressPools") or []
        ],
    )
    if engine.release < _REPORTS_PROXY or not backend:
        return engine
    # With the proxy off the pair is left out.
    return Engine(**{**vars(engine), "userland_proxy": ["EnableUserlandProxy", "true"] in (backend.get("Info") or [])})


def _flavor(version: dict[str, Any], info: dict[str, Any]) -> str:
    """Podman names itself among its components (containers/podman pkg/api/handlers/compat/version.go)."""
    names = [str(item.get("Name", "")) for item in version.get("Components") or []]
    if any(name.startswith("Podman") for name in names):
        return PODMAN
    # A snap may write nowhere else.
    return SNAP if str(info.get("DockerRootDir") or "").startswith("/var/snap/docker/") else DOCKER


def _settings(info: dict[str, Any]) -> dict[str, Any]:
    """What /info shows of daemon.json. Where dockerd rewrites a value (registries by CIDR), it is left out."""
    mirrors = (info.get("RegistryConfig") or {}).get("Mirrors") or []
    shown = {
        "debug": info.get("Debug"),
        "default-runtime": info.get("DefaultRuntime"),
        "experimental": info.get("ExperimentalBuild"),
        "labels": info.get("Labels") or [],
        "live-restore": info.get("LiveRestoreEnabled") is True,
        "log-driver": info.get("LoggingDriver"),
        # dockerd ends them with a slash.
        "registry-mirrors": [str(mirror).rstrip("/") for mirror in mirrors],
    }
    return mask_values({key: value for key, value in shown.items() if value not in (None, "")})


def parse_network(data: dict[str, Any]) -> Network:
    """Network from an item of GET /networks."""
    return Network(
        id=data["Id"],
        name=data["Name"],
        driver=data.get("Driver") or "",
        scope=data.get("Scope") or "local",
        internal=bool(data.get("Internal")),
        ipv6=bool(data.get("EnableIPv6")),
        subnets=[
            Subnet(item.get("Subnet") or "", item.get("Gateway") or None, item.get("IPRange") or None)
            for item in (data.get("IPAM") or {}).get("Config") or []
        ],
        options=_texts(data.get("Options")),
        labels=_texts(data.get("Labels")),
    )


def parse_container(data: dict[str, Any]) -> Container:
    """Container from GET /containers/ID/json."""
    state, config, host = data["State"], data.get("Config") or {}, data.get("HostConfig") or {}
    settings = data.get("NetworkSettings") or {}
    return Container(
        id=data["Id"],
        name=data["Name"].lstrip("/"),
        image=config.get("Image") or "",
        status=state.get("Status") or "",
        pid=state.get("Pid") or None,
        started_at=state.get("StartedAt") or "",
        restart_policy=(host.get("RestartPolicy") or {}).get("Name") or "no",
        auto_remove=bool(host.get("AutoRemove")),
        network_mode=host.get("NetworkMode") or "",
        endpoints=[_endpoint(name, item or {}) for name, item in (settings.get("Networks") or {}).items()],
        published=_published(settings.get("Ports")),
        routed=_routed(settings.get("Ports")),
        labels=_texts(config.get("Labels")),
        privileged=bool(host.get("Privileged")),
        cap_add=list(host.get("CapAdd") or []),
        cap_drop=list(host.get("CapDrop") or []),
    )


def _endpoint(network: str, data: dict[str, Any]) -> Endpoint:
    return Endpoint(
        network=network,
        network_id=data.get("NetworkID") or "",
        address=data.get("IPAddress") or None,
        address6=data.get("GlobalIPv6Address") or None,
        gateway=data.get("Gateway") or None,
        mac=data.get("MacAddress") or None,
    )


def _published(ports: Optional[dict[str, Any]]) -> list[PublishedPort]:
    """Bindings in force to ports of the host."""
    return [
        PublishedPort(protocol, number, binding.get("HostIp") or "", int(binding["HostPort"]))
        for protocol, number, binding in _bindings(ports)
        if (binding.get("HostPort") or "").isdigit()
    ]


def _routed(ports: Optional[dict[str, Any]]) -> list[RoutedPort]:
    """Bindings in force without a port of the host; there is one for each family."""
    found = [
        RoutedPort(protocol, number) for protocol, number, binding in _bindings(ports) if not binding.get("HostPort")
    ]
    return list(dict.fromkeys(found))


def _bindings(ports: Optional[dict[str, Any]]) -> Iterator[tuple[str, int, dict[str, Any]]]:
    """Protocol, port and binding of each; a port that is only exposed has none."""
    for port, bindings in (ports or {}).items():
        number, dummy, protocol = port.partition("/")
        if number.isdigit():
            yield from ((protocol or "tcp", int(number), binding) for binding in bindings or [])


def _texts(values: Optional[dict[str, Any]]) -> dict[str, str]:
    return mask_values({str(name): str(value) for name, value in (values or {}).items()})
