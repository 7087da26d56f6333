"""Containers beside each other on a network: whether they are where the engine says, and reach each other."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import PublishedPort
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link, Neighbour
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot

from tests.unit.docker_host import WILDCARD, DockerHost, mac_of
from tests.unit.plugins.plugin_utils.checks.verdicts import judge, only
from tests.unit.recorded_host import NAMES, recorded_host


def two(**options: Any) -> DockerHost:
    """Containers one and other on one network; the second one listens."""
    host = DockerHost(**{key: value for key, value in options.items() if key not in ("icc", "isolated")})
    bridge = host.network(icc=options.get("icc", True))
    isolated = options.get("isolated", False)
    host.container("one", [bridge], isolated=isolated)
    host.container("other", [bridge], listen=[("tcp", 80)], isolated=isolated)
    return host


def with_port(host: DockerHost, number: int, **changes: Any) -> HostSnapshot:
    """The host with the bridge port of a container changed."""
    links = [replace(link, **changes) if link.peer_nsid == number else link for link in host.links]
    return replace(host.snapshot(), links=links)


def with_inside(host: DockerHost, number: int, **changes: Any) -> HostSnapshot:
    """The host with the link inside a container changed."""
    inner = list(host.container_namespaces)
    links = [replace(link, **changes) if link.name == "eth0" else link for link in inner[number].links]
    inner[number] = replace(inner[number], links=links)
    return replace(host.snapshot(), container_namespaces=inner)


# ---- network.connectivity --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", [27, 28])
def test_containers_that_reach_each_other_pass(layout: int) -> None:
    assert only(two(layout=layout).snapshot(), "network.connectivity").outcome == "pass"


@pytest.mark.parametrize("name", NAMES)
def test_recorded_hosts_are_not_divided(name: str) -> None:
    assert only(recorded_host(name), "network.connectivity").outcome in ("pass", "not_applicable")
    assert only(recorded_host(name), "network.endpoint").outcome == "pass"


def test_each_port_is_counted_once_for_each_network_and_family() -> None:
    host = two()
    (count,) = only(host.snapshot(), "network.connectivity").evidence.values()
    host.container("third", [host.networks[0]], listen=[("tcp", 80), ("tcp", 81)])
    (more,) = only(host.snapshot(), "network.connectivity").evidence.values()
    assert (count, more) == (1, 3)


def test_a_rule_between_them_is_named() -> None:
    host = two()
    host.own_rules["mangle", "FORWARD"] = [f"-i {host.networks[0].device} -j DROP"]
    finding = only(host.snapshot(), "network.connectivity")
    assert (finding.outcome, finding.resource.name) == ("fail", "net0")
    assert (finding.evidence["from and to"], finding.evidence["number of ports"]) == ("one to other:80/tcp", 1)
    (reason,) = finding.evidence["packets"].values()
    assert reason.startswith("rule 1 of chain FORWARD (ip mangle)")
    assert finding.summary.endswith(f"(one to other:80/tcp) do not reach each other: {reason}")


def test_who_was_given_no_address_of_a_family_is_not_expected_to_ask_by_it() -> None:
    host = two()
    host.own_rules["mangle", "FORWARD"] = [f"-i {host.networks[0].device} -j DROP"]
    assert only(host.snapshot(), "network.connectivity").outcome == "fail"
    assert only(without_address(host.snapshot(), "one"), "network.connectivity").outcome == "not_applicable"


def without_address(snapshot: HostSnapshot, name: str) -> HostSnapshot:
    """As the engine says it of IPv6 where a container's sysctls turn it off."""
    containers = [
        replace(item, endpoints=[replace(endpoint, address=None) for endpoint in item.endpoints])
        if item.name == name
        else item
        for item in snapshot.containers
    ]
    return replace(snapshot, containers=containers)


def test_ports_that_are_isolated_divide_a_network() -> None:
    finding = only(two(isolated=True).snapshot(), "network.connectivity")
    assert finding.outcome == "fail"
    (reason,) = finding.evidence["packets"].values()
    assert "of 172.18.0.3: the bridge ports" in reason
    assert reason.endswith("isolated from each other")
    assert finding.summary.endswith(reason)


@pytest.mark.parametrize("icc", [True, False])
def test_what_is_meant_is_no_fault(icc: bool) -> None:
    host = two(icc=icc)
    host.own_rules["filter", "DOCKER-USER"] = [f"-i {host.networks[0].device} -o {host.networks[0].device} -j DROP"]
    snapshot = host.snapshot()
    if not icc:
        options = {"com.docker.network.bridge.enable_icc": "false"}
        snapshot = replace(snapshot, networks=[replace(item, options=options) for item in snapshot.networks])
    assert only(snapshot, "network.connectivity").outcome == ("pass" if icc else "not_applicable")


def test_a_condition_that_nobody_can_decide_leaves_it_open() -> None:
    host = two()
    host.own_rules["filter", "FORWARD"] = ["-m recent --rcheck --name x --rsource -j DROP"]
    assert only(host.snapshot(), "network.connectivity").outcome == "unknown"


