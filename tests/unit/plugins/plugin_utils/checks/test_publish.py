# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the checks of published ports find, on hosts built for it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Engine, PublishedPort
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Halt, Listener, Ruleset
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot

from tests.unit.docker_host import ADDRESS, WILDCARD, DockerHost
from tests.unit.plugins.plugin_utils.checks.verdicts import failing, judge, only
from tests.unit.synthetic_host import SyntheticHost

# ---- known false positives of others ---------------------------------------------------------------------------------


@pytest.mark.parametrize("spelling", ["::", "[::]", "0:0:0:0:0:0:0:0", "::ffff:0.0.0.0"])
def test_what_is_published_on_ipv6_wildcards_only_is_found(spelling: str) -> None:
    snapshot = SyntheticHost().container("web", publish=(f"{spelling}|8080|80/tcp",)).snapshot()
    assert set(failing(snapshot, "publish.wildcard")) == {"web:80/tcp"}


def test_port_1024_is_not_privileged() -> None:
    snapshot = SyntheticHost().container("web", publish=("192.0.2.10|1024|80/tcp",)).snapshot()
    assert only(snapshot, "publish.privileged").outcome == "pass"


# ---- publish.privileged ----------------------------------------------------------------------------------------------


def test_a_privileged_port_is_named_once_for_both_families() -> None:
    host = SyntheticHost().container("web", publish=("0.0.0.0|1023|8080/tcp", "::|1023|8080/tcp"))
    finding = only(host.snapshot(), "publish.privileged")
    assert (finding.outcome, finding.severity, finding.resource.name) == ("fail", "info", "web:8080/tcp")
    assert finding.summary.endswith("0.0.0.0:1023 and [::]:1023")


def test_the_limit_can_be_set() -> None:
    snapshot = SyntheticHost().container("web", publish=("192.0.2.10|1024|80/tcp",)).snapshot()
    assert only(snapshot, "publish.privileged", parameters={"publish.privileged": {"below": 1025}}).outcome == "fail"


def test_web_servers_may_have_their_ports_unless_somebody_takes_them_away() -> None:
    host = SyntheticHost().container("web", publish=("0.0.0.0|80|8080/tcp", "0.0.0.0|443|8443/tcp"))
    assert only(host.snapshot(), "publish.privileged").outcome == "pass"
    found = failing(host.snapshot(), "publish.privileged", parameters={"publish.privileged": {"allowed": [443]}})
    assert set(found) == {"web:8080/tcp"}


# ---- publish.wildcard ------------------------------------------------------------------------------------------------


def test_a_database_on_all_addresses_is_a_weakness_at_whatever_port_of_the_host() -> None:
    snapshot = SyntheticHost().container("db", publish=("0.0.0.0|15432|5432/tcp",)).snapshot()
    finding = only(snapshot, "publish.wildcard")
    assert finding.severity == "medium"
    assert finding.summary.endswith(
        "5432/tcp, a port of databases or admin interfaces, on all addresses: 0.0.0.0:15432"
    )
    own = {"publish.wildcard": {"sensitive": [9090]}}
    assert only(snapshot, "publish.wildcard", parameters=own).severity == "low"


def test_a_database_on_one_address_is_no_finding() -> None:
    snapshot = SyntheticHost().container("db", publish=("192.0.2.10|5432|5432/tcp",)).snapshot()
    assert only(snapshot, "publish.wildcard").outcome == "pass"


def test_what_the_hosts_firewall_denies_is_a_weakness_on_all_addresses() -> None:
    host = host_with(WILDCARD, layout=28)
    assert only(host.snapshot(), "publish.wildcard").severity == "low"
    host.own_rules["filter", "INPUT"] = ["-p tcp -m tcp --dport 8080 -j DROP"]
    finding = only(host.snapshot(), "publish.wildcard")
    assert finding.severity == "medium"
    assert "80/tcp, which the host's own firewall denies, on all addresses" in finding.summary
    assert only(replace(host.snapshot(), ruleset=None), "publish.wildcard").severity == "low"


# ---- publish.no-listener ---------------------------------------------------------------------------------------------


