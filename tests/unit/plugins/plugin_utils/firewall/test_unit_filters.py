# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What systemd drops of what dockerd and docker-proxy exchange."""

from __future__ import annotations

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import ServiceUnit
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.unit_filters import UnitFilters


def _filters(**settings: str) -> UnitFilters:
    return UnitFilters(
        ServiceUnit("systemd", "docker.service", filters={name: value.split() for name, value in settings.items()})
    )


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
    assert _filters(IPAddressDeny=deny, IPAddressAllow=allow).denies(address) is denied


def test_a_hindrance_is_named_with_its_unit() -> None:
    filters = _filters(IPAddressDeny="10.9.0.0/16")
    assert filters.hindrance("10.88.1.2", "192.0.2.1") == ""
    assert filters.hindrance("10.88.1.2", "10.9.0.7") == "IPAddressDeny=10.9.0.0/16 of docker.service"


def test_what_is_not_evaluated_hinders_every_packet() -> None:
    assert _filters(RestrictNetworkInterfaces="eth0").hindrance("127.0.0.1") == (
        "RestrictNetworkInterfaces=eth0 of docker.service"
    )


def test_a_unit_without_filters_hinders_nothing() -> None:
    assert _filters().hindrance("127.0.0.1") == ""
    assert UnitFilters(None).hindrance("127.0.0.1") == ""
