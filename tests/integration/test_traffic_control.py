# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters, queueing disciplines and programs that can keep packets, held against real packets that they keep.

The machine's kernel decides what can be tried: redirecting to a link that leads nowhere stands for all that keeps
frames, mirroring and classifying for what does not.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.differential.observing import Attempt, observe
from tests.differential.reachability_machines import prepare
from tests.integration.catalogue.cases import judge, of
from tests.integration.catalogue.scenario import PORT, make_healthy
from tests.integration.snapshots import install_readers, read_host
from tests.lab.ansible_runs import ansible_module
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.vantage import Vantage

pytestmark = pytest.mark.long

ATTACH = Path(__file__).with_name("bpf_program.py").read_text()
TCP = "u32 match ip protocol 6 0xff"
PUBLISHED = f"u32 match ip dport {PORT} 0xffff"
REDIRECT = "action mirred egress redirect dev sink0"
MIRROR = "action mirred egress mirror dev sink0"
KEEPS = "u32, action mirred"
SMALL = "root tbf rate 8bit burst 10 limit 10"


@dataclass(frozen=True)
class Place:
    """A link of the host, or of a container."""

    vantage: Vantage
    link: str
    where: str
    """As messages name it."""

    def tc(self, words: str) -> None:
        what, action, *rest = words.split()
        self.vantage.net(["tc", what, action, "dev", self.link, *rest])

    @contextmanager
    def attached(self, kind: str) -> Iterator[None]:
        """With a program that drops everything: ``xdp`` or ``tcx``."""
        argv = ["python3", "-c", ATTACH, kind, self.link]
        self.vantage.net([*argv, "on"])
        try:
            yield
        finally:
            self.vantage.net([*argv, "off"])


@pytest.fixture
def host(fresh_host: Host) -> Iterator[Host]:
    install_readers(fresh_host)
    make_healthy(fresh_host)
    sinks = [fresh_host, fresh_host.container("web")]
    for vantage in sinks:
        vantage.net(["ip", "link", "add", "sink0", "type", "veth", "peer", "name", "sink1"])
        for name in ("sink0", "sink1"):
            vantage.net(["ip", "link", "set", name, "up"])
    yield fresh_host
    for place in ("clsact", "root"):
        fresh_host.net(["tc", "qdisc", "del", "dev", "eth0", place], check=False)


@pytest.fixture
def outcome(host: Host, lab: Lab) -> Callable[[], tuple[str, str]]:
    """What a machine outside sees of the port of web, and what is said of it: pass, or why it is unknown."""
    prepare(lab)

    def found() -> tuple[str, str]:
        attempt = Attempt(lab.outside.path, "tcp", host.address, PORT, host.host_name.place)
        (seen,) = observe([attempt])
        findings = [item for item in of(judge(read_host(host)), "firewall.publish") if item.outcome != "pass"]
        assert {item.outcome for item in findings} <= {"unknown"}
        return seen.seen, "; ".join(item.summary for item in findings)

    return found


def places(host: Host) -> list[Place]:
    """The uplink, the bridge, the port of web, and the link inside of it."""
    web = host.container("web")
    (inside,) = json.loads(web.net(["ip", "-j", "link", "show", "dev", "eth0"]).out)
    links = json.loads(host.net(["ip", "-j", "link"]).out)
    port = next(link["ifname"] for link in links if link["ifindex"] == inside["link_index"])
    return [
        Place(host, "eth0", "eth0"),
        Place(host, "front0", "front0"),
        Place(host, port, port),
        Place(web, "eth0", "eth0 of container web"),
    ]


def test_filters_that_keep_packets(host: Host, outcome: Callable[[], tuple[str, str]]) -> None:
    """At the uplink, at the bridge, at its port, and inside the container; one that keeps none does no harm."""
    assert outcome() == ("answered", "")
    for place in places(host):
        place.tc("qdisc add clsact")
        for direction in ("ingress", "egress"):
            place.tc(f"filter add {direction} pref 5 protocol ip {TCP} {MIRROR}")
            place.tc(f"filter add {direction} pref 6 protocol ip {TCP} flowid 1:1")
        assert outcome() == ("answered", "")
        for direction in ("ingress", "egress"):
            place.tc(f"filter del {direction}")
            place.tc(f"filter add {direction} pref 7 protocol ip {TCP} {REDIRECT}")
            seen, told = outcome()
            assert seen == "timed out"
            assert f"a tc filter on {place.where} ({direction}, {KEEPS}) does with its frames; see " in told
            assert f"tc filter show dev {place.link} {direction}" in told
            place.tc(f"filter del {direction} pref 7")
        place.tc("qdisc del clsact")
    assert outcome() == ("answered", "")
    places(host)[0].tc("qdisc add clsact")
    places(host)[0].tc(f"filter add ingress protocol ip {PUBLISHED} {REDIRECT}")
    trace = ansible_module(host, "dockernet.baseline.packet_trace", {"from": "outside", "to": "web:80/tcp"})
    assert trace["path"]["verdict"] == "unknown"
    assert "see tc filter show dev eth0 ingress" in trace["path"]["reason"]


@pytest.mark.kinds("debian12", "debian13", "debian13-docker28")
def test_rules_of_nftables_at_devices(host: Host, outcome: Callable[[], tuple[str, str]]) -> None:
    """Those for what leaves came with nft 1.0.1."""
    uplink, bridge, port, dummy = places(host)
    tried = [(uplink, "ingress"), *((place, "egress") for place in (uplink, bridge, port)), (port, "ingress")]
    for place, hook in tried:
        chain = f'type filter hook {hook} device "{place.link}" priority 0;'
        host.run(["nft", f"add table netdev guard; add chain netdev guard at {{ {chain} }}"])
        assert outcome() == ("answered", "")
        host.run(["nft", "add rule netdev guard at meta l4proto tcp drop"])
        seen, told = outcome()
        assert seen == "timed out"
        assert "what the rules of chain at (netdev guard) do with its frames" in told
        host.run(["nft", "delete table netdev guard"])


def test_queueing_disciplines_and_programs_that_keep_packets(
    host: Host, outcome: Callable[[], tuple[str, str]]
) -> None:
    for place in places(host):
        place.tc(f"qdisc add {SMALL}")
        seen, told = outcome()
        assert seen != "answered"
        assert f"the queueing discipline tbf on {place.where} lets pass" in told
        place.tc("qdisc del root")
    assert outcome() == ("answered", "")
    _try_programs(host, outcome)


def _try_programs(host: Host, outcome: Callable[[], tuple[str, str]]) -> None:
    release = tuple(int(part) for part in host.run(["uname", "-r"]).out.split(".")[:2])
    kinds = {"xdp": "an XDP program on {}", **({"tcx": "a tcx program on {} (ingress)"} if release >= (6, 6) else {})}
    for place in (places(host)[0], places(host)[-1]):
        for kind, words in kinds.items():
            with place.attached(kind):
                seen, told = outcome()
            assert seen != "answered"
            assert words.format(place.where) in told
    assert outcome() == ("answered", "")
