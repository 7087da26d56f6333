# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Published weaknesses of dockerd's networking: which releases have them, when they matter, and whether they do here.

Sources: the advisories (GHSA) of moby, and the release notes of the releases that fixed them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Engine, Network
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import HIGH, MEDIUM, Remediation
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    CONTAINER_NAMESPACES,
    ENGINE,
    NAMESERVERS,
    NAMESPACES,
    RULESET,
    HostSnapshot,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import listed
from ansible_collections.dockernet.baseline.plugins.module_utils._model.topology import running
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks import resources
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import (
    OPEN,
    WEAKNESS,
    Check,
    Grade,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.context import AuditContext
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.firewall.dispositions import without_namespace
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.verdict import Verdict, failed, passed, unknown
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import is_loopback_text

Release = tuple[int, int, int]

_CHAINS_OF_FIREWALLD = re.compile(r"^:(IN_public|INPUT_ZONES|FWDI_\S+) ", re.MULTILINE)
_NAMED = 5
_TABLE_OF_FIREWALLD = re.compile(r'"table":\s*\{[^}]*"name":\s*"firewalld"')


@dataclass(frozen=True)
class Condition:
    """Whether what a weakness takes is there; None where that is not known."""

    met: bool | None
    shown: str


@dataclass(frozen=True)
class Advisory:
    """One weakness."""

    id: str
    ranges: tuple[tuple[Release, Release], ...]
    """From the first release that has it up to, but for it, the one that has it no more."""
    what: str
    """What it lets happen."""
    fixed_in: str
    condition: Callable[[HostSnapshot], Condition]
    severity: str

    def concerns(self, release: Release) -> bool:
        """Whether a release has it."""
        return any(first <= release < fixed for first, fixed in self.ranges)


def _firewalld(snapshot: HostSnapshot) -> Condition:
    driver = (snapshot.engine.firewall_driver if snapshot.engine else None) or ""
    if "firewalld" in driver:
        return Condition(True, f"dockerd works with firewalld ({driver})")
    ruleset = snapshot.ruleset
    if ruleset is None or not snapshot.was_read(RULESET):
        return Condition(None, "whether firewalld runs: the ruleset was not read")
    if any(_CHAINS_OF_FIREWALLD.search(text) for text in ruleset.save.values()):
        return Condition(True, "firewalld's chains are in the ruleset")
    has_table = any(table.partition(" ")[2] == "firewalld" for table in ruleset.nft_tables or ())
    if has_table or _TABLE_OF_FIREWALLD.search(ruleset.nft_json or ""):
        return Condition(True, "firewalld's table is in the ruleset")
    return Condition(False, "nothing of firewalld is in the ruleset")


def _firewalld_and_loopback_port(snapshot: HostSnapshot) -> Condition:
    ports = [
        f"{item.name} {port}" for item in running(snapshot) for port in item.published if is_loopback_text(port.address)
    ]
    if not ports:
        return Condition(False, "no port is published on a loopback address")
    firewalld = _firewalld(snapshot)
    return Condition(firewalld.met, f"{firewalld.shown}, and published on loopback: {', '.join(ports)}")


def _firewalld_and_encrypted_overlay(snapshot: HostSnapshot) -> Condition:
    names = [item.name for item in snapshot.networks if item.driver == "overlay" and "encrypted" in item.options]
    if not names:
        return Condition(False, "there is no encrypted overlay network")
    firewalld = _firewalld(snapshot)
    return Condition(firewalld.met, f"{firewalld.shown}, and there are encrypted overlay networks: {', '.join(names)}")


def _ipv6_where_there_is_none(snapshot: HostSnapshot) -> Condition:
    if not (snapshot.was_read(CONTAINER_NAMESPACES) and snapshot.was_read(NAMESPACES)):
        return Condition(None, "whether containers have IPv6 on IPv4 networks: their namespaces were not read")
    with_ipv6 = {item.id for item in snapshot.networks if item.ipv6}
    inside = {item.inode: item for item in snapshot.container_namespaces}
    on_ipv4 = [
        item
        for item in running(snapshot)
        if item.endpoints and not any(end.network_id in with_ipv6 for end in item.endpoints)
    ]
    for container in on_ipv4:
        namespace = inside.get(container.netns or 0)
        links = [] if namespace is None else namespace.links
        found = [text for link in links for text in link.addresses if ":" in text and link.name != "lo"]
        if found:
            return Condition(True, f"{container.name} is on IPv4 networks alone, and has {found[0]}")
    missing = {item.id for item in without_namespace(snapshot)}
    unread = [item.name for item in on_ipv4 if item.id in missing]
    if unread:
        return Condition(None, f"whether {listed(unread, _NAMED)} on IPv4 networks have IPv6 addresses")
    return Condition(False, "no container on IPv4 networks has an IPv6 address")


def _internal_and_local_resolver(snapshot: HostSnapshot) -> Condition:
    internal = {item.id: item for item in snapshot.networks if item.internal and item.driver == "bridge"}
    users = _only_on(snapshot, internal)
    if not users:
        return Condition(False, "no running container is on internal networks alone")
    if not snapshot.was_read(NAMESERVERS):
        return Condition(
            None, "whether the host uses a name server on a loopback address: its resolver configuration was not read"
        )
    local = [text for text in snapshot.nameservers if is_loopback_text(text)]
    if not local:
        return Condition(False, "the host's name servers are on no loopback address")
    shown = f"the host uses the name server {local[0]}; on internal networks only: {', '.join(users)}"
    return Condition(True, shown)


def _only_on(snapshot: HostSnapshot, networks: dict[str, Network]) -> list[str]:
    return [
        item.name
        for item in running(snapshot)
        if item.endpoints and all(end.network_id in networks for end in item.endpoints)
    ]


_FIRST: Release = (0, 0, 1)

ADVISORIES = (
    Advisory(
        "CVE-2025-54410",
        ((_FIRST, (25, 0, 13)), ((26, 0, 0), (28, 0, 0))),
        "A reload of firewalld removes the rules that isolate bridge networks, and dockerd does not restore them: "
        "every container then reaches every port of the containers on other networks.",
        "25.0.13, 28.0.0",
        _firewalld,
        MEDIUM,
    ),
    Advisory(
        "CVE-2025-54388",
        (((28, 2, 0), (28, 3, 3)),),
        "A reload of firewalld removes the rules that protect ports published on loopback addresses: machines on the "
        "same link then reach them.",
        "28.3.3",
        _firewalld_and_loopback_port,
        MEDIUM,
    ),
    Advisory(
        "CVE-2024-32473",
        (((26, 0, 0), (26, 0, 2)),),
        "Containers on networks without IPv6 still have IPv6 on their interfaces. They reach IPv6 hosts on the same "
        "link and are reached by them; no IPv4 rule applies.",
        "26.0.2",
        _ipv6_where_there_is_none,
        HIGH,
    ),
    Advisory(
        "CVE-2024-29018",
        ((_FIRST, (23, 0, 11)), ((24, 0, 0), (25, 0, 5))),
        "dockerd forwards the DNS queries of containers on internal networks to the host's resolver: a container can "
        "send data out in the names it queries, although its network is internal.",
        "23.0.11, 25.0.5, 26.0.0",
        _internal_and_local_resolver,
        HIGH,
    ),
    Advisory(
        "CVE-2026-115538",
        ((_FIRST, (29, 9, 3)),),
        "A reload of firewalld removes the rules that protect encrypted overlay networks of a swarm: unencrypted "
        "packets are then accepted.",
        "29.9.3",
        _firewalld_and_encrypted_overlay,
        MEDIUM,
    ),
)


def _judge(context: AuditContext) -> list[Verdict]:
    engine = context.snapshot.engine
    if engine is None:
        return [unknown(resources.daemon(), "the engine did not answer")]
    if engine.release == (0, 0):
        reason = f"the engine reports its release as {engine.version!r}, which is not a version number"
        return [unknown(resources.daemon(), reason, {"version": engine.version})]
    concerned = [(item, item.condition(context.snapshot)) for item in ADVISORIES if item.concerns(engine.full_release)]
    verdicts = [_met(engine, item, condition) for item, condition in concerned if condition.met]
    verdicts += [_undetermined(engine, item, condition) for item, condition in concerned if condition.met is None]
    if verdicts:
        return verdicts
    evidence = {"version": engine.version, **{item.id: condition.shown for item, condition in concerned}}
    ids = ", ".join(item.id for item, dummy in concerned)
    words = (
        f"is affected by {ids}, whose conditions this host does not meet"
        if concerned
        else "is affected by no known CVE of its networking"
    )
    return [passed(resources.daemon(), f"Engine {engine.version} {words}", evidence)]


def _met(engine: Engine, item: Advisory, condition: Condition) -> Verdict:
    return failed(
        resources.advisory(item.id),
        f"Engine {engine.version}: affected by the known CVE {item.id}, and this host meets its conditions",
        {"version": engine.version, "fixed in": item.fixed_in, "condition": condition.shown},
        item.what,
        Remediation(
            f"Upgrade Docker Engine (fixed in {item.fixed_in}). If the distribution fixed it in its own package (see "
            "the package's changelog), waive this finding"
        ),
        item.severity,
    )


def _undetermined(engine: Engine, item: Advisory, condition: Condition) -> Verdict:
    reason = f"Engine {engine.version} is affected by the known CVE {item.id}; unknown: {condition.shown}"
    return unknown(resources.advisory(item.id), reason, {"version": engine.version, "fixed in": item.fixed_in})


ADVISORY = Check(
    id="daemon.advisory",
    grades=(
        Grade(OPEN, "the CVE can be exploited now"),
        Grade(WEAKNESS, "the CVE can be exploited after a reload of firewalld"),
    ),
    title="No known CVE of the engine's networking applies to this host",
    rationale=(
        "A known CVE counts only where the host meets its conditions: firewalld, a port published on loopback, an "
        "internal network. An old release alone is not a finding."
    ),
    needs=(ENGINE,),
    judge=_judge,
)
