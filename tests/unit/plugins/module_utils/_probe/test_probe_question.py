# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What container_probe can be asked, and what it says of what it cannot."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._probe.question import (
    BadQuestionError,
    Question,
    origin_of,
    questions_of,
)

NOTHING = {"to": None, "port": None, "protocol": None, "name": None}


def asked(**options: Any) -> list[Question]:
    return questions_of({**NOTHING, "probes": None, "timeout": 3.0, **options})


@pytest.mark.parametrize(
    ("options", "question"),
    [
        ({"to": "192.0.2.1", "port": 22}, Question("192.0.2.1", "tcp", 22)),
        ({"to": " 192.0.2.1 ", "protocol": "icmp"}, Question("192.0.2.1", "icmp", 0)),
        ({"to": "dns"}, Question("dns", "dns", 53)),
        ({"to": "dns", "name": "example.com"}, Question("dns", "dns", 53, "example.com")),
        ({"to": "example.com", "protocol": "https"}, Question("example.com", "https", 443)),
        ({"to": "2001:db8::1", "protocol": "http", "port": 8080}, Question("2001:db8::1", "http", 8080)),
    ],
)
def test_a_question_has_a_protocol_and_a_port(options: dict[str, Any], question: Question) -> None:
    assert asked(**options) == [question]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"to": ""}, "to: it is empty; allowed are an address, host, gateway, dns or a name"),
        ({"to": "192.0.2.1"}, "port: tcp to 192.0.2.1 needs a port"),
        ({"to": "192.0.2.1", "port": 0}, "port: 0 is not from 1 to 65535"),
        ({"to": "192.0.2.1", "port": 65536, "protocol": "udp"}, "port: 65536 is not from 1 to 65535"),
        ({"to": "192.0.2.1", "port": 1, "protocol": "icmp"}, "port: icmp has no ports"),
        ({"to": "192.0.2.1", "port": 1, "name": "x"}, "name: it is for protocol dns, and this is tcp"),
        ({"to": "https://x", "port": 1}, "to: 'https://x' is not an address, host, gateway, dns or a name"),
        ({"to": "a..b", "port": 1}, "to: 'a..b' is not an address"),
        ({"to": "dns", "name": "a b"}, "name: 'a b' is not a name"),
        ({"to": "x", "port": 1, "timeout": 0.0}, "timeout: 0.0 is not from 0.1 to 60 seconds"),
        ({"to": "x", "port": 1, "timeout": float("nan")}, "timeout: nan is not from 0.1 to 60 seconds"),
        ({"probes": []}, "probes: it has 0 entries; allowed are 1 to 50"),
        ({"probes": [{**NOTHING, "to": "x", "port": 1}, {**NOTHING, "to": "x"}]}, "probes[1].port: tcp to x needs"),
    ],
)
def test_a_bad_question_names_the_option_its_value_and_what_is_allowed(options: dict[str, Any], words: str) -> None:
    with pytest.raises(BadQuestionError) as raised:
        asked(**options)
    assert str(raised.value).startswith(words)


@pytest.mark.parametrize(
    ("text", "name"),
    [("host", ""), ("web", "web"), ("container web", "web"), ("container host", "host"), (" host ", "")],
)
def test_where_a_probe_starts(text: str, name: str) -> None:
    assert origin_of(text) == name


@pytest.mark.parametrize("text", ["", "outside", "outside eth1", "192.0.2.1"])
def test_where_no_probe_starts(text: str) -> None:
    with pytest.raises(BadQuestionError, match="allowed are host or a container's name or id"):
        origin_of(text)
