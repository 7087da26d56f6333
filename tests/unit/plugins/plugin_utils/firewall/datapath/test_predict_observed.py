# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What real hosts did otherwise than was predicted once, kept as it is now."""

from __future__ import annotations

import dataclasses
import json

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import PublishedPort
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Route
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    CONTAINER,
    HOST,
    OUTSIDE,
    Origin,
    Packet,
    Path,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_view import HostView
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.predict import predict

from tests.unit.docker_host import ADDRESS, WILDCARD, DockerHost


def host_with_web(**options: object) -> DockerHost:
    """Container web publishes 8080; peer is on the same network, alone is on another."""
    host = DockerHost(**options)  # type: ignore[arg-type]
    front, back = host.network(), host.network()
    host.container("web", [front], [PublishedPort("tcp", 80, WILDCARD, 8080)], [("tcp", 80)])
    host.container("peer", [front])
    host.container("alone", [back])
    return host


def ask(host: DockerHost, kind: str, destination: str, protocol: str = "tcp", port: int = 22, name: str = "") -> Path:
    packet = Packet(Origin(kind, name), destination, protocol, 0 if protocol == "icmp" else port)
    return predict(HostView.of(host.snapshot()), packet)


def test_host_that_ignores_echo_requests() -> None:
    host = host_with_web()
    assert ask(host, OUTSIDE, ADDRESS, "icmp").observed == "answered"
    host.sysctls["net.ipv4.icmp_echo_ignore_all"] = "1"
    path = ask(host, OUTSIDE, ADDRESS, "icmp")
    assert (path.verdict, path.observed) == ("dropped", "timed out")
    assert "icmp_echo_ignore_all" in path.reason
    # It speaks for the host alone.
    assert ask(host, HOST, host.networks[0].address(1), "icmp").observed == "answered"


@pytest.mark.parametrize(
    ("target", "seen"),
    [("REJECT --reject-with tcp-reset", "closed"), ("REJECT --reject-with icmp-port-unreachable", "timed out")],
)
def test_only_a_reset_ends_an_established_connection(target: str, seen: str) -> None:
    host = host_with_web()
    host.own_rules["filter", "INPUT"] = [f"-p tcp -m conntrack --ctstate ESTABLISHED -j {target}"]
    path = ask(host, OUTSIDE, ADDRESS)
    assert (path.verdict, path.observed) == ("dropped", seen)
    assert "its data is lost" in path.reason


def test_ping_hears_of_a_port_that_is_unreachable() -> None:
    host = host_with_web()
    host.own_rules["filter", "INPUT"] = ["-p icmp -j REJECT --reject-with icmp-port-unreachable"]
    assert ask(host, OUTSIDE, ADDRESS, "icmp").observed == "refused"


@pytest.mark.parametrize(("protocol", "seen"), [("tcp", "refused"), ("udp", "unreachable"), ("icmp", "unreachable")])
def test_who_sends_a_datagram_is_told_at_once_that_output_rejects_it(protocol: str, seen: str) -> None:
    host = host_with_web()
    host.own_rules["filter", "OUTPUT"] = ["-d 203.0.113.0/24 -j REJECT --reject-with icmp-port-unreachable"]
    assert ask(host, HOST, "203.0.113.9", protocol, 53).observed == seen


@pytest.mark.parametrize("kind", [HOST, CONTAINER])
def test_a_forwarded_datagram_that_postrouting_drops_is_lost_without_a_word(kind: str) -> None:
    host = host_with_web()
    host.own_rules["mangle", "POSTROUTING"] = ["-o eth0 -j DROP"]
    path = ask(host, kind, "203.0.113.9", "udp", 53, "web" if kind == CONTAINER else "")
    assert path.observed == ("unreachable" if kind == HOST else "timed out")


def test_container_asks_in_vain_for_a_neighbour_whatever_the_host_would_say() -> None:
    host = host_with_web()
    host.own_rules["filter", "OUTPUT"] = ["-p icmp -j DROP"]
    path = ask(host, CONTAINER, host.networks[0].address(99), name="web")
    assert (path.verdict, path.observed) == ("unreachable", "no answer")


@pytest.mark.parametrize(("forwards", "seen"), [("1", "answered"), ("0", "timed out")])
def test_translation_on_a_bridge_needs_forwarding(forwards: str, seen: str) -> None:
    host = host_with_web(proxy=False)
    host.sysctls[f"net.ipv4.conf.{host.networks[0].device}.forwarding"] = forwards
    assert ask(host, CONTAINER, ADDRESS, port=8080, name="peer").observed == seen


def test_data_that_comes_back_is_translated_where_the_beginning_was_not_tracked() -> None:
    host = host_with_web(proxy=False)
    assert ask(host, CONTAINER, ADDRESS, name="peer").observed == "answered"
    host.own_rules["raw", "PREROUTING"] = [f"-s {host.networks[0].subnet} -j CT --notrack"]
    path = ask(host, CONTAINER, ADDRESS, name="peer")
    assert (path.verdict, path.observed) == ("no answer", "unknown")