def listening(host: SyntheticHost, *listeners: Listener) -> HostSnapshot:
    host.container_namespaces[-1] = replace(host.container_namespaces[-1], listeners=list(listeners))
    return host.snapshot()


def web(publish: str = "192.0.2.10|8080|80/tcp", **changes: Any) -> SyntheticHost:
    return SyntheticHost().container("web", publish=(publish,), **changes)


def test_a_port_that_nothing_listens_on_is_dead() -> None:
    finding = only(listening(web(), Listener("tcp", WILDCARD, 81)), "publish.no-listener")
    assert (finding.outcome, finding.severity, finding.resource.name) == ("fail", "low", "web:80/tcp")
    assert "nothing inside listens on it" in finding.summary


def test_who_listens_on_the_loopback_inside_is_not_reached() -> None:
    finding = only(listening(web(), Listener("tcp", "127.0.0.1", 80)), "publish.no-listener")
    assert finding.outcome == "fail"
    assert "listens only on 127.0.0.1" in finding.summary


@pytest.mark.parametrize("address", [WILDCARD, "::", "10.88.1.2"])
def test_who_listens_on_an_address_of_the_container_is_reached(address: str) -> None:
    assert only(listening(web(), Listener("tcp", address, 80)), "publish.no-listener").outcome == "pass"


def test_another_protocol_is_another_port() -> None:
    assert only(listening(web(), Listener("udp", WILDCARD, 80)), "publish.no-listener").outcome == "fail"


@pytest.mark.parametrize(
    ("host", "words"),
    [
        (web(status="paused"), "is paused"),
        (web(netns=None), "was not read"),
        (web("192.0.2.10|8080|80/sctp"), "sctp sockets are not read"),
    ],
)
def test_what_could_not_be_seen_is_not_dead(host: SyntheticHost, words: str) -> None:
    finding = only(host.snapshot(), "publish.no-listener")
    assert finding.outcome == "unknown"
    assert words in finding.summary


STOPPED = Halt("stopped")
BINDINGS = ("0.0.0.0|8080|80/tcp", "::|8080|80/tcp", "127.0.0.2|8081|80/tcp")
SERVER = Listener("tcp", WILDCARD, 80, owner="nginx", pid=12, halt=STOPPED)


def proxied(halt: Halt | None, listener: Listener, **changes: Any) -> HostSnapshot:
    """A port whose docker-proxy has process 60."""
    host = web(**changes)
    host.listeners.append(Listener("tcp", "192.0.2.10", 8080, owner="docker-proxy", pid=60, halt=halt))
    return listening(host, listener)


def test_a_server_that_is_stopped_answers_nobody() -> None:
    finding = only(listening(web(), SERVER), "publish.no-listener")
    assert (finding.outcome, finding.severity, finding.resource.name) == ("fail", "high", "web:80/tcp")
    assert finding.summary.endswith("but nothing answers: process 12 (nginx) is stopped (SIGSTOP)")
    assert finding.remediation is not None
    assert "kill -CONT 12" in finding.remediation.text


SERVER6 = replace(SERVER, address="::", only_ipv6=True, pid=13)


def of_two_families(*listeners: Listener, address6: str | None = "fd00:88:1::2") -> HostSnapshot:
    """A port that is published on all addresses of both families."""
    snapshot = listening(SyntheticHost().container("web", publish=BINDINGS[:2]), *listeners)
    (container,) = snapshot.containers
    ends = [replace(end, address6=address6) for end in container.endpoints]
    return replace(snapshot, containers=[replace(container, endpoints=ends)])


@pytest.mark.parametrize(
    ("stopped", "places"),
    [({12}, "0.0.0.0:8080"), ({13}, "[::]:8080"), ({12, 13}, "0.0.0.0:8080 and [::]:8080")],
)
def test_only_the_family_whose_server_is_stopped_is_named(stopped: set[int], places: str) -> None:
    servers = [item if item.pid in stopped else replace(item, pid=None, halt=None) for item in (SERVER, SERVER6)]
    finding = only(of_two_families(*servers), "publish.no-listener")
    assert finding.summary.startswith(f"web publishes 80/tcp on {places}, but nothing answers: process ")
    assert [pid for pid in (12, 13) if f"process {pid} " in finding.summary] == sorted(stopped)
    assert len(finding.evidence["bindings"]) == len(stopped)


