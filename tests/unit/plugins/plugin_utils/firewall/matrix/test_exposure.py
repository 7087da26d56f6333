# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a port is exposed if machines outside reach it."""

from __future__ import annotations

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import (
    Container,
    PublishedPort,
    RoutedPort,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.matrix import LOOPBACK_LEAK, NOT_PUBLISHED
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.exposure import exposure_if_reached
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.places import Namespace, TargetPort

from tests.unit.docker_host import WILDCARD

OWN, LOOPBACK = "172.18.0.2", "127.0.0.1"


@pytest.mark.parametrize(
    ("published", "routed", "kind"),
    [
        ([], [], NOT_PUBLISHED),
        ([("tcp", 81, WILDCARD)], [("tcp", 81)], NOT_PUBLISHED),
        ([("udp", 80, WILDCARD)], [("udp", 80)], NOT_PUBLISHED),
        ([("tcp", 80, WILDCARD)], [], ""),
        ([("tcp", 80, "")], [], ""),
        ([("tcp", 80, LOOPBACK)], [], LOOPBACK_LEAK),
        ([("tcp", 80, LOOPBACK), ("tcp", 80, "192.0.2.10")], [], ""),
        ([], [("tcp", 80)], ""),
        ([("tcp", 80, LOOPBACK)], [("tcp", 80)], ""),
    ],
)
def test_a_port_that_is_asked_at_the_container(
    published: list[tuple[str, int, str]], routed: list[tuple[str, int]], kind: str
) -> None:
    container = Container(
        "1" * 64,
        "web",
        published=[PublishedPort(protocol, port, address, 8080) for protocol, port, address in published],
        routed=[RoutedPort(protocol, port) for protocol, port in routed],
    )
    target = TargetPort(Namespace(0, [container], None), "tcp", 80, 0, "", OWN)
    assert exposure_if_reached(target) == kind


@pytest.mark.parametrize(("address", "kind"), [(WILDCARD, ""), ("192.0.2.10", ""), (LOOPBACK, LOOPBACK_LEAK)])
def test_a_port_that_is_asked_at_the_host(address: str, kind: str) -> None:
    target = TargetPort(Namespace(0, [Container("1" * 64, "web")], None), "tcp", 80, 8080, address, "")
    assert exposure_if_reached(target) == kind
