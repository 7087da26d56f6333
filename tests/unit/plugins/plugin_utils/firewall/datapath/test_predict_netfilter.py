# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kernel did with random rules, and no documentation says: bridges, errors of REJECT, ::1."""

from __future__ import annotations

import dataclasses
import json

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import PublishedPort
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Listener, PolicyRule, Route
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    CONTAINER,
    HOST,
    OUTSIDE,
    Origin,
    Packet,
    Path,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_view import HostView
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.predict import predict

from tests.unit.docker_host import ADDRESS, WILDCARD, DockerHost


def host_with_web() -> DockerHost:
    """Container web publishes port 80 as 8080; peer is on the same network."""
    host = DockerHost(proxy=False)
    bridge = host.network()
    host.container("web", [bridge], [PublishedPort("tcp", 80, WILDCARD, 8080)], [("tcp", 80)])
    host.container("peer", [bridge])
    return host


def ask(
    place: DockerHost | HostSnapshot,
    kind: str,
    destination: str,
    port: int,
    protocol: str = "tcp",
    source: str = "",
) -> Path:
    snapshot = place.snapshot() if isinstance(place, DockerHost) else place
    origin = Origin(kind, "peer" if kind == CONTAINER else "")
    return predict(HostView.of(snapshot), Packet(origin, destination, protocol, port, source=source))


@pytest.mark.parametrize(("op", "seen"), [("==", "answered"), ("!=", "timed out")])
def test_a_bridged_frame_has_no_incoming_device_in_postrouting(op: str, seen: str) -> None:
    host = host_with_web()
    table = {"family": "ip", "table": "own"}
    base = {"name": "post", "handle": 1, "type": "filter", "hook": "postrouting", "prio": 0, "policy": "accept"}
    device = {"match": {"op": op, "left": {"meta": {"key": "iifname"}}, "right": host.networks[0].device}}
    document = [
        {"table": {"family": "ip", "name": "own", "handle": 1}},
        {"chain": {**table, **base}},
        {"rule": {**table, "chain": "post", "handle": 2, "expr": [device, {"drop": None}]}},
    ]
    snapshot = host.snapshot()
    assert snapshot.ruleset is not None
    rules = dataclasses.replace(snapshot.ruleset, save={}, nft_json=json.dumps({"nftables": document}))
    web = host.networks[0].address(1)
    assert ask(dataclasses.replace(snapshot, ruleset=rules), CONTAINER, web, 80).observed == seen


@pytest.mark.parametrize(("notrack", "seen"), [(True, "timed out"), (False, "refused")])
def test_the_error_for_a_closed_udp_port_can_be_left_untracked(notrack: bool, seen: str) -> None:
    """The kernel sends it without a connection (nf_reset_ct() of net/ipv4/udp.c), and tracks it like any packet."""
    host = host_with_web()
    host.own_rules["raw", "OUTPUT"] = ["-p icmp -j CT --notrack"] if notrack else []
    host.own_rules["filter", "OUTPUT"] = ["-p icmp -m conntrack --ctstate UNTRACKED -j DROP"]
    assert ask(host, OUTSIDE, ADDRESS, 9, "udp").observed == seen


@pytest.mark.parametrize(
    ("chain", "reject_with", "seen"),
    [
        ("INPUT", "icmp-port-unreachable", "unknown"),
        ("INPUT", "icmp-host-prohibited", "no answer"),
        ("INPUT", "icmp-net-unreachable", "no answer"),
        ("OUTPUT", "icmp-port-unreachable", "timed out"),
        ("OUTPUT", "icmp-host-prohibited", "timed out"),
    ],
)
@pytest.mark.parametrize("destination", ["127.0.0.1", ADDRESS])
def test_a_rejected_echo_reply_of_the_host_to_itself_is_told_to_raw_sockets(
    chain: str, reject_with: str, seen: str, destination: str
) -> None:
    """What OUTPUT rejects has no error: the kernel's socket for ICMP is busy with the reply (icmp_xmit_lock())."""
    host = host_with_web()
    host.own_rules["filter", chain] = [f"-p icmp -m icmp --icmp-type 0 -j REJECT --reject-with {reject_with}"]
    path = ask(host, HOST, destination, 0, "icmp")
    assert (path.verdict, path.observed) == ("no answer", seen)