def test_an_address_on_another_network_of_the_asked_one_does_not_count() -> None:
    host = DockerHost()
    front, back = host.network(), host.network()
    host.container("web", [front])
    host.container("api", [front, back], listen=[("tcp", 80)])
    assert only(host.snapshot(), "network.connectivity").outcome == "pass"


# ---- network.endpoint ------------------------------------------------------------------------------------------------


def test_containers_as_dockerd_leaves_them_pass() -> None:
    assert only(two().snapshot(), "network.endpoint").outcome == "pass"
    assert only(DockerHost().snapshot(), "network.endpoint").outcome == "not_applicable"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"master": None}, "is attached to no bridge instead of br-000000000000"),
        ({"master": 55}, "is attached to other0 instead of br-000000000000"),
        ({"up": False}, "its port on br-000000000000, is down"),
    ],
)
def test_a_port_that_is_not_where_it_belongs(changes: dict[str, Any], said: str) -> None:
    host = two()
    host.links.append(Link(55, "other0", "bridge", up=True))
    finding = only(with_port(host, 1, **changes), "network.endpoint")
    assert (finding.outcome, finding.resource.name) == ("fail", "other")
    assert said in finding.summary


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"addresses": []}, "the address 172.18.0.3 is missing"),
        ({"addresses": ["172.18.0.99/20"]}, "the address 172.18.0.3 is missing"),
        ({"up": False}, "its eth0 on br-000000000000 is down"),
    ],
)
def test_a_link_inside_that_is_not_as_the_engine_made_it(changes: dict[str, Any], said: str) -> None:
    finding = only(with_inside(two(), 1, **changes), "network.endpoint")
    assert (finding.outcome, finding.resource.name) == ("fail", "other")
    assert said in finding.summary


def test_a_link_that_is_gone() -> None:
    host = two()
    links = [link for link in host.links if link.peer_nsid != 1]
    finding = only(replace(host.snapshot(), links=links), "network.endpoint")
    (difference,) = finding.evidence["differs from what the engine shows"]
    assert difference.startswith("none of its links")
    assert difference.endswith(" br-000000000000")
    assert difference in finding.summary


def test_a_namespace_that_was_not_read_leaves_it_open() -> None:
    host = two()
    finding = only(replace(host.snapshot(), container_namespaces=host.container_namespaces[:1]), "network.endpoint")
    assert finding.outcome == "unknown"
    assert "other" in finding.summary


def test_two_containers_with_the_same_hardware_address() -> None:
    finding = only(with_inside(two(), 1, mac=mac_of("172.18.0.2")), "network.endpoint")
    assert (finding.outcome, finding.severity, finding.resource.name) == ("fail", "high", "net0")
    assert finding.summary == (
        "Network net0: one, other have the same MAC address 02:42:ac:12:00:02, so packets to them are lost"
    )
    assert finding.evidence["links of containers"] == [
        "one: eth0 inside, veth100000 on the host",
        "other: eth0 inside, veth100010 on the host",
    ]
    assert "they do not reach each other" in finding.impact
    assert finding.remediation is not None
    assert finding.remediation.text.startswith("Decide which of one, other keeps the MAC address")


def test_a_container_with_the_hardware_address_of_its_bridge() -> None:
    host = two()
    finding = only(with_inside(host, 1, mac=host.networks[0].mac), "network.endpoint")
    assert (finding.outcome, finding.severity, finding.resource.name) == ("fail", "high", "net0")
    assert "other and the host's br-000000000000 have the same MAC address 02:42:ff:00:00:00" in finding.summary
    assert finding.remediation is not None
    assert finding.remediation.text.startswith("Recreate other without --mac-address")


NOBODY = "02:00:00:00:00:99"
INSIDE = 2
"""Index of a container's first link."""


def test_a_container_with_a_wrong_permanent_entry_for_its_gateway() -> None:
    host = two()
    host.container_namespaces[1] = replace(
        host.container_namespaces[1], neighbours=[Neighbour("172.18.0.1", INSIDE, NOBODY)]
    )
    finding = only(host.snapshot(), "network.endpoint")
    assert (finding.outcome, finding.severity, finding.resource.name) == ("fail", "high", "other")
    assert finding.summary == (
        "other: wrong permanent neighbour entries on eth0: what is for 172.18.0.1 (host, 02:42:ff:00:00:00) is sent to "
        f"{NOBODY}"
    )
    assert finding.remediation is not None
    assert "ip neigh del 172.18.0.1 dev eth0" in finding.remediation.text


def test_a_wrong_permanent_entry_of_the_host_for_a_container() -> None:
    host = two()
    bridge = host.networks[0]
    host.neighbours.append(Neighbour("172.18.0.3", bridge.index, NOBODY))
    finding = only(host.snapshot(), "network.endpoint")
    assert (finding.outcome, finding.resource.name) == ("fail", "net0")
    assert f"what is for 172.18.0.3 (container other, {mac_of('172.18.0.3')}) is sent to {NOBODY}" in finding.summary
    assert finding.remediation is not None
    assert f"ip neigh del 172.18.0.3 dev {bridge.device}" in finding.remediation.text


