# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions about packets that no host could answer are refused before any host is asked."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.filter.trace_question import FilterModule

trace_question = FilterModule().filters()["trace_question"]
EMPTY = {"from": "", "to": "", "port": "", "protocol": "", "source": "", "published": ""}


@pytest.mark.parametrize(
    ("given", "options"),
    [
        (
            {"from": "container:web", "to": "203.0.113.9", "port": "443", "protocol": "tcp"},
            {"from": "container web", "to": "203.0.113.9", "port": 443, "protocol": "tcp"},
        ),
        ({"from": "host", "to": "203.0.113.9:443"}, {"from": "host", "to": "203.0.113.9:443"}),
        (
            {"from": "outside", "to": "container:db", "port": 5432},
            {"from": "outside", "to": "container db", "port": 5432},
        ),
        ({"from": "web", "to": "container:db:80/tcp"}, {"from": "web", "to": "container db:80/tcp"}),
        ({"published": "8080"}, {"from": "outside", "to": "host", "port": 8080}),
        (
            {"published": 53, "protocol": "udp", "from": "host"},
            {"from": "host", "to": "host", "port": 53, "protocol": "udp"},
        ),
        (
            {"from": "host", "to": "192.0.2.1", "protocol": "icmp"},
            {"from": "host", "to": "192.0.2.1", "protocol": "icmp"},
        ),
    ],
)
def test_what_is_given_becomes_options(given: dict[str, Any], options: dict[str, Any]) -> None:
    assert trace_question({**EMPTY, **given}) == {"options": options, "problem": ""}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "from is missing"),
        ({"from": "web"}, "to is missing"),
        ({"from": "web", "to": "203.0.113.9"}, "port: tcp to 203.0.113.9 needs a port"),
        ({"from": "web", "to": "203.0.113.9", "port": "99999"}, "port: '99999' is no port"),
        ({"from": "web", "to": "203.0.113.9", "port": "http"}, "port: 'http' is no port"),
        ({"from": "web", "to": "203.0.113.9:80", "port": "80"}, "has its port already"),
        ({"from": "web", "to": "203.0.113.9", "protocol": "sctp"}, "protocol: 'sctp' is not one of tcp, udp, icmp"),
        ({"from": "web", "to": "203.0.113.9", "port": 80, "protocol": "icmp"}, "port: icmp has no ports"),
        ({"from": "192.0.2.7", "to": "203.0.113.9:80"}, "from: 192.0.2.7 is an address"),
        ({"from": "web", "to": "https://example.org/"}, "names are not looked up"),
        ({"from": "web", "to": "db:80"}, "to: db:80 can mean the published port"),
        ({"from": "web", "to": "203.0.113.9:80", "source": "me"}, "source: 'me' is no IPv4 or IPv6 address"),
        ({"published": "8080", "to": "web"}, "published: it stands for to=host and port=8080, so to cannot be given"),
        ({"published": "0"}, "published: '0' is no port"),
        ({"from": "web", "to": "\x1b[2J://x"}, "\\x1b[2j"),
    ],
)
def test_what_no_host_could_answer_is_a_problem_with_the_name_and_the_value(given: dict[str, Any], words: str) -> None:
    found = trace_question({**EMPTY, **given})
    assert found["options"] == {}
    assert words in found["problem"]
    assert "\x1b" not in found["problem"]
