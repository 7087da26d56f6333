"""Routes as pyroute2 decodes them, and those of the namespace of the test itself."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._host import routes
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Route


class Message(dict[str, Any]):
    """A netlink message: fields by key, attributes by get_attr."""

    def __init__(self, attributes: dict[str, Any], **fields: Any) -> None:
        super().__init__(fields)
        self._attributes = attributes

    def get_attr(self, name: str) -> Any:
        return self._attributes.get(name)


def message(attributes: dict[str, Any], **fields: Any) -> Message:
    return Message(
        attributes, **{"family": socket.AF_INET, "dst_len": 0, "table": 254, "type": 1, "proto": 4, **fields}
    )


@pytest.mark.filterwarnings("ignore:distutils Version classes:DeprecationWarning")
def test_the_loopback_addresses_and_nothing_of_broadcast() -> None:
    pytest.importorskip("pyroute2")
    found = routes.read_routes()
    loopback = next(route for route in found if route.destination == "127.0.0.0/8")
    assert (loopback.table, loopback.kind, loopback.interfaces, loopback.protocol) == (255, "local", [1], 2)
    assert not {route.kind for route in found} & {"broadcast", "multicast", "anycast"}


def test_a_default_route() -> None:
    found = routes._route(message({"RTA_GATEWAY": "192.0.2.1", "RTA_OIF": 2, "RTA_TABLE": 254}))
    assert found == Route("0.0.0.0/0", 254, "unicast", ["192.0.2.1"], [2], 4)


def test_a_table_that_has_no_room_in_the_header() -> None:
    found = routes._route(message({"RTA_DST": "10.20.0.0", "RTA_TABLE": 51820, "RTA_OIF": 7}, dst_len=16, table=252))
    assert (found.destination, found.table) == ("10.20.0.0/16", 51820)


def test_a_multipath_route() -> None:
    hops = [Message({"RTA_GATEWAY": "192.0.2.1"}, oif=2), Message({"RTA_GATEWAY": "192.0.2.2"}, oif=3)]
    found = routes._route(message({"RTA_DST": "10.0.0.0", "RTA_MULTIPATH": hops}, dst_len=8))
    assert (found.gateways, found.interfaces) == (["192.0.2.1", "192.0.2.2"], [2, 3])


def test_a_route_that_leads_nowhere() -> None:
    found = routes._route(message({"RTA_DST": "10.9.0.0"}, dst_len=16, type=6))
    assert (found.kind, found.gateways, found.interfaces) == ("blackhole", [], [])


def test_an_ipv4_route_by_an_ipv6_router() -> None:
    found = routes._route(message({"RTA_DST": "10.9.0.0", "RTA_VIA": {"family": 10, "addr": "fe80::1"}}, dst_len=16))
    assert found.gateways == ["fe80::1"]
