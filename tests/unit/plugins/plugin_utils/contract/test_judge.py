# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Intents against hosts that exist nowhere: what fulfils them, what violates them, and what they select."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import PublishedPort
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import FAIL, PASS, UNKNOWN, Finding
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link, Route
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot, with_labels
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.context import AuditContext, Settings
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.runner import run_checks
from ansible_collections.dockernet.baseline.plugins.plugin_utils.contract.judge import (
    KEPT,
    UNJUDGED,
    UNMATCHED,
    VIOLATED,
    Judgement,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.contract.reader import read_contract

from tests.unit.docker_host import ADDRESS, WILDCARD, DockerHost
from tests.unit.recorded_host import NAMES, recorded_host


def shop(**options: Any) -> DockerHost:
    """Web is published on all addresses, admin on loopback, db not at all; api is on both networks."""
    host = DockerHost(layout=28, **options)
    front, back = host.network(), host.network()
    host.container("web", [front], [PublishedPort("tcp", 80, WILDCARD, 8080)], [("tcp", 80), ("tcp", 9000)])
    host.container("api", [front, back], [], [("tcp", 8000)])
    host.container("db", [back], [], [("tcp", 5432)])
    host.container("admin", [front], [PublishedPort("tcp", 81, "127.0.0.1", 8081)], [("tcp", 81)])
    return host


def labelled(snapshot: HostSnapshot) -> HostSnapshot:
    labels = {
        "db": {"tier": "data", "com.docker.compose.project": "shop", "com.docker.compose.service": "store"},
        "web": {"tier": "front"},
    }
    containers = [
        replace(item, labels=labels.get(item.name, {}), image=f"registry/{item.name}:1") for item in snapshot.containers
    ]
    return replace(snapshot, containers=containers)


def audit(snapshot: HostSnapshot, contract: dict[str, Any], checks: str = "contract.*") -> list[Finding]:
    settings = Settings(checks=(checks,), contract=read_contract(contract).on("alpha"))
    context = AuditContext(snapshot, settings)
    found = run_checks(context)
    assert context.defects == []
    return found


def judged(host: DockerHost | HostSnapshot, origin: Any, to: Any, expect: str, **more: Any) -> Judgement:
    intent = {"from": origin, "to": to, "expect": expect, "why": "so", **more}
    snapshot = host if isinstance(host, HostSnapshot) else labelled(host.snapshot())
    context = AuditContext(snapshot, Settings(contract=read_contract({"intents": [intent]})))
    return context.judgements[0]


API = {"container": "api"}


@pytest.mark.parametrize("proxy", [True, False])
@pytest.mark.parametrize(
    ("origin", "to", "reached"),
    [
        ("outside", {"container": "web", "port": 80}, True),
        ("outside", {"container": "web", "published": True}, True),
        ("outside", {"container": "web", "port": 9000}, False),
        ("outside", {"container": "db", "port": "any"}, False),
        ("outside", {"container": "admin", "published": True}, False),
        ("host", {"container": "admin", "published": True}, True),
        ("host", {"container": "db", "port": 5432}, True),
        ("host", {"address": ADDRESS, "port": 8080}, True),
        (API, {"container": "db", "port": 5432}, True),
        ({"container": "web"}, {"container": "db", "port": 5432}, False),
        ({"network": "net0"}, {"network": "net0", "port": "any"}, True),
        ({"container": "db"}, {"container": "web", "port": 80, "published": False}, False),
        ({"container": "*"}, {"outside": "any"}, True),
        ("host", "outside", True),
        ("outside", {"address": ADDRESS, "port": 22}, True),
        ("outside", {"address": ADDRESS, "port": 23}, False),
    ],
)
def test_what_is_reached_and_what_is_not(proxy: bool, origin: Any, to: Any, reached: bool) -> None:
    host = shop(proxy=proxy)
    states = {expect: judged(host, origin, to, expect).state for expect in ("reached", "blocked")}
    assert states["reached"] == (KEPT if reached else VIOLATED)
    if to not in ({"container": "admin", "published": True}, {"address": ADDRESS, "port": 22}):
        assert states["blocked"] == (VIOLATED if reached else KEPT)


@pytest.mark.parametrize("proxy", [True, False])
def test_a_published_port_is_asked_at_the_host_by_containers_of_other_networks(proxy: bool) -> None:
    found = judged(shop(proxy=proxy), {"container": "db"}, {"container": "web", "port": 80}, "reached")
    assert found.state == (KEPT if proxy else VIOLATED)


@pytest.mark.parametrize(
    "choice",
    [
        {"container": "db"},
        {"container": "d[ab]"},
        {"image": "registry/db:*"},
        {"label": {"tier": "data"}},
        {"label": {"tier": "d*"}, "network": "net1"},
        {"service": "store"},
        {"service": "shop/store"},
        {"container": ["nobody", "db"]},
    ],
)
def test_each_word_selects_the_container(choice: dict[str, Any]) -> None:
    assert judged(shop(), API, {**choice, "port": 5432}, "reached").state == KEPT
    assert judged(shop(), {"container": "web"}, choice, "blocked").state == KEPT
    assert judged(shop(), choice, {"container": "api", "port": 8000}, "reached").state == KEPT


def test_a_subnet_selects_addresses_in_it() -> None:
    host = shop()
    subnets = [bridge.subnet for bridge in host.networks]
    assert judged(host, {"cidr": subnets[1]}, {"container": "api", "port": 8000}, "reached").state == KEPT
    # api has an address on both; on net1, web does not get to it.
    assert judged(host, {"container": "web"}, {"container": "api", "cidr": subnets[1]}, "blocked").state == KEPT
    assert judged(host, {"container": "web"}, {"container": "api", "cidr": subnets[0]}, "blocked").state == VIOLATED


@pytest.mark.parametrize(
    ("origin", "to", "words"),
    [
        ({"container": "wbe"}, {"container": "db"}, "from selects nothing: there is no container wbe"),
        ({"uplink": "eth7"}, {"container": "db"}, "no uplink of this host (eth0) leads to outside by eth7"),
        ("outside", {"container": "dbs"}, "to selects nothing: there is no container dbs"),
        ("outside", {"label": {"tier": "dta"}}, "to selects nothing: there is no label tier=dta"),
        ("outside", {"container": "db", "port": 5433}, "nothing in db listens on 5433/tcp"),
        ("outside", {"container": "db", "published": True}, "db publishes no any port"),
    ],
)
def test_what_selects_nothing_is_unmatched_unless_it_may(origin: Any, to: Any, words: str) -> None:
    found = judged(shop(), origin, to, "blocked")
    assert (found.state, words in found.reason) == (UNMATCHED, True), found.reason
    assert judged(shop(), origin, to, "blocked", optional=True).state == KEPT


def test_a_container_that_does_not_run_is_named() -> None:
    snapshot = labelled(shop().snapshot())
    stopped = [
        replace(item, pid=None, netns=None, nsid=None) if item.name == "db" else item for item in snapshot.containers
    ]
    found = judged(replace(snapshot, containers=stopped), "outside", {"container": "db"}, "blocked")
    assert (found.state, "db do not run" in found.reason) == (UNMATCHED, True)


def test_a_port_that_has_to_answer_and_is_closed_violates() -> None:
    found = judged(shop(), API, {"container": "db", "port": 5433}, "reached")
    assert found.state == VIOLATED
    assert "nothing in db listens on 5433/tcp" in found.examples[0].reason


# ---- machines outside are not all the same ---------------------------------------------------------------------------


def guarded(*rules: str) -> DockerHost:
    host = shop()
    host.own_rules["filter", "DOCKER-USER"] = list(rules)
    return host


def test_a_port_that_is_open_to_one_network_alone_is_not_blocked() -> None:
    host = guarded("-s 198.51.100.0/24 -i eth0 -j RETURN", "-i eth0 -j DROP")
    to = {"container": "web", "port": 80}
    assert judged(host, "outside", to, "blocked").state == VIOLATED
    assert judged(host, {"outside": "198.51.100.0/24"}, to, "reached").state == KEPT
    assert judged(host, {"outside": "198.51.100.0/24"}, to, "blocked").state == VIOLATED
    assert judged(host, {"outside": "198.51.101.0/24"}, to, "blocked").state == KEPT
    assert judged(host, {"outside": "198.51.0.0/16"}, to, "reached").state == VIOLATED
    assert judged(host, {"outside": "198.51.100.7"}, to, "reached").state == KEPT


def test_one_banned_address_does_not_make_the_port_closed() -> None:
    host = guarded(*(f"-s 198.51.100.{number}/32 -j DROP" for number in range(1, 200)))
    to = {"container": "web", "port": 80}
    assert judged(host, "outside", to, "reached").state == KEPT
    assert judged(host, {"outside": "198.51.100.0/24"}, to, "reached").state == VIOLATED
    assert judged(host, {"outside": "198.51.100.5"}, to, "blocked").state == KEPT


def test_a_rule_about_single_bits_of_addresses_leaves_open_what_no_machine_that_was_asked_shows() -> None:
    """Machines whose address ends in 77 get in, and no range has them."""
    host = guarded("-s 0.0.0.77/0.0.0.255 -i eth0 -j RETURN", "-i eth0 -j DROP")
    to = {"container": "web", "port": 80}
    for expect in ("blocked", "reached"):
        found = judged(host, "outside", to, expect)
        assert found.state == UNJUDGED
        assert "single bits of addresses" in found.reason
        assert "filter DOCKER-USER rule 1: -A DOCKER-USER -s 0.0.0.77/0.0.0.255 -i eth0 -j RETURN" in found.reason
    # One that is named is asked itself; of a network, one that does not get there is enough.
    assert judged(host, {"outside": "198.51.100.77"}, to, "reached").state == KEPT
    assert judged(host, {"outside": "198.51.100.78"}, to, "blocked").state == KEPT
    assert judged(host, {"outside": "198.51.100.0/24"}, to, "reached").state == VIOLATED
    assert judged(host, {"outside": "198.51.100.0/24"}, to, "blocked").state == UNJUDGED
    assert judged(host, "outside", {"address": ADDRESS, "port": 8080}, "blocked").state == UNJUDGED
    # What does not come from outside is as sure as before.
    assert judged(host, API, to, "reached").state == KEPT
    (open_,) = audit(host.snapshot(), {"uncovered": {"outside": "forbid"}, "intents": []}, "contract.uncovered")
    assert (open_.outcome, "single bits of addresses" in open_.summary) == (UNKNOWN, True)


def test_the_same_of_destinations_outside() -> None:
    host = guarded("-d 0.0.0.77/0.0.0.255 -j RETURN", "-o eth0 -j DROP")
    web = {"container": "web"}
    assert judged(host, web, "outside", "blocked").state == UNJUDGED
    assert judged(host, web, "outside", "reached").state == UNJUDGED
    assert judged(host, web, {"outside": "10.0.0.77"}, "reached").state == KEPT
    assert judged(host, web, {"outside": "10.0.0.0/8"}, "blocked").state == UNJUDGED
    assert judged(host, web, {"outside": "10.0.0.0/8"}, "reached").state == VIOLATED
    assert judged(host, "host", "outside", "reached").state == KEPT
    (found,) = audit(host.snapshot(), {"uncovered": {"container": "forbid"}, "intents": []}, "contract.uncovered")[-1:]
    assert (found.outcome, "single bits of addresses" in found.summary) == (UNKNOWN, True)


def test_networks_outside_as_destinations() -> None:
    host = guarded("-d 10.1.0.0/16 -j RETURN", f"-s {DockerHost().network().subnet} -o eth0 -j DROP")
    web = {"container": "web"}
    assert judged(host, web, {"outside": "10.1.0.0/16", "port": 5432}, "reached").state == KEPT
    assert judged(host, web, {"outside": "10.2.0.0/16", "port": 5432}, "blocked").state == KEPT
    assert judged(host, web, "outside", "blocked").state == VIOLATED
    assert judged(host, {"container": "db"}, {"outside": "10.0.0.0/8", "port": 5432}, "reached").state == KEPT
    assert judged(host, web, {"outside": "10.0.0.0/8", "port": 5432}, "reached").state == VIOLATED
    assert judged(host, {"container": "db"}, {"outside": "0.0.0.0/0"}, "reached").state == KEPT
    assert judged(host, {"container": "db"}, {"outside": "169.254.169.254", "port": 80}, "blocked").state == VIOLATED


def test_from_outside_one_uplink_is_enough() -> None:
    host = guarded("-i eth1 -j DROP")
    host.links.append(Link(3, "eth1", up=True, addresses=["198.51.100.10/24"]))
    for to in ({"container": "web", "port": 80}, {"address": ADDRESS, "port": 8080}):
        assert judged(host, "outside", to, "reached").state == KEPT
        assert judged(host, {"uplink": "eth1"}, to, "reached").state == VIOLATED
        assert judged(host, {"uplink": "eth1"}, to, "blocked").state == KEPT
    assert judged(host, {"outside": "192.0.2.0/24"}, {"address": ADDRESS, "port": 8080}, "reached").state == KEPT


def test_of_named_networks_all_machines_have_to_get_there_by_each_uplink() -> None:
    host = guarded("-i eth1 -j DROP")
    host.links.append(Link(3, "eth1", up=True, addresses=["198.51.100.10/24"]))
    routes = [*host.snapshot().routes, Route("198.51.100.0/24", 254, interfaces=[3], source="198.51.100.10")]
    snapshot = replace(host.snapshot(), routes=routes)
    to, near, far = {"container": "web", "published": True}, "192.0.2.0/24", "198.51.100.0/24"
    assert judged(snapshot, {"outside": near}, to, "reached").state == KEPT
    found = judged(snapshot, {"outside": [near, far]}, to, "reached")
    assert (found.state, found.examples[0].origin) == (VIOLATED, f"outside {near} {far} by eth1")
    assert judged(snapshot, {"outside": [near, far], "uplink": "eth0"}, to, "reached").state == KEPT


def test_machines_of_a_named_network_without_a_route_get_no_answer() -> None:
    snapshot = guarded().snapshot()
    snapshot.routes.append(Route("203.0.113.0/24", 254, "blackhole"))
    to = {"container": "web", "published": True}
    assert judged(snapshot, {"outside": "198.51.100.0/24"}, to, "reached").state == KEPT
    assert judged(snapshot, {"outside": ["198.51.100.0/24", "203.0.113.0/24"]}, to, "reached").state == VIOLATED
    assert judged(snapshot, {"outside": ["198.51.100.0/24", "203.0.113.0/24"]}, to, "blocked").state == VIOLATED
    assert judged(snapshot, {"outside": "203.0.113.0/24"}, to, "reached").state == UNMATCHED


def test_a_violated_intent_names_one_that_asks_another_one() -> None:
    host = DockerHost(layout=28)
    network = host.network(icc=False)
    for name in ("one", "two"):
        host.container(name, [network], [], [("tcp", 80)])
    found = judged(host, {"container": "*"}, {"container": "*", "port": 80}, "reached")
    assert found.state == VIOLATED
    assert all(item.origin.split()[1] not in item.destination for item in found.examples), found.examples


# ---- what is not known -----------------------------------------------------------------------------------------------


def test_what_is_undetermined_fulfils_nothing() -> None:
    host = guarded("-m statistic --mode random --probability 0.5 -j DROP")
    for expect in ("reached", "blocked"):
        found = judged(host, "outside", {"container": "web", "port": 80}, expect)
        assert (found.state, "statistic" in found.reason) == (UNJUDGED, True)
    findings = audit(
        host.snapshot(),
        {
            "uncovered": {"outside": "forbid"},
            "intents": [{"from": "outside", "to": {"container": "db"}, "expect": "blocked", "why": "so"}],
        },
    )
    assert {item.check: item.outcome for item in findings}["contract.uncovered"] == UNKNOWN


def test_labels_that_are_withheld_select_nothing_and_say_so() -> None:
    snapshot = with_labels(labelled(shop().snapshot()), "mask")
    found = judged(snapshot, "outside", {"label": {"tier": "data"}}, "blocked")
    assert (found.state, "the option labels withholds" in found.reason) == (UNJUDGED, True)


def test_a_container_on_the_host_s_network_is_asked_by_address() -> None:
    snapshot = labelled(shop().snapshot())
    assert snapshot.daemon is not None
    agent = replace(snapshot.containers[0], id="f" * 64, name="agent", netns=snapshot.daemon.netns, published=[])
    snapshot = replace(snapshot, containers=[*snapshot.containers, agent])
    assert judged(snapshot, "outside", {"container": "agent"}, "blocked").state == UNJUDGED
    assert judged(snapshot, {"container": "agent"}, {"container": "db", "port": 5432}, "reached").state == KEPT


# ---- findings --------------------------------------------------------------------------------------------------------


def test_a_violation_names_the_intent_the_path_and_the_rule() -> None:
    contract = {
        "intents": [
            {"name": "private", "from": "outside", "to": {"container": "web"}, "expect": "blocked", "why": "a secret"},
            {
                "name": "apart",
                "from": {"container": "web"},
                "to": {"container": "db", "port": 5432},
                "expect": "reached",
                "why": "orders",
            },
        ]
    }
    private, apart = audit(shop().snapshot(), contract, "contract.violated")
    assert (private.outcome, private.severity, private.resource.kind) == (FAIL, "high", "intent")
    assert private.summary == f"private: outside by eth0 reaches web:80/tcp at {ADDRESS}:8080"
    assert private.evidence["packet"] == f"outside eth0 to {ADDRESS}:8080/tcp"
    assert "eth0" in private.evidence["path"]["request"]
    assert "-j ACCEPT" in private.evidence["rule"]
    assert "a secret" in private.impact
    assert "raw" in apart.summary
    assert "-j DROP" in apart.evidence["rule"]


@pytest.mark.parametrize(
    ("expect", "rules", "did"),
    [("blocked", [], "reaches"), ("reached", ["-o eth0 -j DROP"], "does not reach")],
)
def test_a_finding_about_machines_outside_says_at_which_port(expect: str, rules: list[str], did: str) -> None:
    intent = {"from": {"container": "web"}, "to": "outside", "expect": expect, "why": "x"}
    (found,) = audit(guarded(*rules).snapshot(), {"intents": [intent]}, "contract.violated")
    assert found.outcome == FAIL
    assert f"container web {did} outside:443/tcp at " in found.summary
    assert found.evidence["to"] == "outside at 443/tcp"


def test_names_are_harmless_on_a_terminal() -> None:
    name = "x\x1b[31m\u202eevil"
    contract = {
        "intents": [
            {"name": name, "from": "outside", "to": {"container": "web"}, "expect": "blocked", "why": name},
            {"from": {"container": name}, "to": {"container": "web"}, "expect": "blocked", "why": "x"},
        ]
    }
    for item in audit(shop().snapshot(), contract):
        assert "\x1b" not in str(item.evidence) + item.summary + item.impact + item.resource.name
        assert "\u202e" not in item.summary


def test_containers_with_hostile_names_are_selected_by_their_names_alone() -> None:
    host = DockerHost()
    name = "a[b]*?\u202e<script>"
    host.container(name, [host.network()], [PublishedPort("tcp", 80, WILDCARD, 80)], [("tcp", 80)])
    found = judged(host.snapshot(), "outside", {"container": "a*"}, "blocked")
    assert found.state == VIOLATED
    assert judged(host.snapshot(), "outside", {"container": "a[b]"}, "blocked").state == UNMATCHED


@pytest.mark.parametrize(("said", "severity"), [("forbid", "high"), ("list", "info")])
def test_what_no_intent_covers_is_found(said: str, severity: str) -> None:
    contract = {"uncovered": {"outside": said}, "intents": []}
    (found,) = audit(shop().snapshot(), contract, "contract.uncovered")
    assert (found.outcome, found.severity, found.resource.name) == (FAIL, severity, "web:80/tcp")
    assert found.summary == f"outside by eth0 reaches web:80/tcp at {ADDRESS}:8080, and no intent covers it"
    assert (set(found.evidence["path"]), "rule" in found.evidence) == ({"request", "reply"}, True)


def test_what_an_intent_covers_is_not_found() -> None:
    def outside(origin: Any) -> list[str]:
        intent = {"from": origin, "to": {"container": "web", "port": 80}, "expect": "reached", "why": "x"}
        contract = {"uncovered": {"outside": "forbid"}, "intents": [intent]}
        return [item.outcome for item in audit(shop().snapshot(), contract, "contract.uncovered")]

    assert outside("outside") == [PASS]
    assert outside({"uplink": "eth*"}) == [PASS]
    assert outside({"outside": "198.51.100.0/24"}) == [FAIL]
    assert outside({"outside": "0.0.0.0/0"}) == [PASS]


def test_containers_and_the_host_are_looked_at_as_well() -> None:
    contract = {
        "uncovered": {"host": "list", "container": "forbid"},
        "intents": [
            {"from": {"network": "net0"}, "to": {"network": "net0", "port": "any"}, "expect": "reached", "why": "x"},
            {"from": {"container": "*"}, "to": "outside", "expect": "reached", "why": "x"},
        ],
    }
    found = {item.resource.name: item for item in audit(shop().snapshot(), contract, "contract.uncovered")}
    # db is on the other network, and gets to what is published.
    assert set(found) == {"web:80/tcp", "web:9000/tcp", "api:8000/tcp", "db:5432/tcp", "admin:81/tcp", "made-up"}
    assert found["db:5432/tcp"].severity == "high"
    assert "api" in found["db:5432/tcp"].evidence["reached by"]
    assert found["web:9000/tcp"].severity == "info"


@pytest.mark.parametrize("name", NAMES)
def test_recorded_hosts(name: str) -> None:
    snapshot = recorded_host(name)
    web = {"container": "web", "port": 80}
    assert judged(snapshot, "outside", web, "reached").state == KEPT
    assert judged(snapshot, "outside", {"container": "web", "published": False}, "blocked").state == KEPT
    assert judged(snapshot, {"network": "front"}, web, "reached").state == KEPT
    assert judged(snapshot, {"container": "db"}, {**web, "published": False}, "blocked").state == KEPT
