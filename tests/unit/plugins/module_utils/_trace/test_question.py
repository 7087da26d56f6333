# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may be asked."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._trace.question import OptionError, question_of

GIVEN: dict[str, Any] = {
    "origin": {"kind": "container", "name": "web"},
    "destination": "192.0.2.1",
    "protocol": "tcp",
    "port": 443,
    "source": "",
    "mode": "dry",
    "seconds": 5.0,
    "wait": 0.0,
    "expected": [],
}


def test_addresses_are_spelled_as_the_kernel_does() -> None:
    found = question_of({**GIVEN, "destination": "2001:DB8:0::1", "expected": [{"destination": "FD00::2", "port": 80}]})
    assert (found.destination, found.version, found.expected) == ("2001:db8::1", 6, (("fd00::2", 80),))


def test_outside_has_a_source() -> None:
    found = question_of({**GIVEN, "origin": {"kind": "outside", "name": "eth0"}})
    assert found.source == "203.0.113.9"


def test_an_echo_has_no_port() -> None:
    assert question_of({**GIVEN, "protocol": "icmp"}).port == 0


@pytest.mark.parametrize(
    ("changes", "option"),
    [
        ({"destination": "web"}, "destination"),
        ({"destination": "192.0.2.1; drop"}, "destination"),
        ({"destination": "192.0.2.1\0"}, "destination"),
        ({"source": "2001:db8::1"}, "source"),
        ({"port": 0}, "port"),
        ({"port": 65536}, "port"),
        ({"seconds": 0.0}, "seconds"),
        ({"seconds": float("nan")}, "seconds"),
        ({"seconds": 61.0}, "seconds"),
        ({"wait": float("inf")}, "wait"),
        ({"wait": -1.0}, "wait"),
        ({"expected": [{"destination": "192.0.2.1", "port": 80}] * 17}, "expected"),
        ({"expected": [{"destination": "x", "port": 80}]}, "expected.destination"),
        ({"expected": [{"destination": "192.0.2.1", "port": 0}]}, "expected.port"),
        ({"origin": {"kind": "outside", "name": ""}}, "origin.name"),
        ({"origin": {"kind": "outside", "name": "../eth0"}}, "origin.name"),
        ({"origin": {"kind": "outside", "name": "a" * 16}}, "origin.name"),
        ({"origin": {"kind": "container", "name": "../json?x"}}, "origin.name"),
        ({"origin": {"kind": "container", "name": "web\n"}}, "origin.name"),
    ],
)
def test_what_is_refused(changes: dict[str, Any], option: str) -> None:
    with pytest.raises(OptionError, match=f"^{option}:"):
        question_of({**GIVEN, **changes})