def test_a_server_of_a_family_that_the_container_has_no_address_of_gets_no_connections() -> None:
    """docker-proxy leads those of IPv6 to the container's IPv4 address."""
    running = replace(SERVER, pid=None, halt=None)
    assert only(of_two_families(running, SERVER6, address6=None), "publish.no-listener").outcome == "pass"
    finding = only(of_two_families(SERVER, replace(SERVER6, halt=None), address6=None), "publish.no-listener")
    assert finding.summary.startswith("web publishes 80/tcp on 0.0.0.0:8080 and [::]:8080, but nothing answers")


def test_a_server_on_one_network_leaves_it_open_whether_a_binding_answers() -> None:
    """It is not known which network the engine leads the binding to."""
    host = SyntheticHost().network("back", "10.88.2.0/24")
    snapshot = host.container("web", networks=("front", "back"), publish=BINDINGS[:1]).snapshot()
    (container,) = snapshot.containers
    ends = [replace(end, address=text) for end, text in zip(container.endpoints, ("10.88.1.2", "10.88.2.2"))]
    running = replace(SERVER, address="10.88.2.2", pid=None, halt=None)
    (space,) = snapshot.container_namespaces
    space = replace(space, listeners=[replace(SERVER, address="10.88.1.2"), running])
    snapshot = replace(snapshot, containers=[replace(container, endpoints=ends)], container_namespaces=[space])
    assert only(snapshot, "publish.no-listener").outcome == "unknown"


def test_a_container_that_is_frozen_behind_the_engines_back() -> None:
    file = "/sys/fs/cgroup/system.slice/docker-1.scope/cgroup.freeze"
    finding = only(listening(web(), replace(SERVER, halt=Halt("frozen", file))), "publish.no-listener")
    assert (finding.outcome, "is frozen in its control group" in finding.summary) == ("fail", True)
    assert finding.remediation is not None
    assert f"echo 0 > {file}" in finding.remediation.text


def test_a_docker_proxy_that_is_stopped_forwards_nothing() -> None:
    running = replace(SERVER, halt=None)
    assert only(proxied(None, running), "publish.no-listener").outcome == "pass"
    finding = only(proxied(STOPPED, running), "publish.no-listener")
    assert (finding.outcome, finding.severity, finding.resource.name) == ("fail", "high", "web:80/tcp")
    assert "docker-proxy forwards nothing: process 60 (docker-proxy) is stopped (SIGSTOP)" in finding.summary
    assert finding.impact.endswith("wait until they give up: containers of the same network.")
    both = only(proxied(STOPPED, SERVER), "publish.no-listener")
    assert "process 12 (nginx) is stopped (SIGSTOP) and process 60 (docker-proxy) is" in both.summary
    assert both.remediation is not None
    assert "kill -CONT 12 60" in both.remediation.text


OF_SAME_NETWORK, OF_IPV6 = "containers of the same network", "IPv6 clients of a container without IPv6"


def with_sockets(*sockets: tuple[str, int, Halt | None], only_ipv6: bool = True) -> HostSnapshot:
    """The bindings, and the sockets of docker-proxy: address, port and halt of the processes from 61 on."""
    host = SyntheticHost().container("web", publish=BINDINGS)
    listeners = [
        Listener("tcp", address, port, only_ipv6 and ":" in address, owner="docker-proxy", pid=61 + number, halt=halt)
        for number, (address, port, halt) in enumerate(sockets)
    ]
    return replace(listening(host, replace(SERVER, halt=None)), listeners=listeners)