def test_a_bridge_without_arp() -> None:
    host = two()
    bridge = host.networks[0]
    host.links = [replace(link, without_arp=link.name == bridge.device) for link in host.links]
    # The kernel notes what it sends to, with the hardware address of the bridge itself.
    host.neighbours.append(Neighbour("172.18.0.3", bridge.index, bridge.mac))
    finding = only(host.snapshot(), "network.endpoint")
    assert (finding.outcome, finding.severity, finding.resource.name) == ("fail", "high", "net0")
    assert finding.summary.startswith(f"Network net0: ARP is off on its bridge {bridge.device}, so ")
    assert finding.evidence == {"interface with the flag NOARP": bridge.device, "containers": "one, other"}
    assert finding.remediation is not None
    assert f"ip link set {bridge.device} arp on" in finding.remediation.text
    assert only(host.snapshot(), "network.connectivity").outcome == "pass"
    egress = only(host.snapshot(), "firewall.egress")
    assert (egress.outcome, f"ARP is off on {bridge.device}" in egress.summary) == ("fail", True)
    assert egress.remediation is not None
    assert "the finding of network.endpoint" in egress.remediation.text


def test_a_container_without_arp() -> None:
    finding = only(with_inside(two(), 1, without_arp=True), "network.endpoint")
    assert (finding.outcome, finding.severity, finding.resource.name) == ("fail", "high", "other")
    assert finding.summary.startswith("other: ARP is off on its eth0, so it ")
    assert finding.remediation is not None
    assert "nsenter -n -t 1001 ip link set eth0 arp on" in finding.remediation.text


def test_neither_a_bridge_port_without_arp_nor_a_bridge_without_containers_is_a_fault() -> None:
    assert only(with_port(two(), 1, without_arp=True), "network.endpoint").outcome == "pass"
    host = two()
    empty = host.network().device
    host.links = [replace(link, without_arp=link.name == empty) for link in host.links]
    assert only(host.snapshot(), "network.endpoint").outcome == "pass"


@pytest.mark.parametrize(
    ("address", "mac"),
    [
        ("172.18.0.1", "02:42:ff:00:00:00"),
        ("172.18.0.2", mac_of("172.18.0.2")),
        ("172.18.0.77", NOBODY),
    ],
    ids=["the gateway's own", "a container's own", "an address of no container"],
)
def test_a_permanent_entry_that_is_right_or_of_no_end_of_the_bridge(address: str, mac: str) -> None:
    host = two()
    host.container_namespaces[1] = replace(host.container_namespaces[1], neighbours=[Neighbour(address, INSIDE, mac)])
    assert only(host.snapshot(), "network.endpoint").outcome == "pass"


def test_an_entry_with_the_hardware_address_of_a_port_leads_to_the_host() -> None:
    host = two()
    host.container_namespaces[1] = replace(
        host.container_namespaces[1], neighbours=[Neighbour("172.18.0.1", INSIDE, NOBODY)]
    )
    assert only(with_port(host, 0, mac=NOBODY), "network.endpoint").outcome == "pass"


def test_what_the_links_have_counts_and_not_what_the_engine_was_asked_for() -> None:
    snapshot = two().snapshot()
    containers = [
        replace(item, endpoints=[replace(end, mac="02:00:00:00:00:01") for end in item.endpoints])
        for item in snapshot.containers
    ]
    assert only(replace(snapshot, containers=containers), "network.endpoint").outcome == "pass"


@pytest.mark.parametrize("check", ["network.connectivity", "firewall.egress", "firewall.publish"])
def test_packets_for_a_hardware_address_that_two_have_are_not_followed(check: str) -> None:
    host = DockerHost()
    bridge = host.network()
    host.container("one", [bridge], [PublishedPort("tcp", 80, WILDCARD, 8080)], [("tcp", 80)])
    host.container("other", [bridge], listen=[("tcp", 80)])
    assert only(host.snapshot(), check).outcome == "pass"
    snapshot = with_inside(host, 1, mac=mac_of("172.18.0.2"))
    found = judge(snapshot, check)
    assert {item.outcome for item in found} == {"unknown"}
    assert any("one, container other have the same MAC address" in item.summary for item in found)


def test_what_is_lost_at_worst_does_not_leave_open_what_is_lost_anyway() -> None:
    """A container with a shared address learns its gateway's or not; other networks keep it off all the same."""
    host = two()
    host.container("elsewhere", [host.network()], listen=[("tcp", 80)])
    assert only(host.snapshot(), "firewall.isolation").outcome == "pass"
    assert only(with_inside(host, 0, mac=mac_of("172.18.0.3")), "firewall.isolation").outcome == "pass"
