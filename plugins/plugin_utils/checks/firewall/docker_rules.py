# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Checks of dockerd's own rules: what its layout needs is there, nothing is left over, in one backend, and made at all.

The layouts are from moby at the tags of each: setup_ip_tables*.go and internal/iptabler of the bridge driver, and its
generated listings (integration/network/bridge/iptablesdoc, nftablesdoc). Rules of single ports are not among them, and
neither is DOCKER-USER: what it holds is people's, and before 28 no restart brings it back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ansible_collections.dockernet.baseline.plugins.module_utils._model.dockerd_orders import FLAG, KEYS, RuleMaking
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Network
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine_releases import (
    FORWARD_CHAIN,
    INTERNAL_CHAIN,
    IPSETS,
    ISOLATION,
    NFTABLES,
    layout_of,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import (
    Remediation,
    Resource,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    CONTAINER_NAMESPACES,
    DAEMON_CONFIG,
    ENGINE,
    LINKS,
    PROCESSES,
    RULESET,
    HostSnapshot,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import listed
from ansible_collections.dockernet.baseline.plugins.module_utils._model.topology import running
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks import cis, resources
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import (
    BREAKS,
    BROKEN,
    HYGIENE,
    WEAKNESS,
    Check,
    Grade,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.context import AuditContext, outward_networks
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.verdict import (
    Verdict,
    failed,
    not_applicable,
    passed,
    unknown,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.docker_chains import (
    FAMILIES,
    NATIVE_TABLE,
    USER_CHAIN,
    chains_of_docker,
    facts_in,
    unused_chains,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import address_text
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rule_facts import (
    DEVICE,
    PORT,
    Maps,
    devices_in,
    facts_of,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import (
    DNAT,
    LEGACY,
    NFT,
    Chain,
    Nat,
    Rule,
    RuleBook,
)


@dataclass(frozen=True)
class _Jump:
    """A rule that leads from one chain to another."""

    table: str
    chain: str
    target: str
    direction: str = ""
    """``iif`` or ``oif`` where there is one for each bridge, which it names; empty where one serves all."""


@dataclass(frozen=True)
class _Layout:
    """What must be there for one family."""

    chains: tuple[tuple[str, str], ...]
    """Table and name."""
    jumps: tuple[_Jump, ...]


_NAT = (_Jump("nat", "PREROUTING", "DOCKER"), _Jump("nat", "OUTPUT", "DOCKER"))
_STAGES = (("filter", "DOCKER-ISOLATION-STAGE-1"), ("filter", "DOCKER-ISOLATION-STAGE-2"))
_STAGE_JUMP = _Jump("filter", "DOCKER-ISOLATION-STAGE-1", "DOCKER-ISOLATION-STAGE-2", "iif")
_BASE = (("nat", "DOCKER"), ("filter", "DOCKER"))
_BRIDGE_CHAINS = (("filter", "DOCKER-FORWARD"), ("filter", "DOCKER-CT"), ("filter", "DOCKER-BRIDGE"))
_BRIDGE_JUMPS = (
    _Jump("filter", "FORWARD", "DOCKER-FORWARD"),
    _Jump("filter", "DOCKER-FORWARD", "DOCKER-CT"),
    _Jump("filter", "DOCKER-FORWARD", "DOCKER-BRIDGE"),
    _Jump("filter", "DOCKER-BRIDGE", "DOCKER", "oif"),
)

_LAYOUTS = {
    ISOLATION: _Layout(
        (*_BASE, *_STAGES),
        (
            *_NAT,
            _Jump("filter", "FORWARD", "DOCKER-ISOLATION-STAGE-1"),
            _Jump("filter", "FORWARD", "DOCKER", "oif"),
            _STAGE_JUMP,
        ),
    ),
    IPSETS: _Layout(
        (*_BASE, *_STAGES),
        (
            *_NAT,
            _Jump("filter", "FORWARD", "DOCKER-ISOLATION-STAGE-1"),
            _Jump("filter", "FORWARD", "DOCKER"),
            _STAGE_JUMP,
        ),
    ),
    FORWARD_CHAIN: _Layout(
        (*_BASE, *_STAGES, *_BRIDGE_CHAINS),
        (*_NAT, *_BRIDGE_JUMPS, _Jump("filter", "DOCKER-FORWARD", "DOCKER-ISOLATION-STAGE-1"), _STAGE_JUMP),
    ),
    INTERNAL_CHAIN: _Layout(
        (*_BASE, *_BRIDGE_CHAINS, ("filter", "DOCKER-INTERNAL")),
        (*_NAT, *_BRIDGE_JUMPS, _Jump("filter", "DOCKER-FORWARD", "DOCKER-INTERNAL")),
    ),
    NFTABLES: _Layout(
        tuple(
            ("docker-bridges", name)
            for name in (
                "filter-FORWARD",
                "nat-PREROUTING",
                "nat-OUTPUT",
                "nat-POSTROUTING",
                "nat-prerouting-and-output",
            )
        ),
        (
            _Jump("docker-bridges", "nat-PREROUTING", "nat-prerouting-and-output"),
            _Jump("docker-bridges", "nat-OUTPUT", "nat-prerouting-and-output"),
            _Jump("docker-bridges", "filter-FORWARD", "filter-forward-in__", "oif"),
            _Jump("docker-bridges", "filter-FORWARD", "filter-forward-out__", "iif"),
            _Jump("docker-bridges", "nat-POSTROUTING", "nat-postrouting-in__", "oif"),
            _Jump("docker-bridges", "nat-POSTROUTING", "nat-postrouting-out__", "iif"),
        ),
    ),
}
"""Of nftables, chains of a bridge end in its name."""


_Edge = tuple[str, str, str]
"""Table, chain, and the chain that it leads to."""


INCOMPLETE = "incomplete"
"""Evidence of firewall.flushed, for programs: by ``IPv4`` and ``IPv6`` what lacks something, TRANSLATION or FILTER."""
TRANSLATION, FILTER = "nat", "filter"


class _Gap(NamedTuple):
    """A chain or a jump that is missing."""

    text: str
    part: str
    """TRANSLATION or FILTER."""


@dataclass
class _Missing:
    """Of one family and one of the two backends of the kernel."""

    shared: list[_Gap] = field(default_factory=list)
    """Chains and jumps that serve all networks."""
    by_bridge: dict[str, list[_Gap]] = field(default_factory=dict)
    """Jumps for single bridges."""
    present: int = 0
    """How many of them are there."""


def _missing_rules(book: RuleBook, layout: _Layout, family: int, bridges: list[str]) -> _Missing:
    """What is missing of a layout for one family; of the two backends of the kernel, in the one that has more of it."""
    backends = {chain.backend for chain in book.chains.values() if FAMILIES.get(chain.family) == family}
    found = [_Side(book, backend, family).missing(layout, bridges) for backend in sorted(backends)]
    return max(found, key=lambda item: item.present, default=_Side(book, "", family).missing(layout, bridges))


class _Side:
    """The rules of one family in one backend."""

    def __init__(self, book: RuleBook, backend: str, family: int) -> None:
        self._chains: set[tuple[str, str]] = set()
        self._edges: dict[_Edge, set[str]] = {}
        for chain in book.chains.values():
            if chain.backend != backend or FAMILIES.get(chain.family) != family:
                continue
            self._chains.add((chain.table, chain.name))
            for facts in facts_in(chain.rules):
                for target in facts.jumps:
                    devices = self._edges.setdefault((chain.table, chain.name, target), set())
                    devices.update(f"{name} {key[1]}" for name, key in facts.keys.items() if key[0] == DEVICE)

    def missing(self, layout: _Layout, bridges: list[str]) -> _Missing:
        result = _Missing()
        for table, name in layout.chains:
            if (table, name) in self._chains:
                result.present += 1
            else:
                result.shared.append(_Gap(f"chain {name} of table {table}", _part_of(table, name)))
        for jump in layout.jumps:
            if not jump.direction:
                self._look(jump, result.shared, result)
        for bridge in bridges:
            lost: list[_Gap] = []
            for jump in layout.jumps:
                if jump.direction:
                    self._look(jump, lost, result, bridge)
            if lost:
                result.by_bridge[bridge] = lost
        return result

    def _look(self, jump: _Jump, lost: list[_Gap], result: _Missing, bridge: str = "") -> None:
        target = f"{jump.target}{bridge}" if jump.target.endswith("__") else jump.target
        devices = self._edges.get((jump.table, jump.chain, target))
        if devices is not None and (not bridge or f"{jump.direction} {bridge}" in devices):
            result.present += 1
            return
        whose = f" for {bridge}" if bridge else ""
        text = f"jump from {jump.chain} of table {jump.table} to {target}{whose}"
        lost.append(_Gap(text, _part_of(jump.table, jump.chain)))


def _part_of(table: str, chain: str) -> str:
    """What a chain of one of the layouts does; of nftables, its name begins with that."""
    return TRANSLATION if table == "nat" or chain.startswith("nat-") else FILTER


_SHOWN = 5
_FLUSHED_IMPACT = (
    "Published ports answer through docker-proxy at best, containers lose outbound access, and networks are no longer "
    "isolated. dockerd does not notice, and starting a container may fail."
)
_REMEDIATION = Remediation(
    "Restart dockerd, which recreates all its rules; containers keep running only if live-restore is effective. Then "
    "find out what removed the rules (a flush ruleset in /etc/nftables.conf, iptables -F, a reload of a firewall)",
    "daemon_config",
    {"restart": "always"},
)


def _judge_flushed(context: AuditContext) -> list[Verdict]:
    snapshot = context.snapshot
    host = resources.host(snapshot)
    missing: dict[int, _Missing] = {}
    evidence: dict[str, Any] = {"layout": layout_of(snapshot.engine)}
    reasons: list[str] = []
    doubts: list[str] = []
    for family in (4, 6):
        networks = _networks(context, family)
        if family == 6 and not networks:
            continue
        making = context.rule_making[family]
        # Where the file was changed since the start, a restart makes rules all the same, if it says so.
        wanted = making.configured if making.value is None else making.value
        there = bool(chains_of_docker(context.view.book, family))
        if wanted is False and (making.value is False or not there):
            reasons.append(f"dockerd creates no rules for IPv{family}: {making.evidence}")
        elif wanted is None and not there:
            doubts.append(
                f"there are no rules of dockerd for IPv{family}, and it is not known whether it is configured to "
                f"create any: {making.evidence}"
            )
        else:
            bridges = [network.bridge or "" for network in networks]
            layout = _LAYOUTS[layout_of(snapshot.engine)]
            missing[family] = _missing_rules(context.view.book, layout, family, bridges)
    found = _flushed_failed(context, missing, evidence) or [
        _cut_off(host, chain) for chain in unused_chains(context.view.book)
    ]
    if found and context.view.rule_problems:
        return [unknown(host, "; ".join(context.view.rule_problems), evidence)]
    if found or doubts:
        return [*found, *(unknown(host, doubt, evidence) for doubt in doubts)]
    if not missing:
        return [not_applicable(host, "; ".join(reasons), evidence)]
    families = " and ".join(f"IPv{family}" for family in missing)
    counted = {f"chains and jumps for IPv{family}": item.present for family, item in missing.items()}
    return [passed(host, f"All chains and jumps that dockerd needs exist for {families}", {**evidence, **counted})]


def _networks(context: AuditContext, family: int) -> list[Network]:
    """Networks whose bridge is there and has rules like all others."""
    links = {link.name for link in context.snapshot.links}
    return [
        network
        for network in outward_networks(context.snapshot, family)
        if network.bridge in links and network.gateway_mode(family) == "nat"
    ]


def _flushed_failed(context: AuditContext, missing: dict[int, _Missing], evidence: dict[str, Any]) -> list[Verdict]:
    """One for the host where what serves all is missing, else one for each network."""
    shared = [(family, gap) for family, item in missing.items() for gap in item.shared]
    if shared:
        names = " and ".join(f"IPv{family}" for family, item in missing.items() if item.shared)
        whole = all(not item.present for item in missing.values() if item.shared)
        some = "All" if whole else "Some"
        texts = [gap.text for dummy, gap in shared]
        summary = f"{some} of dockerd's chains and jumps for {names} are missing: {listed(texts, 1)}"
        host = resources.host(context.snapshot)
        return [failed(host, summary, {**evidence, **_evidence_of(shared)}, _FLUSHED_IMPACT, _REMEDIATION)]
    by_bridge = {network.bridge: network for network in context.snapshot.networks}
    lost: dict[str, list[tuple[int, _Gap]]] = {}
    for family, item in missing.items():
        for bridge, gaps in item.by_bridge.items():
            lost.setdefault(bridge, []).extend((family, gap) for gap in gaps)
    return [
        failed(
            resources.network(by_bridge[bridge]),
            f"Network {by_bridge[bridge].name} ({bridge}): rules of dockerd are missing: {parts[0][1].text}",
            {**evidence, **_evidence_of(parts)},
            _FLUSHED_IMPACT,
            _REMEDIATION,
        )
        for bridge, parts in lost.items()
    ]


def _evidence_of(gaps: list[tuple[int, _Gap]]) -> dict[str, Any]:
    parts: dict[str, dict[str, None]] = {}
    for family, gap in gaps:
        parts.setdefault(f"IPv{family}", {})[gap.part] = None
    return {
        "missing": [f"IPv{family}: {gap.text}" for family, gap in gaps],
        INCOMPLETE: {family: list(found) for family, found in parts.items()},
    }


def _cut_off(host: Resource, chain: Chain) -> Verdict:
    return failed(
        host,
        f"Chain {chain.name} of table {chain.table_name}: no rule jumps to it, so its {len(chain.rules)} rules are "
        "not effective",
        {"rules": [rule.text for rule in chain.rules[:_SHOWN]]},
        "These rules are meant to filter traffic of containers; they filter nothing.",
        Remediation(
            "Restore the jump as the first rule of FORWARD (iptables -I FORWARD -j DOCKER-USER, ip6tables for IPv6). "
            "dockerd itself does so when a network is created; before Docker Engine 28, not at its start"
        ),
    )


FLUSHED = Check(
    id="firewall.flushed",
    grades=(Grade(BROKEN, "rules that dockerd relies on are missing"),),
    title="dockerd's chains and jumps exist",
    rationale=(
        "dockerd writes its rules at its start and changes them with each container; it never checks whether they "
        "still exist. A flushed ruleset removes them silently, or disconnects the users' own rules in DOCKER-USER."
    ),
    needs=(ENGINE, LINKS, RULESET),
    judge=_judge_flushed,
    remediated_by=("daemon_config",),
)


# As moby names bridges of networks that were given no other name.
_BRIDGE = re.compile(r"docker0|br-[0-9a-f]{12}")


class _Found(NamedTuple):
    chain: Chain
    rule: Rule

    @property
    def text(self) -> str:
        """For people."""
        return f"{self.chain.table_name} {self.chain.name} rule {self.rule.number}: {self.rule.text}"


def _judge_stale(context: AuditContext) -> list[Verdict]:
    snapshot, view = context.snapshot, context.view
    host = resources.host(snapshot)
    chains = [chain for family in (4, 6) for chain in chains_of_docker(view.book, family)]
    found = [
        *_for_gone_interfaces(snapshot, list(view.book.chains.values()), chains),
        *_to_gone_containers(snapshot, chains),
    ]
    if view.rule_problems:
        found.append(unknown(host, "; ".join(view.rule_problems)))
    if found:
        return found
    if not chains:
        return [not_applicable(host, "There are no rules of dockerd")]
    evidence = {"rules of dockerd": sum(len(chain.rules) for chain in chains)}
    return [passed(host, "Every rule of dockerd is for an existing container and interface", evidence)]


def _for_gone_interfaces(snapshot: HostSnapshot, every: list[Chain], own: list[Chain]) -> Iterator[Verdict]:
    """Rules for interfaces that do not exist: any in dockerd's chains, and bridges by dockerd's names elsewhere."""
    there = {link.name for link in snapshot.links} | {network.bridge for network in snapshot.networks}
    keys = {chain.key for chain in own if chain.name != USER_CHAIN}
    gone: dict[str, list[_Found]] = {}
    maps = Maps()
    for chain in every:
        if chain.family not in FAMILIES:
            continue
        for rule in chain.rules:
            for name in devices_in(facts_of(rule)).union(*(facts.devices for facts in maps.of(rule))):
                if name not in there and name != "lo" and (chain.key in keys or _BRIDGE.fullmatch(name)):
                    gone.setdefault(name, []).append(_Found(chain, rule))
    for name, rules in gone.items():
        summary = f"{name}: {len(rules)} rules remain for this interface, which does not exist"
        yield failed(resources.interface(name), summary, _evidence(rules), _STALE_IMPACT, _remediation(rules))


def _to_gone_containers(snapshot: HostSnapshot, chains: list[Chain]) -> Iterator[Verdict]:
    addresses = _addresses(snapshot)
    gone: dict[str, tuple[str, list[_Found]]] = {}
    for chain in chains:
        family = FAMILIES[chain.family]
        for rule in chain.rules:
            for statement in rule.statements:
                if not isinstance(statement, Nat) or statement.kind != DNAT or statement.addresses is None:
                    continue
                text = address_text(family, statement.addresses[0])
                if text not in addresses:
                    ports = [str(value) for kind, value in facts_of(rule).conditions if kind == PORT]
                    name = f"{'/'.join(ports) or 'any port'} to {text}"
                    gone.setdefault(name, (text, []))[1].append(_Found(chain, rule))
    for name, (text, rules) in gone.items():
        summary = f"Port {name}: rules still publish it for {text}, which no running container has"
        yield failed(Resource("port", name), summary, _evidence(rules), _STALE_IMPACT, _remediation(rules))


def _addresses(snapshot: HostSnapshot) -> set[str]:
    """Of running containers: those that the daemon gave, and those inside, which in a swarm are more."""
    given = (
        text
        for item in running(snapshot)
        for endpoint in item.endpoints
        for text in (endpoint.address, endpoint.address6)
        if text
    )
    inside = (
        text.partition("/")[0]
        for space in snapshot.container_namespaces
        for link in space.links
        for text in link.addresses
    )
    return {*given, *inside}


_STALE_IMPACT = (
    "The rules match packets for containers that no longer exist. When the address or name is assigned again, they "
    "apply to its new owner: a port of another container is then open or closed for no visible reason."
)


def _evidence(rules: list[_Found]) -> dict[str, object]:
    return {"number of rules": len(rules), "rules": [found.text for found in rules[:_SHOWN]]}


def _remediation(rules: list[_Found]) -> Remediation:
    if any(found.chain.name.startswith("DOCKER") or found.chain.table == NATIVE_TABLE for found in rules):
        return Remediation(
            "Restart dockerd, which flushes its own chains and recreates their rules. Delete its rules in other chains "
            "(FORWARD, POSTROUTING) one by one (iptables -D)"
        )
    return Remediation("Delete the rules one by one (iptables -D, nft delete rule): dockerd no longer knows them")


STALE = Check(
    id="firewall.stale",
    grades=(Grade(HYGIENE, "rules remain for containers or interfaces that no longer exist"),),
    title="dockerd has no stale rules",
    rationale=(
        "dockerd removes rules together with their container or network. After a kill, a lost state or a downgrade, "
        "they stay."
    ),
    needs=(ENGINE, LINKS, CONTAINER_NAMESPACES, RULESET),
    judge=_judge_stale,
    finds_orphans=True,
)


_BACKEND_NAMES = {NFT: "nf_tables", LEGACY: "legacy"}


def _judge_mixed(context: AuditContext) -> list[Verdict]:
    host = resources.host(context.snapshot)
    book = context.view.book
    families: dict[str, dict[int, list[str]]] = {NFT: {}, LEGACY: {}}
    for family in (4, 6):
        for chain in chains_of_docker(book, family):
            if chain.table == NATIVE_TABLE:
                continue
            families[chain.backend].setdefault(family, []).append(f"{chain.table_name} {chain.name}")
    evidence = {
        f"chains in {_BACKEND_NAMES[backend]}": [text for texts in found.values() for text in texts]
        for backend, found in families.items()
    }
    both = [f"IPv{family}" for family in families[NFT] if family in families[LEGACY]]
    if both:
        return [_mixed_failed(context, both, evidence)]
    if context.view.rule_problems:
        return [unknown(host, "; ".join(context.view.rule_problems), evidence)]
    if not any(families.values()):
        return [not_applicable(host, "dockerd has no rules in iptables", evidence)]
    backend = " and ".join(_BACKEND_NAMES[backend] for backend, found in families.items() if found)
    return [passed(host, f"Docker's rules are in one backend of iptables: {backend}", evidence)]


def _mixed_failed(context: AuditContext, both: list[str], evidence: dict[str, list[str]]) -> Verdict:
    names = " and ".join(both)
    return failed(
        resources.host(context.snapshot),
        f"Docker's rules for {names}: both iptables-legacy and iptables-nft have some, and every packet passes both",
        evidence,
        "dockerd updates one set only. The other one drops and translates packets by its old state, so that ports and "
        "networks fail for no reason that dockerd's current rules show.",
        Remediation(
            "Decide which of the two to use (update-alternatives --display iptables), flush Docker's chains in the "
            "other (iptables-legacy -F, -X, or iptables-nft), and restart dockerd"
        ),
    )


MIXED = Check(
    id="firewall.mixed",
    grades=(Grade(BREAKS, "the rules that dockerd no longer updates still apply"),),
    title="Docker's rules are in one backend of iptables",
    rationale=(
        "The kernel has two sets of tables, and the alternative behind the command iptables decides which one dockerd "
        "writes to. After a change on a running host, the old rules stay effective beside the new ones."
    ),
    needs=(ENGINE, RULESET),
    judge=_judge_mixed,
)


_FAMILY_NAMES = {4: "IPv4", 6: "IPv6"}


def _judge_disabled(context: AuditContext) -> list[Verdict]:
    snapshot = context.snapshot
    families = [family for family in (4, 6) if outward_networks(snapshot, family)]
    if not families:
        return [not_applicable(resources.daemon(), "There is no bridge network that is not internal")]
    making = {family: context.rule_making[family] for family in families}
    there = {family: len(chains_of_docker(context.view.book, family)) for family in families}
    evidence = {KEYS[family]: item.evidence for family, item in making.items()}
    evidence.update({f"chains of dockerd for {_FAMILY_NAMES[family]}": str(number) for family, number in there.items()})
    off = {family: item for family, item in making.items() if item.value is False}
    if off:
        return [_off(context, off, there, evidence)]
    # Where the file was changed since, rules that are there say enough.
    doubts = [item.evidence for family, item in making.items() if item.value is None and not there[family]]
    if doubts:
        doubts += context.view.rule_problems
        return [unknown(resources.daemon(), "; ".join(doubts), evidence)]
    names = " and ".join(_FAMILY_NAMES[family] for family in families)
    return [passed(resources.daemon(), f"dockerd creates rules for {names}", evidence)]


def _off(context: AuditContext, off: dict[int, RuleMaking], there: dict[int, int], evidence: dict[str, str]) -> Verdict:
    names = " and ".join(f"{_FAMILY_NAMES[family]} ({item.evidence})" for family, item in off.items())
    left = [_FAMILY_NAMES[family] for family in off if there[family]]
    old = f" Existing rules for {' and '.join(left)} are stale: dockerd no longer updates them." if left else ""
    impact = (
        "Networks are not isolated, and unpublished ports are open. Only docker-proxy serves published ports, and "
        f"containers have outbound access only if another program masquerades.{old}"
    )
    return failed(
        resources.daemon(),
        f"dockerd creates no rules for {names}: its networks are not isolated",
        evidence,
        impact,
        let_dockerd_make_rules(context, off),
    )


def let_dockerd_make_rules(context: AuditContext, off: dict[int, RuleMaking]) -> Remediation:
    """How dockerd is told to make rules for these families, 4 and 6, again."""
    keys = " and ".join(KEYS[family] for family in off)
    if any(item.by == FLAG for item in off.values()):
        return Remediation(
            f"Decide whether dockerd is to create rules. If so, remove the flag ({keys}) from the unit that starts "
            "dockerd, then restart it"
        )
    text = (
        f"Enable dockerd's rules ({keys}) and restart dockerd. Unpublished ports are closed from then on, and outbound "
        "traffic of containers is masqueraded"
    )
    if 6 in off:
        text += "; before Docker Engine 28, IPv6 is then forwarded only for containers"
    absent = [KEYS[family] for family in off if _default(context, family)]
    # Engines that have it off by default want "experimental" with it.
    config = {KEYS[family]: True for family in off if not _default(context, family)}
    config.update({"experimental": True} if config else {})
    args = {**({"absent": absent} if absent else {}), **({"config": config} if config else {})}
    return Remediation(text, "daemon_config", args)


def _default(context: AuditContext, family: int) -> bool:
    return family == 4 or context.capabilities.ip6tables_by_default


DISABLED = Check(
    id="firewall.disabled",
    grades=(Grade(WEAKNESS, "no rule of dockerd isolates its networks"),),
    title="dockerd creates the rules that its networks need",
    rationale=(
        "With iptables or ip6tables off, a network has neither isolation nor masquerading, and every port of every "
        "container is open to every machine that can route to it. IPv6 counts only if there is an IPv6 network."
    ),
    needs=(ENGINE, RULESET, DAEMON_CONFIG, PROCESSES),
    judge=_judge_disabled,
    cis=cis.IPTABLES,
    remediated_by=("daemon_config",),
)