@pytest.mark.parametrize(
    ("stopped", "places", "waiting"),
    [
        ({61}, "0.0.0.0:8080", f"the host itself at 127.0.0.1, {OF_SAME_NETWORK}"),
        ({62}, "[::]:8080", f"the host itself at ::1, {OF_SAME_NETWORK}, {OF_IPV6}"),
        ({63}, "127.0.0.2:8081", "the host itself at 127.0.0.2"),
        (
            {61, 62, 63},
            "0.0.0.0:8080 and [::]:8080 and 127.0.0.2:8081",
            f"the host itself at 127.0.0.1 and ::1 and 127.0.0.2, {OF_SAME_NETWORK}, {OF_IPV6}",
        ),
    ],
)
def test_only_bindings_whose_docker_proxy_is_stopped_are_named(stopped: set[int], places: str, waiting: str) -> None:
    halts = [STOPPED if pid in stopped else None for pid in (61, 62, 63)]
    snapshot = with_sockets((WILDCARD, 8080, halts[0]), ("::", 8080, halts[1]), ("127.0.0.2", 8081, halts[2]))
    finding = only(snapshot, "publish.no-listener")
    assert finding.summary.startswith(f"web publishes 80/tcp on {places}, but docker-proxy forwards nothing: process ")
    assert [pid for pid in (61, 62, 63) if f"process {pid} " in finding.summary] == sorted(stopped)
    assert finding.impact.endswith(f"wait until they give up: {waiting}.")
    assert len(finding.evidence["bindings"]) == len(stopped)


def test_one_docker_proxy_for_both_families_is_that_of_each_binding() -> None:
    finding = only(with_sockets(("::", 8080, STOPPED), only_ipv6=False), "publish.no-listener")
    assert finding.summary.startswith("web publishes 80/tcp on 0.0.0.0:8080 and [::]:8080, but docker-proxy")


def test_another_program_at_the_port_of_the_host_is_no_docker_proxy() -> None:
    host = web()
    host.listeners.append(Listener("tcp", "192.0.2.10", 8080, owner="sshd", pid=60, halt=STOPPED))
    assert only(listening(host, replace(SERVER, halt=None)), "publish.no-listener").outcome == "pass"


@pytest.mark.parametrize(
    "others", [[replace(SERVER, halt=Halt("stopped", shared=True))], [SERVER, replace(SERVER, pid=None, halt=None)]]
)
def test_whether_others_answer_for_a_stopped_server_is_not_known(others: list[Listener]) -> None:
    finding = only(listening(web(), *others), "publish.no-listener")
    assert finding.outcome == "unknown"
    assert "process 12 (nginx) is stopped (SIGSTOP); it is not known whether another" in finding.summary


def test_what_is_stopped_in_a_paused_container_waits_for_the_engine() -> None:
    assert only(listening(web(status="paused"), SERVER), "publish.no-listener").outcome == "unknown"


def test_a_stopped_process_that_only_the_container_itself_reaches_is_no_finding() -> None:
    own = replace(SERVER, address="127.0.0.1")
    snapshot = listening(web(), own, replace(SERVER, halt=None))
    assert only(snapshot, "publish.no-listener").outcome == "pass"


def test_without_published_ports_there_is_nothing_to_be_dead() -> None:
    assert only(SyntheticHost().container("web").snapshot(), "publish.no-listener").outcome == "not_applicable"


# ---- from outside ----------------------------------------------------------------------------------------------------


def host_with(*bindings: str, layout: int, policy: str = "DROP") -> DockerHost:
    """A container ``web`` that listens on 80 and 81, with its port 80 published on these addresses as 8080."""
    host = DockerHost(layout=layout, forward_policy=policy)
    published = [PublishedPort("tcp", 80, binding, 8080) for binding in bindings]
    host.container("web", [host.network()], published, [("tcp", 80), ("tcp", 81)])
    return host


def test_before_28_what_is_published_on_the_loopback_leaks() -> None:
    finding = only(host_with("127.0.0.1", layout=27).snapshot(), "publish.loopback-leak")
    assert (finding.outcome, finding.severity, finding.resource.name) == ("fail", "medium", "web:80/tcp")
    assert "from outside through eth0" in finding.evidence
    assert finding.remediation is not None
    assert "28.0" in finding.remediation.text


def test_from_28_it_does_not() -> None:
    assert only(host_with("127.0.0.1", layout=28).snapshot(), "publish.loopback-leak").outcome == "pass"


def test_the_rules_of_28_can_be_lost() -> None:
    snapshot = host_with("127.0.0.1", layout=28).snapshot()
    text = (snapshot.ruleset or Ruleset()).save["iptables-nft-save"]
    kept = "\n".join(line for line in text.splitlines() if not line.startswith("-A PREROUTING -d"))
    finding = only(replace(snapshot, ruleset=Ruleset({"iptables-nft-save": kept + "\n"})), "publish.loopback-leak")
    assert finding.outcome == "fail"
    assert finding.remediation is not None
    assert "allow-direct-routing" in finding.remediation.text