def test_the_error_about_an_echo_reply_has_to_come_back() -> None:
    host = host_with_web()
    host.own_rules["filter", "INPUT"] = ["-p icmp -m icmp --icmp-type 0 -j REJECT"]
    host.own_rules["filter", "OUTPUT"] = ["-p icmp -m conntrack --ctstate RELATED -j DROP"]
    assert ask(host, HOST, ADDRESS, 0, "icmp").observed == "timed out"


@pytest.mark.parametrize(("kind", "chain", "place"), [(CONTAINER, "OUTPUT", 0), (HOST, "INPUT", 1)])
def test_the_error_about_an_echo_reply_goes_to_its_sender_alone(kind: str, chain: str, place: int) -> None:
    """A container that asks the host hears nothing of it, nor does the host that asks a container."""
    host = host_with_web()
    host.own_rules["filter", chain] = ["-p icmp -m icmp --icmp-type 0 -j REJECT"]
    path = ask(host, kind, host.networks[0].address(place), 0, "icmp")
    assert (path.verdict, path.observed) == ("no answer", "timed out")


@pytest.mark.parametrize(("translated", "seen"), [(True, "timed out"), (False, "refused")])
def test_a_bridge_port_sends_its_reset_past_the_translation(translated: bool, seen: str) -> None:
    host = host_with_web()
    host.own_rules["filter", "DOCKER-USER"] = ["-p tcp -m tcp --dport 80 -j REJECT --reject-with tcp-reset"]
    path = ask(host, CONTAINER, ADDRESS, 8080) if translated else ask(host, CONTAINER, host.networks[0].address(1), 80)
    assert path.observed == seen
    assert ("past connection tracking" in path.reason) is translated


@pytest.mark.parametrize(
    ("port", "target", "seen"),
    [
        (8080, "REJECT --reject-with icmp-port-unreachable", "refused"),
        (8080, "REJECT --reject-with icmp-admin-prohibited", "unreachable"),
        (8080, "REJECT --reject-with tcp-reset", "refused"),
        (22, "REJECT --reject-with icmp-port-unreachable", "refused"),
    ],
)
def test_output_tells_the_sender_of_what_it_has_just_translated(port: int, target: str, seen: str) -> None:
    """It is routed anew before the filter sees it (nf_nat_ipv4_local_fn), so the error has a source."""
    host = host_with_web()
    host.own_rules["filter", "OUTPUT"] = [f"-p tcp -m tcp --dport {80 if port == 8080 else port} -j {target}"]
    assert ask(host, HOST, ADDRESS, port).observed == seen


@pytest.mark.parametrize(("allowed", "seen"), [("0", "timed out"), ("1", "unreachable")])
def test_a_loopback_address_that_cannot_leave_is_lost_before_a_later_chain_rejects_it(allowed: str, seen: str) -> None:
    host = host_with_web()
    host.sysctls["net.ipv4.conf.eth0.route_localnet"] = allowed
    host.own_rules["nat", "OUTPUT"] = ["-p tcp -m tcp --dport 2222 -j DNAT --to-destination 192.0.2.254"]
    host.own_rules["filter", "OUTPUT"] = ["-p tcp -j REJECT --reject-with icmp-host-unreachable"]
    path = ask(host, HOST, "127.0.0.1", 2222)
    assert path.observed == seen
    assert ("route_localnet is 0" in path.reason) is (allowed == "0")


# ---- IPv6 ------------------------------------------------------------------------------------------------------------

UPLINK6, NEIGHBOUR6, GATEWAY6, WEB6 = "2001:db8::10", "2001:db8::9", "fd00::1", "fd00::2"


