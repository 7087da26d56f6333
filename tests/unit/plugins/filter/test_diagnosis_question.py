# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions about connections that no host could answer are refused before any host is asked."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.filter.diagnosis_question import FilterModule

diagnosis_question = FilterModule().filters()["diagnosis_question"]
EMPTY = {"container": "", "source": "", "target": "", "port": "", "protocol": "", "address": "", "published": ""}


@pytest.mark.parametrize(
    ("given", "options"),
    [
        ({"container": "web", "target": "203.0.113.9:443"}, {"from": "container web", "to": "203.0.113.9:443"}),
        ({"container": "container:web", "target": "db", "port": 80}, {"from": "container web", "to": "db", "port": 80}),
        ({"source": "host", "target": "https://example.com/x"}, {"from": "host", "to": "https://example.com/x"}),
        ({"source": "host", "target": "http://[2001:db8::1]:81/"}, {"from": "host", "to": "http://[2001:db8::1]:81/"}),
        ({"container": "web", "target": "a.test:80"}, {"from": "container web", "to": "a.test", "port": 80}),
        ({"source": "outside eth1", "target": "web:80/tcp"}, {"from": "outside eth1", "to": "web:80/tcp"}),
        ({"published": "8080"}, {"from": "outside", "to": "host", "port": 8080}),
        ({"published": 8080, "container": "db"}, {"from": "container db", "to": "host", "port": 8080}),
        (
            {"container": "web", "target": "192.0.2.1", "port": "53", "protocol": "udp", "address": "192.0.2.9"},
            {"from": "container web", "to": "192.0.2.1", "port": 53, "protocol": "udp", "source": "192.0.2.9"},
        ),
    ],
)
def test_a_question_becomes_options_of_the_module(given: dict[str, Any], options: dict[str, Any]) -> None:
    assert diagnosis_question({**EMPTY, **given}) == {"options": options, "problem": ""}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "container is missing"),
        ({"container": "web"}, "target is missing"),
        ({"container": "web", "source": "host", "target": "192.0.2.1:80"}, "give one of them"),
        ({"container": "web", "target": "192.0.2.1"}, "port: tcp to 192.0.2.1 needs a port"),
        ({"container": "web", "target": "db:80"}, "can mean the published port"),
        ({"container": "web", "target": "192.0.2.1:99999"}, "99999"),
        ({"published": "x"}, "published: 'x' is no port"),
        ({"published": "80", "target": "192.0.2.1"}, "published"),
        ({"source": "192.0.2.7", "target": "192.0.2.1:80"}, "is an address"),
        ({"source": "host", "target": "ftp://192.0.2.1/"}, "ftp"),
    ],
)
def test_a_question_that_no_host_could_answer_says_why(given: dict[str, Any], words: str) -> None:
    found = diagnosis_question({**EMPTY, **given})
    assert words in found["problem"]
    assert found["options"] == {}
