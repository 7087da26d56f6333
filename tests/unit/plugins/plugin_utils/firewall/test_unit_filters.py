# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What systemd drops of what dockerd and docker-proxy exchange."""

from __future__ import annotations

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import ServiceUnit
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.unit_filters import UnitFilters


def _filters(**settings: str) -> UnitFilters:
    return UnitFilters({"docker.service": {name: value.split() for name, value in settings.items()}})


@pytest.mark.parametrize(
    ("deny", "allow", "address", "denied"),
    [
        ("0.0.0.0/0 ::/0", "", "127.0.0.1", True),
        ("0.0.0.0/0 ::/0", "", "::1", True),
        ("0.0.0.0/0 ::/0", "127.0.0.0/8", "127.0.0.1", False),
        ("0.0.0.0/0", "", "::1", False),
        ("10.9.0.0/16", "", "10.88.1.2", False),
        ("10.9.0.0/16", "", "10.0.0.0/8", True),
        ("10.0.0.0/8", "10.88.0.0/17", "10.88.0.0/16", True),
        ("10.0.0.0/8", "10.88.0.0/16", "10.88.1.0/24", False),
        ("0.0.0.0/0 ::/0", "", "fe80::1%eth0", True),
        ("0.0.0.0/0 ::/0", "", "not an address", False),
    ],
)
def test_what_is_allowed_passes_and_other_denied_addresses_do_not(
    deny: str, allow: str, address: str, *, denied: bool
) -> None:
    assert bool(_filters(IPAddressDeny=deny, IPAddressAllow=allow).denied_by(address)) is denied


def test_a_hindrance_is_named_with_its_unit() -> None:
    filters = _filters(IPAddressDeny="10.9.0.0/16")
    assert filters.hindrance("10.88.1.2", "192.0.2.1") == ""
    assert filters.hindrance("10.88.1.2", "10.9.0.7") == "IPAddressDeny=10.9.0.0/16 of docker.service filters them"


def test_what_is_not_evaluated_hinders_every_packet() -> None:
    assert _filters(RestrictNetworkInterfaces="eth0").hindrance("127.0.0.1") == (
        "RestrictNetworkInterfaces=eth0 of docker.service filters them"
    )


def test_a_unit_without_filters_hinders_nothing() -> None:
    assert _filters().hindrance("127.0.0.1") == ""
    assert UnitFilters.of_dockerd(None).hindrance("127.0.0.1") == ""
    assert UnitFilters.of_dockerd(ServiceUnit("none")).hindrance("127.0.0.1") == ""


def test_lists_of_a_unit_and_of_its_slices_are_one() -> None:
    slices = {"system.slice": {"IPAddressDeny": ["10.9.0.0/16"]}, "-.slice": {"IPAddressAllow": ["10.9.1.0/24"]}}
    unit = ServiceUnit("systemd", "docker.service", filters={"IPAddressAllow": ["10.9.2.0/24"]}, slices=slices)
    filters = UnitFilters.of_dockerd(unit)
    assert filters.denied_by("10.9.3.1") == {"system.slice": "IPAddressDeny=10.9.0.0/16 of system.slice"}
    assert filters.denied_by("10.9.1.1", "10.9.2.1") == {}


def test_slices_that_were_not_read_can_drop_every_packet() -> None:
    filters = UnitFilters.of_dockerd(ServiceUnit("systemd", "docker.service"))
    assert filters.hindrance("127.0.0.1") == "filters of the slices above docker.service were not read"