def test_what_is_answered_past_the_host_is_invalid_when_it_goes_on() -> None:
    host = host_with_web(forward_policy="ACCEPT")
    assert ask(host, OUTSIDE, "203.0.113.9").observed == "answered"
    host.own_rules["filter", "FORWARD"] = ["-m conntrack --ctstate INVALID -j DROP"]
    path = ask(host, OUTSIDE, "203.0.113.9")
    assert (path.verdict, path.observed) == ("dropped", "timed out")


@pytest.mark.parametrize(("source", "seen"), [("192.0.2.77", "answered"), ("198.51.100.7", "timed out")])
def test_no_router_passes_on_an_answer_from_the_loopback(source: str, seen: str) -> None:
    """As where a rule of routing sends answers by a gateway: the machine itself is on the uplink's network."""
    packet = Packet(Origin(OUTSIDE), "127.0.0.1", "tcp", 8080, source)
    path = predict(HostView.of(host_with_web().snapshot()), packet)
    assert path.observed == seen
    assert ("a router, 192.0.2.1," in path.reason) is (seen == "timed out")


@pytest.mark.parametrize(("listen", "seen"), [([("tcp", 80)], "unknown"), ([], "closed")])
def test_docker_proxy_closes_past_connection_tracking_which_data_does_not_get_past(
    listen: list[tuple[str, int]], seen: str
) -> None:
    """Seen with engine 28.0.0: data without a beginning begins a connection, which is masqueraded; a reset does not."""
    host = DockerHost()
    host.container("web", [host.network()], [PublishedPort("tcp", 80, WILDCARD, 8080)], listen)
    assert ask(host, OUTSIDE, host.networks[0].address(0), port=8080).observed == ("answered" if listen else "refused")
    host.own_rules["raw", "PREROUTING"] = ["-i eth0 -j CT --notrack"]
    assert ask(host, OUTSIDE, host.networks[0].address(0), port=8080).observed == seen


def test_a_gateway_that_asks_for_itself_gets_an_answer_from_the_loopback() -> None:
    snapshot = host_with_web().snapshot()
    way = Route("192.0.2.77/32", 254, gateways=["192.0.2.77"], interfaces=[2])
    view = HostView.of(dataclasses.replace(snapshot, routes=[*snapshot.routes, way]))
    assert predict(view, Packet(Origin(OUTSIDE), "127.0.0.1", "tcp", 8080, "192.0.2.77")).observed == "answered"


@pytest.mark.parametrize(
    ("destination", "route", "seen"),
    [
        ("2001:db8:99::7", Route("2001:db8:99::/48", 254, kind="unreachable"), "unreachable"),
        ("198.51.100.7", Route("198.51.100.0/24", 254, kind="unreachable"), "timed out"),
    ],
)
def test_a_host_that_does_not_forward_sends_errors_of_ipv6_routes_alone(
    destination: str, route: Route, seen: str
) -> None:
    snapshot = host_with_web().snapshot()
    links = [
        dataclasses.replace(link, addresses=[*link.addresses, "2001:db8::10/64"]) if link.name == "eth0" else link
        for link in snapshot.links
    ]
    routes = [*snapshot.routes, Route("2001:db8::/64", 254, interfaces=[2]), route]
    off = {key: "0" if "forward" in key else value for key, value in snapshot.sysctls.items()}
    off["net.ipv6.conf.all.forwarding"] = "0"
    closed = dataclasses.replace(snapshot, links=links, routes=routes, sysctls=off)
    packet = Packet(Origin(OUTSIDE), destination, "tcp", 443)
    assert predict(HostView.of(closed), packet).observed == seen


def test_port_of_any_protocol_is_not_known_of_an_echo() -> None:
    """For nft's ``th dport`` it is the checksum, which nobody knows beforehand."""
    host = host_with_web()
    rule = {
        "match": {"op": "==", "left": {"payload": {"protocol": "th", "field": "dport"}}, "right": {"range": [0, 99]}}
    }
    table = {"family": "inet", "table": "own"}
    document = [
        {"table": {"family": "inet", "name": "own", "handle": 1}},
        {
            "chain": {
                **table,
                "name": "in",
                "handle": 1,
                "type": "filter",
                "hook": "input",
                "prio": 0,
                "policy": "accept",
            }
        },
        {"rule": {**table, "chain": "in", "handle": 2, "expr": [rule, {"drop": None}]}},
    ]
    snapshot = host.snapshot()
    assert snapshot.ruleset is not None
    rules = dataclasses.replace(snapshot.ruleset, save={}, nft_json=json.dumps({"nftables": document}))
    view = HostView.of(dataclasses.replace(snapshot, ruleset=rules))

    def seen(protocol: str, port: int) -> str:
        return predict(view, Packet(Origin(OUTSIDE, ""), ADDRESS, protocol, port)).observed

    assert [seen("icmp", 0), seen("tcp", 122), seen("tcp", 99)] == ["unknown", "refused", "timed out"]
