# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many hops a packet has left where rules ask for it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import PublishedPort
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import Origin, Packet, Path
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_view import HostView
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.predict import predict

from tests.unit.docker_host import ADDRESS, UPLINK, DockerHost

EGRESS = Packet(Origin("container", "web"), "203.0.113.9", "tcp", 443)
PUBLISHED = Packet(Origin("outside", UPLINK), ADDRESS, "tcp", 8080)
FROM_HOST = Packet(Origin("host"), "172.18.0.2", "tcp", 80)


def path(packet: Packet, *rules: tuple[str, str, str], **settings: str) -> Path:
    """rules: table, chain, and the rule, which goes ahead of dockerd's; settings: of the container."""
    host = DockerHost(proxy=False)
    host.container("web", [host.network()], listen=[("tcp", 80)], publish=[PublishedPort("tcp", 80, ADDRESS, 8080)])
    for table, chain, rule in rules:
        host.own_rules.setdefault((table, chain), []).append(rule)
    sysctls = {f"net.ipv4.{key}": value for key, value in settings.items()}
    host.container_namespaces = [
        replace(space, sysctls={**space.sysctls, **sysctls}) for space in host.container_namespaces
    ]
    return predict(HostView.of(host.snapshot()), packet)


def dropped(packet: Packet, chain: str, words: str, **settings: str) -> str:
    """Answers, of which some come from outside, do not meet the rule."""
    new = "-m conntrack --ctdir ORIGINAL"
    return path(packet, ("mangle", chain, f"{new} -m ttl {words} -j DROP"), **settings).verdict


def test_it_is_64_from_a_container_and_one_less_where_the_host_sends_on() -> None:
    assert dropped(EGRESS, "PREROUTING", "--ttl-eq 64") == "dropped"
    assert dropped(EGRESS, "FORWARD", "--ttl-eq 64") == "delivered"
    assert dropped(EGRESS, "FORWARD", "--ttl-eq 63") == "dropped"
    assert dropped(EGRESS, "POSTROUTING", "--ttl-lt 64") == "dropped"
    assert dropped(EGRESS, "FORWARD", "! --ttl-gt 63") == "dropped"


def test_it_is_64_from_the_host() -> None:
    assert dropped(FROM_HOST, "OUTPUT", "--ttl-eq 64") == "dropped"
    assert dropped(FROM_HOST, "POSTROUTING", "! --ttl-eq 64") == "delivered"


def test_a_namespace_can_begin_with_another_one() -> None:
    assert dropped(EGRESS, "FORWARD", "--ttl-eq 127", ip_default_ttl="128") == "dropped"
    assert dropped(EGRESS, "FORWARD", "--ttl-eq 63", ip_default_ttl="128") == "delivered"


def test_nobody_knows_it_of_answers_from_outside() -> None:
    found = path(EGRESS, ("mangle", "FORWARD", "-m ttl --ttl-eq 64 -j DROP"))
    assert (found.verdict, found.steps[-1].leg) == ("unknown", "reply")


def test_nobody_knows_it_of_what_comes_from_outside() -> None:
    found = path(PUBLISHED, ("mangle", "FORWARD", "-m ttl --ttl-lt 30 -j DROP"))
    assert found.verdict == "unknown"
    assert "-m ttl --ttl-lt 30" in found.because
    fixed = ("mangle", "PREROUTING", "-j TTL --ttl-set 30")
    assert path(PUBLISHED, fixed, ("mangle", "FORWARD", "-m ttl --ttl-eq 29 -j DROP")).verdict == "dropped"


def test_rules_change_it() -> None:
    changed = ("mangle", "PREROUTING", "-i br-000000000000 -j TTL --ttl-inc 2")
    asked = ("filter", "FORWARD", "-m conntrack --ctdir ORIGINAL -m ttl --ttl-eq 65 -j DROP")
    assert path(EGRESS, changed, asked).verdict == "dropped"
    assert path(EGRESS, asked).verdict == "delivered"
    # Of a packet whose hops nobody knows it stays unknown.
    assert path(PUBLISHED, ("mangle", "PREROUTING", "-j TTL --ttl-inc 2"), asked).verdict == "unknown"


@pytest.mark.parametrize(("target", "verdict"), [("--ttl-set 1", "unknown"), ("--ttl-set 64", "delivered")])
def test_where_it_runs_out_nothing_is_claimed(target: str, verdict: str) -> None:
    assert path(EGRESS, ("mangle", "PREROUTING", f"-j TTL {target}")).verdict == verdict
    assert path(EGRESS, ("mangle", "POSTROUTING", f"-j TTL {target}")).verdict == verdict