def with_ipv6(host: DockerHost, *nat: str) -> HostSnapshot:
    """The host with addresses of IPv6 besides, no default route, and these rules in the table nat of ip6tables."""
    host.sysctls |= {"net.ipv6.conf.all.forwarding": "1", "net.bridge.bridge-nf-call-ip6tables": "1"}
    bridge = next(link for link in host.links if link.kind == "bridge")
    own = {"lo": "::1/128", "eth0": f"{UPLINK6}/64", bridge.name: f"{GATEWAY6}/64"}
    for link in host.links:
        link.addresses.extend([own[link.name]] if link.name in own else [])
    for number, space in enumerate(host.container_namespaces, 2):
        space.links[1].addresses.append(f"fd00::{number}/64")
        space.routes.extend(
            [
                Route("fd00::/64", 254, interfaces=[2]),
                Route("::/0", 254, gateways=[GATEWAY6], interfaces=[2]),
                Route(f"fd00::{number}/128", 255, "local", interfaces=[2]),
            ]
        )
        space.listeners.append(Listener("tcp", "::", 80))
    snapshot = host.snapshot()
    routes = [
        Route("2001:db8::/64", 254, interfaces=[2]),
        Route("fd00::/64", 254, interfaces=[bridge.index]),
        Route("::1/128", 255, "local", interfaces=[1]),
        Route(f"{UPLINK6}/128", 255, "local", interfaces=[2]),
        Route(f"{GATEWAY6}/128", 255, "local", interfaces=[bridge.index]),
    ]
    chains = "".join(f":{name} ACCEPT [0:0]\n" for name in ("PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"))
    save = "*nat\n" + chains + "".join(f"-A {rule}\n" for rule in nat) + "COMMIT\n"
    assert snapshot.ruleset is not None
    return dataclasses.replace(
        snapshot,
        routes=[*snapshot.routes, *routes],
        policy_rules=[*snapshot.policy_rules, PolicyRule(0, 6, table=255), PolicyRule(32766, 6, table=254)],
        ruleset=dataclasses.replace(snapshot.ruleset, save={**snapshot.ruleset.save, "ip6tables-nft-save": save}),
    )


def test_ipv6_reaches_a_container_from_its_network_and_from_outside() -> None:
    snapshot = with_ipv6(host_with_web())
    assert ask(snapshot, CONTAINER, WEB6, 80).observed == "answered"
    assert ask(snapshot, OUTSIDE, WEB6, 80).observed == "answered"


def test_a_frame_translated_to_where_no_route_leads_is_lost_without_a_word() -> None:
    """br_nf_pre_routing_finish_ipv6() frees it; a packet that is routed is answered by an error instead."""
    dnat = "PREROUTING -p tcp -m tcp --dport 80 -j DNAT --to-destination 2001:db8:1::1"
    snapshot = with_ipv6(host_with_web(), dnat)
    assert ask(snapshot, CONTAINER, WEB6, 80).observed == "timed out"
    assert ask(snapshot, OUTSIDE, WEB6, 80).observed == "unreachable"


@pytest.mark.parametrize(
    ("reject_with", "seen"), [("icmp6-port-unreachable", "unknown"), ("icmp6-adm-prohibited", "no answer")]
)
@pytest.mark.parametrize("destination", ["::1", UPLINK6])
def test_a_rejected_echo_reply_of_ipv6_is_told_to_raw_sockets_as_well(
    destination: str, reject_with: str, seen: str
) -> None:
    snapshot = with_ipv6(host_with_web())
    assert snapshot.ruleset is not None
    name = "ip6tables-nft-save"
    rule = f"-A INPUT -p ipv6-icmp -m icmp6 --icmpv6-type 129 -j REJECT --reject-with {reject_with}"
    text = f"{snapshot.ruleset.save[name]}*filter\n:INPUT ACCEPT [0:0]\n{rule}\nCOMMIT\n"
    rules = dataclasses.replace(snapshot.ruleset, save={**snapshot.ruleset.save, name: text})
    path = ask(dataclasses.replace(snapshot, ruleset=rules), HOST, destination, 0, "icmp")
    assert (path.verdict, path.observed) == ("no answer", seen)


OUT_OF_THE_HOST = "OUTPUT -d ::1/128 -p tcp -m tcp --dport 8080 -j DNAT --to-destination [fd00::2]:80"


def test_what_is_translated_to_leave_with_the_source_1_is_lost() -> None:
    path = ask(with_ipv6(host_with_web(), OUT_OF_THE_HOST), HOST, "::1", 8080)
    assert (path.verdict, path.observed) == ("dropped", "timed out")
    assert "nothing from ::1" in path.reason


def test_with_another_source_it_arrives_but_its_answer_finds_no_way_to_1() -> None:
    snat = f"POSTROUTING -s ::1/128 -j SNAT --to-source {GATEWAY6}"
    path = ask(with_ipv6(host_with_web(), OUT_OF_THE_HOST, snat), HOST, "::1", 8080)
    assert (path.verdict, path.observed) == ("no answer", "timed out")
    assert "no route to ::1" in path.reason


