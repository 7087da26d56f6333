# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What IPsec policies of a host do to packets, each as real packets met it (see tests/integration/test_ipsec.py)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._host.saved_snapshot import load_snapshot
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import PublishedPort
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Ipsec, IpsecPolicy, IpsecTemplate
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import Origin, Packet, Path
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot, Source
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_view import HostView
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.predict import predict

from tests.unit.docker_host import ADDRESS, UPLINK, DockerHost

ANY = "0.0.0.0/0"
BEYOND = "203.0.113.9"
NEIGHBOUR = "192.0.2.77"
OWN = "172.18.0.2/32"
TUNNEL = [IpsecTemplate("tunnel")]
EGRESS = Packet(Origin("container", "web"), BEYOND, "tcp", 443)
PUBLISHED = Packet(Origin("outside", UPLINK), ADDRESS, "tcp", 8080)
FROM_HOST = Packet(Origin("host"), "172.18.0.2", "tcp", 80)


def host_with(*policies: IpsecPolicy, **other: list[str]) -> DockerHost:
    host = DockerHost(proxy=False)
    host.container("web", [host.network()], listen=[("tcp", 80)], publish=[PublishedPort("tcp", 80, ADDRESS, 8080)])
    host.ipsec = Ipsec(sorted(policies, key=lambda item: (item.priority, item.index)), **other)
    return host


def made(*policies: IpsecPolicy, **other: list[str]) -> HostSnapshot:
    return host_with(*policies, **other).snapshot()


def path(packet: Packet, *policies: IpsecPolicy, **other: list[str]) -> Path:
    return predict(HostView.of(made(*policies, **other)), packet)


def test_without_policies_nothing_is_in_the_way() -> None:
    assert [path(packet).verdict for packet in (EGRESS, PUBLISHED, FROM_HOST)] == ["delivered"] * 3


@pytest.mark.parametrize("direction", ["out", "fwd"])
def test_what_is_blocked_ahead_of_forward_never_meets_its_rules(direction: str) -> None:
    found = path(EGRESS, IpsecPolicy(direction, 4, OWN, ANY, "block"))
    assert (found.verdict, found.observed) == ("dropped", "timed out")
    assert found.reason.startswith(f"the IPsec policy src {OWN} dst {ANY} dir {direction} priority 0 action block")
    assert found.steps[-1].place == "ipsec"
    assert not [hop for hop in found.steps if hop.place == "forward"]


def test_what_is_masqueraded_meets_policies_for_the_hosts_address() -> None:
    found = path(EGRESS, IpsecPolicy("out", 4, f"{ADDRESS}/32", ANY, "block"))
    assert found.verdict == "dropped"
    assert [hop.place for hop in found.steps][-2:] == ["postrouting", "ipsec"]


def test_answers_are_asked_for_as_they_came() -> None:
    assert path(EGRESS, IpsecPolicy("fwd", 4, ANY, OWN, "block")).verdict == "delivered"
    found = path(EGRESS, IpsecPolicy("fwd", 4, ANY, f"{ADDRESS}/32", "block"))
    assert (found.verdict, found.observed) == ("no answer", "timed out")
    assert path(PUBLISHED, IpsecPolicy("fwd", 4, ANY, f"{ADDRESS}/32", "block")).verdict == "dropped"
    by_port = IpsecPolicy("fwd", 4, ANY, ANY, "block", protocol=6, destination_port=80, destination_port_mask=0xFFFF)
    assert path(PUBLISHED, by_port).verdict == "delivered"
    assert path(PUBLISHED, replace(by_port, destination_port=8080)).verdict == "dropped"


def test_the_host_itself_is_told_at_once() -> None:
    found = path(FROM_HOST, IpsecPolicy("out", 4, ANY, OWN, "block"))
    assert (found.verdict, found.observed) == ("unreachable", "unreachable")
    assert not [hop for hop in found.steps if hop.place == "output"]


BLOCK_HTTP = IpsecPolicy("out", 4, ANY, ANY, "block", protocol=6, destination_port=80, destination_port_mask=0xFFFF)
OWN_PORT = Packet(Origin("host"), ADDRESS, "tcp", 8080)
ANOTHER_PORT = Packet(Origin("host"), "172.18.0.2", "tcp", 8081)
MARKED = replace(BLOCK_HTTP, destination_port_mask=0, mark=5, mask=0xFF)


