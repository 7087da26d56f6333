# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The engine, its networks and its containers as the Engine API declares them.

A single network or container that cannot be understood is a gap, and costs nothing else.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Callable, NoReturn, Optional, TypeVar

from ansible_collections.dockernet.baseline.plugins.module_utils._host import procfs
from ansible_collections.dockernet.baseline.plugins.module_utils._host.child_process import PROGRAM_PATH
from ansible_collections.dockernet.baseline.plugins.module_utils._host.daemon_process import (
    Dockerds,
    SocketHolders,
    addresses_served,
    listening,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.engine_api import (
    EngineAddress,
    connected,
    fetch,
    parse_engine_address,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.service import unit_of
from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import from_plain, to_plain
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import (
    DOCKER,
    PODMAN,
    SNAP,
    ConfiguredPool,
    Container,
    Endpoint,
    Engine,
    Network,
    PublishedPort,
    RoutedPort,
    ServiceUnit,
    Subnet,
    require_sense,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine_releases import REPORTS_PROXY, has
from ansible_collections.dockernet.baseline.plugins.module_utils._model.secrets import mask_values
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import ENGINE
from ansible_collections.dockernet.baseline.plugins.module_utils._model.unread import (
    ABSENT,
    CONTAINER,
    DENIED,
    DESKTOP,
    ERROR,
    NETWORK,
    STOPPED,
    Gap,
    UnreadableError,
    shortened,
)


@dataclass(frozen=True)
class Declared:
    """What the engine says of itself and of what it keeps."""

    engine: Optional[Engine] = None
    networks: list[Network] = field(default_factory=list)
    containers: list[Container] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    """Networks and containers of which it says what cannot be understood."""


def read_declared(docker_host: str, service: Optional[ServiceUnit], dockerds: Dockerds, *, runs: bool) -> Declared:
    """Ask the engine at docker_host, unless no dockerd runs there. Raises UnreadableError.

    dockerds: those that can be seen on the host; runs: whether one serves docker_host, be it seen or not.
    """
    address = parse_engine_address(docker_host)
    if not runs:
        holders = SocketHolders(address).programs()
        if PODMAN not in holders:
            # To connect to the socket of a dockerd that does not run would make systemd start it.
            _refuse(docker_host, service, dockerds, holders)
        try:
            return _ask(docker_host)
        except UnreadableError as error:
            raise UnreadableError(PODMAN, f"no Docker Engine, but Podman: {error.reason}") from error
    try:
        return _ask(docker_host)
    except UnreadableError as error:
        raise UnreadableError(error.kind, error.reason + _halted(dockerds.serving)) from error


def _halted(dockerd: Optional[procfs.Process]) -> str:
    """What keeps it from answering, and what to do; empty where it runs."""
    now = procfs.read_process(dockerd.pid) if dockerd else None
    if now is None:
        return ""
    freezer = procfs.freezer(now.pid)
    if freezer:
        return f": process {now.pid} is frozen; thaw its control group ({freezer})"
    return f": process {now.pid} is stopped; continue it (kill -CONT {now.pid})" if now.is_stopped else ""


def _ask(docker_host: str) -> Declared:
    answers = fetch(docker_host)
    try:
        engine = checked(parse_engine(answers.version, answers.info))
    except STRANGE as error:
        words = shortened(f"{type(error).__name__}: {error}")
        raise UnreadableError(ERROR, f"{docker_host} does not answer like a Docker Engine: {words}") from error
    if engine.flavor == PODMAN:
        # What it says of networks and containers has the form of Docker's, and not the meaning.
        return Declared(engine)
    networks, lost_networks = understood(NETWORK, parse_network, answers.networks)
    containers, lost_containers = understood(CONTAINER, parse_container, answers.containers)
    beside = on_lost_networks(containers, lost_networks, answers.networks)
    return Declared(engine, networks, containers, bounded([*answers.gaps, *lost_networks, *lost_containers, *beside]))


def _refuse(docker_host: str, service: Optional[ServiceUnit], dockerds: Dockerds, holders: set[str]) -> NoReturn:
    """Say why the engine at docker_host is not asked; holders: programs that hold its socket."""
    address = parse_engine_address(docker_host)
    if dockerds.unclear:
        pids = ", ".join(str(process.pid) for process in dockerds.unclear)
        reason = f"whether dockerd (process {pids}) serves {docker_host} is not visible without root; run with become"
        raise UnreadableError(DENIED, reason)
    others = ", ".join(addresses_served([*dockerds.elsewhere, *dockerds.strangers]))
    hint = f" (a dockerd serves {others}: set docker_host to use that one)" if others else ""
    elsewhere = UnreadableError(ERROR, f"dockerd runs, but not at {docker_host}; set docker_host{hint}")
    if service is not None and any(service.name == unit_of(process.pid) for process in dockerds.elsewhere):
        raise elsewhere
    import shutil  # few hosts come here

    # A package that was removed and not purged leaves its init script, of which systemd makes a unit.
    installed = _is_program(service) or shutil.which("dockerd", path=PROGRAM_PATH) is not None
    if installed and service is not None and service.manager == "systemd":
        name = service.name
        held = ". A connection to its socket would start it, so none was made" if _SYSTEMD in holders else ""
        raise UnreadableError(STOPPED, f"dockerd does not run ({name} is {service.active}); start it{hint}{held}")
    if installed or os.path.isdir("/var/snap/docker/current"):
        raise UnreadableError(STOPPED, f"dockerd is installed but does not run for {docker_host}; start it{hint}")
    if others or dockerds.elsewhere:
        raise elsewhere
    served = bool(listening(address)) or _is_served_elsewhere(address)
    to_podman = PODMAN in os.path.realpath(address.path or os.sep).split(os.sep)
    if to_podman or (not served and shutil.which(PODMAN, path=PROGRAM_PATH)):
        raise UnreadableError(PODMAN, "no Docker Engine, but Podman")
    if served:
        programs = ", ".join(sorted(holders)) or "a process that is not visible"
        kind = DESKTOP if any(program.startswith(_OF_DESKTOP) for program in holders) else ERROR
        raise UnreadableError(kind, f"{docker_host} is served by {programs}, not by dockerd")
    if os.path.isdir("/opt/docker-desktop"):
        raise UnreadableError(DESKTOP, "docker-desktop is installed, whose engine is in a virtual machine")
    raise UnreadableError(ABSENT, f"no Docker Engine: nothing serves {docker_host}, and no dockerd is installed")


def _is_served_elsewhere(address: EngineAddress) -> bool:
    """Whether it is, though nothing listens in this namespace. An engine that was removed leaves its socket."""
    try:
        connected(address, 1).close()
    except (FileNotFoundError, ConnectionRefusedError):
        return False
    return True


_SYSTEMD = "systemd"
_OF_DESKTOP = ("docker-desktop", "com.docker.")
"""How names of programs of Docker Desktop begin."""


def _is_program(service: Optional[ServiceUnit]) -> bool:
    """Whether the service starts a dockerd that lies where the path does not lead."""
    program = service.argv[0] if service is not None and service.argv else ""
    return os.path.basename(program).startswith("dockerd") and os.path.exists(program)


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
    if not has(engine, REPORTS_PROXY) or not backend:
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


M = TypeVar("M")
T = TypeVar("T", Network, Container)

STRANGE = (KeyError, TypeError, AttributeError, ValueError)
"""What parsing an answer of another shape than the engine's raises."""

# Characters of what could not be understood: each check that is concerned repeats the name.
_LONGEST_NAME = 200
_LONGEST_ERROR = 1000
MOST_GAPS = 1000
"""Networks, and containers, that are gaps by name: each is a finding of each check that is concerned."""


def understood(
    kind: str, parse: Callable[[dict[str, Any]], T], items: Iterable[dict[str, Any]]
) -> tuple[list[T], list[Gap]]:
    """Return what parse makes of each item, and a gap of that kind for each that it makes nothing of.

    Of those that have the same name and the same fault there is one.
    """
    found: list[T] = []
    gaps: dict[Gap, None] = {}
    for item in items:
        try:
            parsed = checked(parse(item))
            require_sense(parsed)
        except STRANGE as error:
            words = _in_words(f"{type(error).__name__}: {error}"[:_LONGEST_ERROR])
            gaps[Gap(ENGINE, kind, _name_of(item), f"the engine's answer about it cannot be read ({words})")] = None
            continue
        found.append(parsed)
    return found, list(gaps)


@lru_cache(maxsize=64)
def _in_words(error: str) -> str:
    """Items of a list mostly have the same fault, and to make words safe takes longer than to find it."""
    return shortened(error)


def bounded(gaps: list[Gap]) -> list[Gap]:
    """Return the gaps, of each kind the first MOST_GAPS, and one in place of all that are beyond them."""
    found: list[Gap] = []
    for kind in (NETWORK, CONTAINER):
        of_kind = [gap for gap in gaps if gap.kind == kind]
        found += of_kind[:MOST_GAPS]
        more = len(of_kind) - MOST_GAPS
        if more > 0:
            reason = f"they were not read either; only the first {MOST_GAPS} are listed by name"
            found.append(Gap(ENGINE, kind, f"{more} more", reason))
    return found


def on_lost_networks(
    containers: Iterable[Container], lost: Iterable[Gap], networks: Iterable[dict[str, Any]]
) -> list[Gap]:
    """Return a gap for each container that is on a lost network: it was read, and what it hangs on was not."""
    names = {gap.name for gap in lost}
    ids = {str(item.get("Id")) for item in networks if isinstance(item, dict) and _name_of(item) in names}
    return [
        Gap(ENGINE, CONTAINER, item.name, f"it is on network {end.network}, which could not be read")
        for item in containers
        for end in item.endpoints
        if end.network in names or end.network_id in ids
    ]


def checked(item: M) -> M:
    """Return a part of the model whose fields have the types that they should have. Raises DecodeError."""
    return from_plain(type(item), to_plain(item))


def _name_of(item: Any) -> str:
    """What to call it: containers have a slash before their name. Empty where it does not even have a name."""
    named = item if isinstance(item, dict) else {}
    return str(named.get("Name") or named.get("Id") or "without a name").lstrip("/")[:_LONGEST_NAME]