def test_whether_a_reset_from_elsewhere_comes_to_1_is_open() -> None:
    rule = f"OUTPUT -p tcp -j DNAT --to-destination {UPLINK6}"
    assert ask(with_ipv6(host_with_web(), rule), HOST, "::1", 9999).verdict == "unknown"
    assert ask(with_ipv6(host_with_web()), HOST, "::1", 9999).observed == "refused"


def test_from_elsewhere_nothing_is_translated_to_1() -> None:
    """Its route counts for what came in by the loopback alone."""
    dnat = f"PREROUTING -d {UPLINK6}/128 -p tcp -m tcp --dport 8080 -j DNAT --to-destination [::1]:80"
    host = host_with_web()
    host.listeners.append(Listener("tcp", "::1", 80, owner="own", pid=60))
    assert ask(with_ipv6(host, dnat), OUTSIDE, UPLINK6, 8080, source=NEIGHBOUR6).observed == "unreachable"


@pytest.mark.parametrize(("source", "seen"), [("", "answered"), (GATEWAY6, "unreachable")])
def test_a_source_that_a_program_chose_itself_counts_for_the_first_route(source: str, seen: str) -> None:
    snapshot = with_ipv6(host_with_web())
    rules = [*snapshot.policy_rules, PolicyRule(100, 6, "prohibit", source=GATEWAY6)]
    snapshot = dataclasses.replace(snapshot, policy_rules=sorted(rules, key=lambda item: item.priority))
    packet = Packet(Origin(HOST), WEB6, "tcp", 80, source=source)
    assert predict(HostView.of(snapshot), packet).observed == seen


CONNTRACK = "net.netfilter.nf_conntrack_"


@pytest.mark.parametrize(
    ("values", "protocol", "cause"),
    [
        ({"tcp_timeout_syn_sent": "0"}, "tcp", f"{CONNTRACK}tcp_timeout_syn_sent is 0"),
        ({"tcp_timeout_established": "0"}, "tcp", f"{CONNTRACK}tcp_timeout_established is 0"),
        ({"tcp_timeout_syn_sent": "1"}, "tcp", ""),
        ({"tcp_timeout_syn_sent": "0"}, "icmp", ""),
        ({"icmp_timeout": "0"}, "icmp", f"{CONNTRACK}icmp_timeout is 0"),
        ({"max": "4096", "count": "4096"}, "tcp", "4096 of 4096 entries are in use"),
        ({"max": "4096", "count": "4095"}, "tcp", ""),
        ({"max": "0", "count": "4096"}, "tcp", ""),
    ],
)
def test_connection_tracking_that_forgets_or_is_full(values: dict[str, str], protocol: str, cause: str) -> None:
    host = host_with_web()
    host.sysctls.update({f"{CONNTRACK}{name}": value for name, value in values.items()})
    path = ask(host, CONTAINER, "203.0.113.9", 0 if protocol == "icmp" else 80, protocol)
    assert path.verdict == ("unknown" if cause else "delivered"), path.reason
    assert cause in path.because


def test_a_connection_that_is_not_tracked_needs_no_entry() -> None:
    host = host_with_web()
    host.sysctls[f"{CONNTRACK}tcp_timeout_syn_sent"] = "0"
    web = host.networks[0].address(1)
    assert ask(host, CONTAINER, web, 80).verdict == "unknown"
    host.own_rules["raw", "PREROUTING"] = ["-j NOTRACK"]
    assert ask(host, CONTAINER, web, 80).verdict == "delivered"


@pytest.mark.parametrize(("status", "observed"), [("CONFIRMED", "unknown"), ("SEEN_REPLY", "refused")])
def test_the_error_about_a_first_packet_has_its_connection_confirmed_or_not(status: str, observed: str) -> None:
    host = host_with_web()
    host.own_rules["filter", "INPUT"] = ["-p tcp -m tcp --dport 2222 -j REJECT --reject-with icmp-port-unreachable"]
    host.own_rules["filter", "OUTPUT"] = [f"-p icmp -m conntrack --ctstatus {status} -j DROP"]
    assert ask(host, OUTSIDE, ADDRESS, 2222).observed == observed
