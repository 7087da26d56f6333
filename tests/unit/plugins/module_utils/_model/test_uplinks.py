"""By which links other machines are reached, and by which address they know the host."""

from __future__ import annotations

from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Network
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link, Route
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.module_utils._model.uplinks import (
    default_device,
    main_address,
    outer_links,
)

BRIDGE = Network(id="b" * 64, name="bridge", driver="bridge", options={"com.docker.network.bridge.name": "docker0"})


def link(index: int, name: str, *addresses: str, **more: Any) -> Link:
    return Link(index, name, **{"kind": "", "up": True, **more}, addresses=list(addresses))


def host(*links: Link, routes: tuple[Route, ...] = ()) -> HostSnapshot:
    return HostSnapshot("host", "2026-01-01T00:00:00Z", {}, networks=[BRIDGE], links=list(links), routes=list(routes))


def default(index: int, table: int = 254, **more: Any) -> Route:
    return Route("0.0.0.0/0", table, interfaces=[index], **more)


def names(snapshot: HostSnapshot, *versions: int) -> list[str]:
    return [item.name for item in outer_links(snapshot, *versions)]


def test_nobody_is_beyond_the_loopback_a_bridge_of_docker_a_dummy_or_a_link_that_is_down() -> None:
    snapshot = host(
        link(1, "lo", "127.0.0.1/8", "::1/128"),
        link(2, "eth0", "192.0.2.10/24"),
        link(3, "docker0", "172.17.0.1/16", kind="bridge"),
        link(4, "dummy0", "198.51.100.1/24", kind="dummy"),
        link(5, "eth1", "198.51.100.2/24", up=False),
    )
    assert names(snapshot, 4, 6) == ["eth0"]


def test_a_link_counts_for_the_versions_that_it_has_routed_addresses_of() -> None:
    snapshot = host(link(2, "eth0", "192.0.2.10/24", "fe80::1/64"), link(3, "eth1", "2001:db8::1/64"))
    assert (names(snapshot, 4), names(snapshot, 6), names(snapshot, 4, 6)) == (["eth0"], ["eth1"], ["eth0", "eth1"])


def test_packets_come_in_by_the_bond_and_not_by_its_port_but_by_the_member_of_a_vrf() -> None:
    snapshot = host(
        link(2, "eth0", "192.0.2.9/24", master=4),
        link(3, "eth1", "198.51.100.9/24", master=5),
        link(4, "bond0", "192.0.2.10/24", kind="bond"),
        link(5, "red", kind="vrf"),
    )
    assert names(snapshot, 4) == ["eth1", "bond0"]


def test_the_default_route_of_the_main_table_with_the_lowest_metric_is_the_one() -> None:
    links = (link(2, "eth0", "192.0.2.10/24"), link(3, "eth1", "198.51.100.9/24"), link(4, "tun0", "10.8.0.2/24"))
    routes = (default(4, table=100), default(2, metric=200), default(3, metric=100))
    assert default_device(host(*links, routes=routes), 4) == "eth1"
    assert main_address(host(*links, routes=routes), 4) == "198.51.100.9"
    assert default_device(host(*links, routes=routes[:1]), 4) == "tun0"
    assert default_device(host(*links, routes=routes), 6) == ""


def test_the_preferred_source_of_the_default_route_is_the_main_address() -> None:
    own = link(2, "eth0", "192.0.2.10/24", "192.0.2.11/24")
    assert main_address(host(own, routes=(default(2, source="192.0.2.11"),)), 4) == "192.0.2.11"


def test_without_a_default_route_it_is_the_first_on_a_way_out() -> None:
    snapshot = host(link(1, "lo", "127.0.0.1/8"), link(2, "eth0", "169.254.7.7/16", "192.0.2.10/24"))
    assert main_address(snapshot, 4) == "192.0.2.10"
    assert main_address(snapshot, 6) is None
