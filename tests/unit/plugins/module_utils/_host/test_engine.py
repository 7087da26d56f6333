"""The Engine API's answers, as recorded and as they vary."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._host.engine import (
    parse_container,
    parse_engine,
    parse_network,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import PublishedPort, RoutedPort, Subnet

RECORDED = Path(__file__).parents[3] / "fixtures/engine-29"


def recorded(host: str, name: str) -> Any:
    return json.loads((RECORDED / host / f"{name}.json").read_text())


@pytest.mark.parametrize("backend", ["iptables", "nftables"])
@pytest.mark.parametrize(("state", "value"), [("on", True), ("off", False)])
def test_an_engine_that_reports_its_proxy(backend: str, state: str, value: bool) -> None:
    host = f"{backend}-proxy-{state}"
    engine = parse_engine(recorded(host, "version"), recorded(host, "info"))
    assert (engine.firewall_driver, engine.userland_proxy) == (backend, value)
    assert engine.release == (29, 9)
    assert not engine.live_restore
    assert not engine.swarm
    assert not engine.rootless


@pytest.mark.parametrize("version", ["20.10.5+dfsg1", "28.5.2", "29.4.3", "library-import"])
def test_an_engine_that_does_not(version: str) -> None:
    engine = parse_engine({"Version": version, "ApiVersion": "1.41"}, {"FirewallBackend": {"Driver": "iptables"}})
    assert engine.userland_proxy is None


def test_rootless_swarm_and_live_restore() -> None:
    info = {
        "SecurityOptions": ["name=seccomp,profile=default", "name=rootless"],
        "Swarm": {"LocalNodeState": "active"},
        "LiveRestoreEnabled": True,
    }
    engine = parse_engine({"Version": "27.0.0", "ApiVersion": "1.46"}, info)
    assert (engine.rootless, engine.swarm, engine.live_restore, engine.firewall_driver) == (True, True, True, None)


@pytest.mark.parametrize(
    ("component", "root", "flavor"),
    [
        ("Engine", "/var/lib/docker", "docker"),
        ("Engine", "/var/snap/docker/common/var-lib-docker", "snap"),
        ("Podman Engine", "/var/lib/containers/storage", "podman"),
    ],
)
def test_whose_engine_it_is(component: str, root: str, flavor: str) -> None:
    version = {"Version": "27.0.0", "ApiVersion": "1.46", "Components": [{"Name": component}, {"Name": "runc"}]}
    assert parse_engine(version, {"DockerRootDir": root}).flavor == flavor


def test_networks() -> None:
    networks = {item.name: item for item in map(parse_network, recorded("iptables-proxy-on", "networks"))}
    assert networks["vault"].internal
    assert networks["front"].subnets == [Subnet("10.88.1.0/24", "10.88.1.1")]
    assert networks["bridge"].is_default_bridge
    assert networks["bridge"].bridge == "docker0"
    assert networks["host"].bridge is None
    assert networks["back"].options["com.docker.network.bridge.enable_icc"] == "false"


def test_containers() -> None:
    containers = {item.name: item for item in map(parse_container, recorded("iptables-proxy-on", "containers"))}
    web = containers["web"]
    assert PublishedPort("tcp", 443, "127.0.0.1", 8443) in web.published
    assert {port.host_ip for port in web.published if port.host_port == 8080} == {"0.0.0.0", "::"}  # noqa: S104
    assert [item.address for item in web.endpoints] == ["10.88.1.2"]
    assert {item.network for item in containers["both"].endpoints} == {"front", "back"}
    assert containers["sidecar"].network_mode == f"container:{web.id}"
    assert containers["hosted"].endpoints[0].address is None
    assert all(item.running for item in containers.values())


def test_a_container_that_says_little() -> None:
    container = parse_container({"Id": "1", "Name": "/idle", "State": {"Pid": 0}})
    assert (container.name, container.pid, container.restart_policy) == ("idle", None, "no")
    assert not container.running


def test_ports_that_are_exposed_only_are_not_published() -> None:
    data = {
        "Id": "1",
        "Name": "/web",
        "State": {"Pid": 7},
        "NetworkSettings": {"Ports": {"80/tcp": None, "81/tcp": [], "53/udp": [{"HostIp": "", "HostPort": "5353"}]}},
    }
    assert parse_container(data).published == [PublishedPort("udp", 53, "", 5353)]
    assert parse_container(data).routed == []


def test_ports_that_take_none_of_the_host_are_told_apart() -> None:
    """As engines from 27.0 on show a port of a network that routes IPv4 and translates IPv6."""
    open_, bound = {"HostIp": "192.0.2.1", "HostPort": ""}, {"HostIp": "::", "HostPort": "8080"}
    data = {
        "Id": "1",
        "Name": "/web",
        "State": {"Pid": 7},
        "NetworkSettings": {"Ports": {"80/tcp": [open_, bound], "53/udp": [open_, {"HostIp": "::", "HostPort": ""}]}},
    }
    container = parse_container(data)
    assert container.published == [PublishedPort("tcp", 80, "::", 8080)]
    assert container.routed == [RoutedPort("tcp", 80), RoutedPort("udp", 53)]