def rejected(packet: Packet, *policies: IpsecPolicy, **other: list[str]) -> Path:
    """Of a host whose table filter rejects what it sends to port 80, and that translates or marks it before that."""
    host = host_with(*policies, **other)
    host.own_rules["mangle", "OUTPUT"] = ["-p tcp -m tcp --dport 80 -j MARK --set-xmark 0x5/0xffffffff"]
    host.own_rules["nat", "OUTPUT"] = [
        "-d 172.18.0.2/32 -p tcp -m tcp --dport 8081 -j DNAT --to-destination 172.18.0.2:80"
    ]
    host.own_rules["filter", "OUTPUT"] = ["-p tcp -m tcp --dport 80 -j REJECT --reject-with tcp-reset"]
    return predict(HostView.of(host.snapshot()), packet)


@pytest.mark.parametrize(
    ("packet", "policy"), [(OWN_PORT, BLOCK_HTTP), (ANOTHER_PORT, BLOCK_HTTP), (FROM_HOST, MARKED)],
    ids=["new destination", "new port", "new mark"],
)  # fmt: skip
def test_what_output_changes_is_lost_to_a_policy_before_any_later_rule(packet: Packet, policy: IpsecPolicy) -> None:
    assert rejected(packet).observed == "refused"
    found = rejected(packet, policy)
    assert (found.verdict, found.observed) == ("dropped", "timed out")
    assert found.steps[-1].place == "ipsec"
    tables = {hop.table.split()[-1] for hop in found.steps if hop.place == "output" and hop.table}
    assert "filter" not in tables
    assert rejected(packet, replace(policy, action="allow", templates=TUNNEL)).observed == "unknown"
    bridge = "net.ipv4.conf.br-000000000000.disable_xfrm"
    assert rejected(packet, policy, exempt=[bridge]).observed == "refused"
    assert rejected(packet, policy, exempt=["net.ipv4.conf.eth0.disable_xfrm"]).observed == "timed out"


def test_what_a_tunnel_takes_is_open() -> None:
    found = path(EGRESS, IpsecPolicy("out", 4, ANY, "203.0.113.0/24", templates=TUNNEL))
    assert (found.verdict, found.observed) == ("unknown", "unknown")
    assert "ip xfrm state" in found.because


def test_tunnels_between_other_networks_change_nothing() -> None:
    for direction in ("in", "out", "fwd"):
        other = IpsecPolicy(direction, 4, "10.1.0.0/16", "10.2.0.0/16", templates=TUNNEL)
        for packet in (EGRESS, PUBLISHED, FROM_HOST):
            assert path(packet, other).verdict == "delivered"


def test_what_comes_in_plain_and_was_to_be_ipsec_is_lost() -> None:
    wanted = IpsecPolicy("fwd", 4, ANY, ANY, templates=TUNNEL)
    found = path(PUBLISHED, wanted)
    assert found.verdict == "dropped"
    assert found.decided_at is not None
    assert found.steps[found.decided_at].place == "ipsec"
    assert "requires IPsec" in found.reason
    optional = replace(wanted, templates=[IpsecTemplate("tunnel", optional=True)])
    assert path(PUBLISHED, optional).verdict == "delivered"


@pytest.mark.parametrize(("kind", "verdict"), [("", "dropped"), ("xfrm", "unknown"), ("vti", "unknown")])
def test_what_came_out_of_a_tunnel_may_have_been_ipsec(kind: str, verdict: str) -> None:
    host = host_with(IpsecPolicy("fwd", 4, ANY, ANY, templates=TUNNEL))
    host.links = [replace(link, kind=kind) if link.name == UPLINK else link for link in host.links]
    assert predict(HostView.of(host.snapshot()), PUBLISHED).verdict == verdict


def test_the_lowest_number_decides_and_of_equal_ones_the_oldest() -> None:
    block, allow = IpsecPolicy("out", 4, ANY, ANY, "block", 5, index=9), IpsecPolicy("out", 4, ANY, ANY)
    assert path(EGRESS, block, replace(allow, priority=4, index=17)).verdict == "delivered"
    assert path(EGRESS, block, replace(allow, priority=5, index=17)).verdict == "dropped"
    assert path(EGRESS, block, replace(allow, priority=5, index=1)).verdict == "delivered"


