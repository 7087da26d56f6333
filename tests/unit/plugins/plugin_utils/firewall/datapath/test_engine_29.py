"""What happened on a recorded host of engine 29 is what is predicted: both backends, docker-proxy on and off."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    CONTAINER,
    HOST,
    OUTSIDE,
    Origin,
    Packet,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_view import HostView
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.predict import predict

from tests.unit.recorded_host import NAMES, observed, recorded_host

ROWS = [(name, row, seen) for name in NAMES for row, seen in observed(name)["reach"].items()]


def question(row: str, recording: dict[str, Any]) -> Packet:
    """The packet of a row: ``SOURCE -> PLACE:PORT``."""
    source, target = row.split(" -> ")
    place, port = target.split(":")
    origins = {"outside": Origin(OUTSIDE), "hosted": Origin(HOST)}
    addresses = {"host-lan": recording["host_lan"], "loopback": "127.0.0.1"}
    addresses.update({f"gw-{network}": address for network, address in recording["gateways"].items()})
    addresses.update({f"{container}-ip": address for container, address in recording["addresses"].items()})
    return Packet(origins.get(source, Origin(CONTAINER, source)), addresses[place], "tcp", int(port))


@pytest.fixture(scope="module")
def views() -> dict[str, HostView]:
    return {name: HostView.of(recorded_host(name)) for name in NAMES}


@pytest.mark.parametrize(("name", "row", "seen"), ROWS)
def test_observed_outcomes_are_predicted(name: str, row: str, seen: str, views: dict[str, HostView]) -> None:
    path = predict(views[name], question(row, observed(name)))
    assert (path.observed, path.undetermined) == (seen, []), path.reason