def test_another_one_on_the_same_port_of_another_address_is_no_leak() -> None:
    host = host_with("127.0.0.1", layout=28)
    host.container("front", [host.networks[0]], [PublishedPort("tcp", 80, ADDRESS, 8080)], [("tcp", 80)])
    assert only(host.snapshot(), "publish.loopback-leak").outcome == "pass"


def test_a_program_of_the_host_on_the_same_port_of_another_address_is_no_leak() -> None:
    host = host_with("127.0.0.1", layout=28)
    host.listeners.append(Listener("tcp", ADDRESS, 8080, owner="nginx", pid=60))
    assert only(host.snapshot(), "publish.loopback-leak").outcome == "pass"


def test_without_loopback_bindings_nothing_can_leak() -> None:
    assert only(host_with(ADDRESS, layout=27).snapshot(), "publish.loopback-leak").outcome == "not_applicable"


def test_what_is_not_published_is_reached_where_forward_accepts() -> None:
    found = failing(host_with(ADDRESS, layout=27, policy="ACCEPT").snapshot(), "publish.direct-access")
    assert set(found) == {"web:81/tcp"}
    finding = found["web:81/tcp"]
    assert finding.severity == "medium"
    assert "the container's own address 172.18.0.2" in finding.summary


@pytest.mark.parametrize(("layout", "policy"), [(27, "DROP"), (28, "DROP"), (28, "ACCEPT")])
def test_it_is_not_where_the_rules_drop_it(layout: int, policy: str) -> None:
    assert only(host_with(ADDRESS, layout=layout, policy=policy).snapshot(), "publish.direct-access").outcome == "pass"


def test_a_rule_that_cannot_be_told_makes_both_unknown() -> None:
    host = host_with("127.0.0.1", layout=27, policy="ACCEPT")
    host.own_rules["raw", "PREROUTING"] = ["-m bpf --object-pinned /sys/fs/bpf/x -j DROP"]
    for check in ("publish.loopback-leak", "publish.direct-access"):
        finding = judge(host.snapshot(), check)[0]
        assert finding.outcome == "unknown", check


def test_a_container_whose_inside_was_not_read_is_no_pass() -> None:
    snapshot = host_with(ADDRESS, layout=28).snapshot()
    finding = only(replace(snapshot, container_namespaces=[]), "publish.direct-access")
    assert (finding.outcome, finding.resource.name) == ("unknown", "web")


def test_no_container_on_a_bridge_is_reached_by_routing() -> None:
    assert only(DockerHost().snapshot(), "publish.direct-access").outcome == "not_applicable"


# ---- swarm -----------------------------------------------------------------------------------------------------------

MESH = """*nat
:PREROUTING ACCEPT [0:0]
:DOCKER-INGRESS - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER-INGRESS
-A DOCKER-INGRESS -p tcp -m tcp --dport 8088 -j DNAT --to-destination 172.19.0.2:8088
-A DOCKER-INGRESS -p udp -m udp --dport 53 -j DNAT --to-destination 172.19.0.2:53
-A DOCKER-INGRESS -j RETURN
COMMIT
"""


def in_a_swarm(host: SyntheticHost) -> HostSnapshot:
    snapshot = host.snapshot()
    ruleset = snapshot.ruleset and Ruleset({"iptables-nft-save": MESH})
    return replace(snapshot, engine=Engine("26.1.5", "1.45", swarm=True), ruleset=ruleset)


def test_ports_of_the_routing_mesh_are_on_all_addresses() -> None:
    found = failing(in_a_swarm(SyntheticHost()), "publish.wildcard")
    assert set(found) == {f"{WILDCARD}:8088/tcp", f"{WILDCARD}:53/udp"}


def test_ports_of_the_routing_mesh_are_unknown_without_the_rules() -> None:
    finding = only(in_a_swarm(SyntheticHost().unread("ruleset")), "publish.wildcard")
    assert finding.outcome == "unknown"
    assert "in a swarm" in finding.summary
