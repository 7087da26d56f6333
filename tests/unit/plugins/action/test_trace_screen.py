# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The screen of packet_trace: what ends a packet, what decided, and names that strangers chose."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.action.trace_report import trace_screen
from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import to_plain
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_view import HostView
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.predict import predict
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.question import Question, packet_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.path_text import HopWriter
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.terminal import cells

from tests.unit.operators_host import operators_host

UNSAFE = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def traced(snapshot: HostSnapshot, start: str, to: str, port: int | None = None) -> dict[str, Any]:
    """What packet_trace returns, as far as the screen needs it, as it comes out of JSON."""
    packet = packet_of(snapshot, Question(start, to, "", port))
    path = predict(HostView.of(snapshot), packet)
    hops = HopWriter(snapshot).hops_of(packet, path)
    found: dict[str, Any] = json.loads(json.dumps({"packet": to_plain(packet), "path": to_plain(path), "hops": hops}))
    return found


def shown(start: str, to: str, port: int | None = None, width: int = 120) -> list[str]:
    return trace_screen("edge1", traced(operators_host(), start, to, port), width)


def test_a_packet_that_arrives_names_the_rule_that_lets_it_pass_and_marks_it() -> None:
    lines = shown("web", "203.0.113.9:443")
    assert lines[0] == "edge1: container web to 203.0.113.9:443/tcp"
    assert lines[2] == "  verdict       delivered, the sender sees: answered"
    (accepted,) = [line for line in lines if line.startswith("  accepted by")]
    assert accepted.endswith("-A DOCKER-FORWARD -i br-000000000000 -j ACCEPT")
    (marked,) = [line for line in lines if line.startswith("  =>")]
    assert marked.split()[1:4] == ["request", "forward", "accept"]


def test_a_packet_that_is_dropped_names_the_rule_once_more_where_it_stands() -> None:
    lines = shown("web", "db", 5432)
    assert lines[2] == "  verdict       dropped, the sender sees: timed out"
    (decided,) = [line for line in lines if line.startswith("  decided by")]
    assert decided.split(None, 2)[2].startswith("request, prerouting, drop: ip raw PREROUTING rule")
    (marked,) = [line for line in lines if line.startswith("  =>")]
    assert marked.split()[1:4] == ["request", "prerouting", "drop"]


@pytest.mark.parametrize(
    ("start", "to", "port", "there", "back"),
    [
        (
            "web",
            "203.0.113.9",
            443,
            "web -> veth100000 -> br-000000000000 -> host (source becomes 192.0.2.10) -> eth0 -> outside",
            "outside -> eth0 -> host (destination becomes 172.18.0.2) -> br-000000000000 -> veth100000 -> web",
        ),
        ("sidecar", "host", 22, "sidecar -> veth100000 -> br-000000000000 -> host",
         "host -> br-000000000000 -> veth100000 -> sidecar"),
        ("outside", "host", 23, "outside -> eth0 -> host -> X refused", "host -> eth0 -> outside"),
        ("outside", "web:80/tcp", None,
         "outside -> eth0 -> host (destination becomes 172.18.0.2:80) -> br-000000000000 -> veth100000 -> web",
         "web -> veth100000 -> br-000000000000 -> host (source becomes 192.0.2.10:8080) -> eth0 -> outside"),
        ("host", "localhost", 22, "host -> lo -> host", "host -> lo -> host"),
        ("host", "web", 81, "host -> br-000000000000 -> veth100000 -> web -> X refused",
         "web -> veth100000 -> br-000000000000 -> host"),
        ("agent", "web", 80, "agent -> host -> br-000000000000 -> veth100000 -> web",
         "web -> veth100000 -> br-000000000000 -> host -> agent"),
        ("web", "db", 5432, "web -> veth100000 -> br-000000000000 -> X drop (prerouting)", None),
    ],
)  # fmt: skip
def test_the_hops_go_from_the_sender_by_its_devices_to_the_receiver(
    start: str, to: str, port: int | None, there: str, back: str | None
) -> None:
    hops = {item["leg"]: item["hops"] for item in traced(operators_host(), start, to, port)["hops"]}
    assert hops["request"] == there
    assert hops.get("reply") == back


def test_a_container_that_asks_itself_reaches_its_own_loopback() -> None:
    hops = {item["leg"]: item["hops"] for item in traced(operators_host(), "web", "127.0.0.1:81")["hops"]}
    assert hops == {"request": "web -> lo -> web -> X refused", "reply": "web -> lo -> web"}


def test_a_refusal_is_decided_where_nothing_listens() -> None:
    lines = shown("host", "web", 81)
    (marked,) = [line for line in lines if line.startswith("  =>")]
    assert marked.split()[1:4] == ["request", "socket", "refuse"]
    assert "  decided by    request, socket, refuse" in lines


def test_a_connection_by_docker_proxy_has_its_second_connection() -> None:
    hops = traced(operators_host(), "host", "127.0.0.1:8080")["hops"]
    assert [item["leg"] for item in hops] == ["request", "reply", "proxy request", "proxy reply"]
    assert hops[0]["hops"] == "host -> lo -> docker-proxy"
    assert hops[2]["hops"] == "docker-proxy -> host -> br-000000000000 -> veth100000 -> web"


@pytest.mark.parametrize("width", [70, 120])
@pytest.mark.parametrize("name", ["\x1b[2J\u202egpj", "a\nb", "=1+1", "{{ 6 * 7 }}", "w" * 300])
def test_names_of_strangers_neither_move_the_terminal_nor_exceed_the_width(name: str, width: int) -> None:
    result = traced(operators_host(web=name), "outside", "host", 8080)
    lines = trace_screen("edge1", result, width)
    assert not [line for line in lines for char in line if unicodedata.category(char) in UNSAFE]
    assert max(map(cells, lines)) <= max(width, 100)
    assert "delivered" in lines[2]
