# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What cannot be so of a host costs the source, or the container, that says it, and nothing else."""

from __future__ import annotations

import time
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._host.plausibility import (
    ImplausibleError,
    require_plausible,
    require_plausible_fields,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.read import Part, SourceReadings
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link, Route
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import NAMESERVERS, ROUTES

from tests.unit.patience import SECONDS
from tests.unit.synthetic_host import SyntheticHost

ODD = Route("255.255.1.0/0", 254)
OF_TWO_VERSIONS = Route("10.0.0.0/8", 254, source="fd00::1")


def test_a_host_is_plausible() -> None:
    require_plausible(SyntheticHost().container("web").snapshot())


@pytest.mark.parametrize("item", [
    ODD, OF_TWO_VERSIONS, Link(2, "eth0", addresses=["banana"]), Route("0.0.0.0/0", 254, gateways=[""]),
])  # fmt: skip
def test_what_cannot_be_so_is_named(item: Any) -> None:
    with pytest.raises(ImplausibleError, match=r"255\.255\.1\.0|fd00::1|banana|''"):
        require_plausible([item])


def test_a_source_that_says_it_is_not_read_and_others_are() -> None:
    parts: list[Part] = []
    readings = SourceReadings(time.monotonic() + SECONDS, SECONDS, parts.append)
    routes = readings.take(ROUTES, lambda: [ODD], lambda value: {"routes": value})
    servers = readings.take(NAMESERVERS, lambda: ["192.0.2.1"], lambda value: {"nameservers": value})
    readings.close()
    by_name = {part.name: part for part in parts}
    assert not by_name[ROUTES].source.read
    assert by_name[ROUTES].source.kind == "error"
    assert by_name[ROUTES].source.reason.startswith("what was read is not plausible")
    assert by_name[ROUTES].fields == {}
    assert routes.get([]) == []
    assert by_name[NAMESERVERS].source.read
    assert servers.get([]) == ["192.0.2.1"]


def test_addresses_that_are_no_object_s_are_looked_at_too() -> None:
    with pytest.raises(ImplausibleError, match="banana"):
        require_plausible_fields({"nameservers": ["banana"]})
