# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Whether dockerd's chains and the jumps into them are there."""

from __future__ import annotations

from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine_releases import layout_of
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import HIGH, Remedy, Resource
from ansible_collections.dockernet.baseline.plugins.module_utils._model.network import Network
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import ENGINE, LINKS, RULESET
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import listed
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks import resources
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import (
    Check,
    Verdict,
    failed,
    not_applicable,
    passed,
    unknown,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.examined import Examined
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.firewall.layouts import LAYOUTS
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.firewall.missing_rules import (
    Missing,
    missing_rules,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.outward_networks import outward_networks
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.docker_chains import (
    chains_of_docker,
    unused_chains,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import Chain

_SHOWN = 5
_IMPACT = (
    "What dockerd believes to be in place is not: published ports answer through docker-proxy at best, containers lose "
    "their way out, networks are no longer kept apart. dockerd does not notice, and a container that starts may fail."
)
_REMEDY = Remedy(
    "Restart dockerd: it writes all of its rules anew. Containers are kept only where live-restore is in force. Then "
    "find out what took the rules away (a flush ruleset in /etc/nftables.conf, iptables -F, a reload of a firewall)",
    "daemon_config",
    {"restart": "always"},
)


def _judge(examined: Examined) -> list[Verdict]:
    snapshot = examined.snapshot
    host = resources.host(snapshot)
    missing: dict[int, Missing] = {}
    evidence: dict[str, Any] = {"layout": layout_of(snapshot.engine)}
    reasons: list[str] = []
    doubts: list[str] = []
    for family in (4, 6):
        networks = _networks(examined, family)
        if family == 6 and not networks:
            continue
        told = examined.rule_making[family]
        # Where the file was changed since the start, a restart makes rules all the same, if it says so.
        wanted = told.configured if told.value is None else told.value
        there = bool(chains_of_docker(examined.view.book, family))
        if wanted is False and (told.value is False or not there):
            reasons.append(f"dockerd makes no rules for IPv{family}: {told.evidence}")
        elif wanted is None and not there:
            doubts.append(
                f"there are no rules of dockerd for IPv{family}, and whether it was told to make any is not known: "
                f"{told.evidence}"
            )
        else:
            bridges = [network.bridge or "" for network in networks]
            layout = LAYOUTS[layout_of(snapshot.engine)]
            missing[family] = missing_rules(examined.view.book, layout, family, bridges)
    found = _failed(examined, missing, evidence) or [
        _cut_off(host, chain) for chain in unused_chains(examined.view.book)
    ]
    if found and examined.view.rule_problems:
        return [unknown(host, "; ".join(examined.view.rule_problems), evidence)]
    if found or doubts:
        return [*found, *(unknown(host, doubt, evidence) for doubt in doubts)]
    if not missing:
        return [not_applicable(host, "; ".join(reasons), evidence)]
    families = " and ".join(f"IPv{family}" for family in missing)
    counted = {f"chains and jumps for IPv{family}": item.present for family, item in missing.items()}
    return [passed(host, f"All chains and jumps that dockerd needs are there for {families}", {**evidence, **counted})]


def _networks(examined: Examined, family: int) -> list[Network]:
    """Networks whose bridge is there and has rules like all others."""
    links = {link.name for link in examined.snapshot.links}
    return [
        network
        for network in outward_networks(examined.snapshot, family)
        if network.bridge in links and network.gateway_mode(family) == "nat"
    ]


def _failed(examined: Examined, missing: dict[int, Missing], evidence: dict[str, Any]) -> list[Verdict]:
    """One for the host where what serves all is missing, else one for each network."""
    shared = [f"IPv{family}: {text}" for family, item in missing.items() for text in item.shared]
    if shared:
        names = " and ".join(f"IPv{family}" for family, item in missing.items() if item.shared)
        whole = all(not item.present for item in missing.values() if item.shared)
        some = "All" if whole else "Some"
        texts = [text.partition(": ")[2] for text in shared]
        summary = f"{some} of dockerd's chains and jumps for {names} are gone: {listed(texts, 1)}"
        host = resources.host(examined.snapshot)
        return [failed(host, summary, {**evidence, "missing": shared}, _IMPACT, _REMEDY)]
    by_bridge = {network.bridge: network for network in examined.snapshot.networks}
    lost: dict[str, list[str]] = {}
    for family, item in missing.items():
        for bridge, texts in item.by_bridge.items():
            lost.setdefault(bridge, []).extend(f"IPv{family}: {text}" for text in texts)
    return [
        failed(
            resources.network(by_bridge[bridge]),
            f"Rules of dockerd for network {by_bridge[bridge].name} ({bridge}) are gone: {texts[0].partition(': ')[2]}",
            {**evidence, "missing": texts},
            _IMPACT,
            _REMEDY,
        )
        for bridge, texts in lost.items()
    ]


def _cut_off(host: Resource, chain: Chain) -> Verdict:
    return failed(
        host,
        f"Nothing leads to {chain.name} of table {chain.table_name}: its {len(chain.rules)} rules are not in force",
        {"rules": [rule.text for rule in chain.rules[:_SHOWN]]},
        "Whoever wrote them believes that they filter what goes to and from containers.",
        Remedy(
            "A human puts the jump back as the first rule of FORWARD (iptables -I FORWARD -j DOCKER-USER, ip6tables "
            "for IPv6). dockerd does so when a network is made, and before Docker Engine 28 not when it starts"
        ),
    )


FLUSHED = Check(
    id="firewall.flushed",
    severity=HIGH,
    title="The chains and jumps that dockerd made are there",
    rationale=(
        "dockerd writes its rules when it starts and changes them with each container; it never looks whether they are "
        "still there. Whatever flushes a ruleset takes them away without a word, or cuts off what people filter in "
        "DOCKER-USER."
    ),
    needs=(ENGINE, LINKS, RULESET),
    judge=_judge,
    mended_by=("daemon_config",),
)