def test_a_selector_that_cannot_be_told_is_open_where_it_matters() -> None:
    block = IpsecPolicy("out", 4, ANY, ANY, "block", 5, interface=2)
    assert "whether the IPsec policy" in path(EGRESS, block).because
    assert path(EGRESS, block).verdict == "unknown"
    assert path(EGRESS, replace(block, destination="10.0.0.0/8")).verdict == "delivered"
    # Whichever of them takes it, it is blocked.
    assert path(EGRESS, block, replace(block, interface=0, priority=6)).verdict == "unknown"
    assert path(EGRESS, replace(block, action="allow"), IpsecPolicy("out", 4, ANY, ANY)).verdict == "delivered"


def test_policies_of_interfaces_marks_and_other_families_are_none_of_a_plain_packet() -> None:
    block = IpsecPolicy("out", 4, ANY, ANY, "block")
    for other in (replace(block, if_id=7), replace(block, mark=5, mask=0xFF), replace(block, family=6, source="::/0")):
        assert path(EGRESS, replace(other, destination="::/0" if other.family == 6 else ANY)).verdict == "delivered"
    assert path(EGRESS, replace(block, mark=0, mask=0xFF)).verdict == "dropped"


@pytest.mark.parametrize("direction", ["out", "fwd"])
def test_a_direction_that_is_blocked_as_a_whole_is_open(direction: str) -> None:
    found = path(EGRESS, blocked=[direction])
    assert found.verdict == "unknown"
    assert f"all of direction {direction} that no policy matches; see ip xfrm policy getdefault" in found.because
    allowed = IpsecPolicy(direction, 4, ANY, ANY)
    assert path(EGRESS, allowed, blocked=[direction]).verdict == "delivered"


def test_interfaces_can_be_exempt() -> None:
    block = IpsecPolicy("out", 4, OWN, ANY, "block")
    assert path(EGRESS, block, exempt=["net.ipv4.conf.eth0.disable_xfrm"]).verdict == "delivered"
    assert path(EGRESS, block, exempt=["net.ipv4.conf.lo.disable_xfrm"]).verdict == "dropped"
    came = IpsecPolicy("fwd", 4, OWN, ANY, "block")
    assert path(EGRESS, came, exempt=["net.ipv4.conf.all.disable_policy"]).verdict == "delivered"
    assert path(EGRESS, came, exempt=["net.ipv4.conf.eth0.disable_policy"]).verdict == "dropped"


def test_interfaces_are_not_exempt_from_the_default() -> None:
    exempt = ["net.ipv4.conf.all.disable_xfrm"]
    for packet in (EGRESS, PUBLISHED, FROM_HOST):
        assert path(packet, blocked=["out"], exempt=exempt).verdict == "unknown"


ITSELF = Packet(Origin("container", "web"), ADDRESS, "tcp", 8080)
"""It comes back to its sender by hairpin mode: PREROUTING gives it a new destination, POSTROUTING a new source."""


def test_a_translated_frame_that_a_policy_could_take_is_open() -> None:
    assert path(ITSELF).verdict == "delivered"
    found = path(ITSELF, IpsecPolicy("out", 4, ANY, OWN, "block", protocol=6))
    assert found.verdict == "unknown"
    assert "of the frame on br-000000000000: the IPsec policy" in found.because
    by_source = IpsecPolicy("out", 4, f"{ADDRESS}/32", OWN, "block")
    assert path(ITSELF, by_source).verdict == "unknown"
    assert path(ITSELF, by_source, exempt=["net.ipv4.conf.all.disable_xfrm"]).verdict == "delivered"
    for direction in ("in", "fwd"):
        assert path(ITSELF, IpsecPolicy(direction, 4, ANY, ANY, "block")).verdict == "delivered"


def test_a_frame_that_no_rule_translates_meets_no_policy() -> None:
    host = DockerHost(proxy=False)
    bridge = host.network()
    host.container("web", [bridge], listen=[("tcp", 80)])
    host.container("peer", [bridge])
    host.ipsec = Ipsec([IpsecPolicy("out", 4, ANY, OWN, "block")])
    packet = Packet(Origin("container", "peer"), "172.18.0.2", "tcp", 80)
    assert predict(HostView.of(host.snapshot()), packet).verdict == "delivered"
    host.own_rules["nat", "POSTROUTING"] = ["-d 172.18.0.2/32 -p tcp -j SNAT --to-source 172.18.0.1"]
    assert predict(HostView.of(host.snapshot()), packet).verdict == "unknown"


