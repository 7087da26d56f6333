# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routes and policy rules that refuse or discard packets, on the host and inside; and what deletes each."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import Finding

from tests.integration.catalogue.cases import judge, of, shown
from tests.integration.snapshots import install_readers, read_host
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.scenario import NetworkSpec, Scenario, Workload

PORT = 8080
SUBNET = "10.88.1.0/24"
OPTIONS = {"com.docker.network.bridge.name": "front0"}
SCENARIO = Scenario(
    [NetworkSpec("front", SUBNET, options=OPTIONS, ipv6_subnet="fd00:88:1::/64")],
    [Workload("web", ["front"], publish=[f"{PORT}:80"], serve=[80])],
)
PUBLISH, EGRESS = "firewall.publish", "firewall.egress"
INTERNET = {4: "128.0.0.0/1", 6: "2000::/3"}
"""Longer than the default route, and all that is outside in the lab is in it."""


@dataclass(frozen=True)
class Way:
    """How packets are refused."""

    command: str
    name: str
    """Of the rule or route in the finding."""
    checks: tuple[str, ...]
    """Those that find it at least: the first engines publish nothing by IPv6."""
    inside: bool = False
    rp_filter: str = "0"
    """Inside of the container."""


WAYS = {
    "rule inside": Way("ip rule add prohibit pref 10", "policy rule 10", (PUBLISH, EGRESS), inside=True),
    "rule inside where sources are checked": Way(
        "ip rule add unreachable pref 10", "policy rule 10", (PUBLISH, EGRESS), inside=True, rp_filter="2"
    ),
    "route inside": Way(
        f"ip route add blackhole {INTERNET[4]}", f"the route to {INTERNET[4]}", (PUBLISH, EGRESS), inside=True
    ),
    "IPv6 rule inside": Way("ip -6 rule add prohibit pref 10", "policy rule 10", (EGRESS,), inside=True),
    "rule of the host": Way(
        f"ip rule add from {SUBNET} to 203.0.113.0/24 iif front0 fwmark 0/7 prohibit pref 20",
        "policy rule 20",
        (EGRESS,),
    ),
    "route of the host": Way(
        "ip route add unreachable 203.0.113.0/24 metric 7", "the route to 203.0.113.0/24", (EGRESS,)
    ),
    "IPv6 route of the host": Way(
        f"ip -6 route add prohibit {INTERNET[6]} metric 7", f"the route to {INTERNET[6]}", (EGRESS,)
    ),
}
# Short is the first: the others are the same mechanism elsewhere.
MARKS = {"rule inside": pytest.mark.engines}
_COMMAND = re.compile(r"delete it: (.+?)\. Then ")


def failed(host: Host) -> dict[str, Finding]:
    findings = [item for check in (PUBLISH, EGRESS) for item in of(judge(read_host(host)), check)]
    return {item.check: item for item in findings if item.outcome != "pass"}


@pytest.mark.parametrize("way", [pytest.param(way, marks=MARKS.get(way, pytest.mark.long)) for way in WAYS])
def test_what_refuses_packets_is_named_and_the_printed_command_deletes_it(fresh_host: Host, lab: Lab, way: str) -> None:
    host, wanted = fresh_host, WAYS[way]
    install_readers(host)
    host.deploy(SCENARIO)
    web = host.container("web")
    web.net(["sh", "-c", f"echo {wanted.rp_filter} > /proc/sys/net/ipv4/conf/all/rp_filter"])
    assert failed(host) == {}
    where = web if wanted.inside else host
    where.net(wanted.command.split())
    # Nothing of what was learnt before is left to get a packet through.
    for place in (host, web):
        place.net(["ip", "neigh", "flush", "all"])
    found = failed(host)
    assert set(found) >= set(wanted.checks), shown(list(found.values()))
    if PUBLISH in wanted.checks:
        assert lab.outside.tcp(host.address, PORT) in ("timed out", "unreachable")
    commands: set[str] = set()
    for finding in found.values():
        assert finding.outcome == "fail"
        assert finding.remediation is not None
        text = finding.remediation.text
        assert f"{wanted.name} of {'container web' if wanted.inside else 'the host'} " in text
        assert ("nsenter -n -t " in text) is wanted.inside
        commands.update(_COMMAND.findall(text))
    (command,) = commands
    host.run(command)
    assert failed(host) == {}
    assert lab.outside.tcp(host.address, PORT) == "answered"