@pytest.mark.parametrize(
    ("policy", "observed"),
    [
        (None, "refused"),
        # It comes from where the packet was going, with the ports the other way round.
        (IpsecPolicy("out", 4, OWN, "172.18.0.3/32", "block", protocol=6), "unknown"),
        (IpsecPolicy("out", 4, OWN, ANY, "block", protocol=6, source_port=80, source_port_mask=0xFFFF), "unknown"),
        (IpsecPolicy("out", 4, ANY, OWN, "block", protocol=6), "refused"),
        (IpsecPolicy("out", 4, ANY, ANY, "block", protocol=17), "refused"),
        (IpsecPolicy("out", 4, ANY, ANY), "refused"),
        (IpsecPolicy("in", 4, ANY, ANY, "block"), "refused"),
        (IpsecPolicy("fwd", 4, ANY, ANY, "block"), "refused"),
        (IpsecPolicy("out", 4, ANY, ANY, templates=TUNNEL), "unknown"),
    ],
)
def test_a_reset_by_a_bridge_port_meets_the_policies_of_its_route(policy: IpsecPolicy | None, observed: str) -> None:
    host = DockerHost(proxy=False)
    bridge = host.network()
    host.container("web", [bridge], listen=[("tcp", 80)])
    host.container("peer", [bridge])
    host.own_rules["filter", "DOCKER-USER"] = ["-p tcp -j REJECT --reject-with tcp-reset"]
    host.ipsec = Ipsec([policy] if policy else [])
    found = predict(HostView.of(host.snapshot()), Packet(Origin("container", "peer"), "172.18.0.2", "tcp", 80))
    assert found.observed == observed
    assert ("of the reset: " in found.because) == (observed == "unknown")
    assert found.undetermined_mechanisms == (["ipsec_policy"] if observed == "unknown" else [])


def test_policies_that_could_not_be_read_and_snapshots_that_do_not_know_them() -> None:
    snapshot = made()
    refused = {**snapshot.sources, "ipsec": Source(read=False, kind="denied")}
    found = predict(HostView.of(replace(snapshot, sources=refused)), EGRESS)
    assert found.verdict == "unknown"
    (doubt,) = found.undetermined
    assert found.undetermined_mechanisms == ["ipsec_policy"]
    assert "an IPsec policy" in doubt
    assert doubt.endswith("none could be read")
    older = {name: source for name, source in snapshot.sources.items() if name != "ipsec"}
    assert predict(HostView.of(replace(snapshot, sources=older)), EGRESS).verdict == "delivered"


def test_they_are_kept_in_a_saved_snapshot() -> None:
    snapshot = made(IpsecPolicy("out", 4, OWN, ANY, templates=TUNNEL), blocked=["in"])
    assert load_snapshot(snapshot.to_json()).ipsec == snapshot.ipsec


def test_a_container_with_policies_of_its_own_is_open() -> None:
    snapshot = made()
    inner = [replace(space, ipsec=True) for space in snapshot.container_namespaces]
    found = predict(HostView.of(replace(snapshot, container_namespaces=inner)), EGRESS)
    assert "container web has IPsec policies" in found.because


def test_an_icmp_error_that_a_policy_may_take_by_what_it_quotes_is_undetermined() -> None:
    refused = Packet(Origin("outside", UPLINK), ADDRESS, "udp", 9)
    block = IpsecPolicy("out", 4, "10.9.0.0/16", ANY, "block", protocol=17)
    assert path(refused, block).verdict == "refused"
    found = path(refused, replace(block, icmp=True))
    assert found.verdict == "unknown"
    assert "flag icmp" in found.because
    # One that comes first for the error itself does not decide alone.
    assert path(refused, IpsecPolicy("out", 4, ANY, ANY), replace(block, icmp=True, priority=5)).verdict == "unknown"
    # It is for other packets, or does nothing to any.
    assert path(refused, replace(block, icmp=True, destination="10.9.0.0/16")).verdict == "refused"
    assert path(refused, replace(block, icmp=True, action="allow")).verdict == "refused"
    for packet in (EGRESS, PUBLISHED, FROM_HOST):
        assert path(packet, replace(block, icmp=True)).verdict == "delivered"
