# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""HostSnapshot: all that was read from one host, as plain data, and how much of labels it tells."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import to_plain
from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_json import DaemonConfig
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import (
    Container,
    DaemonProcess,
    Engine,
    Network,
    ServiceUnit,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import (
    BootSysctls,
    Conntrack,
    ContainerNamespace,
    Ipsec,
    Link,
    Listener,
    ManagedLink,
    Neighbour,
    PolicyRule,
    ProxyProcess,
    Route,
    Ruleset,
    TrafficControl,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.secrets import MASK, mask_data
from ansible_collections.dockernet.baseline.plugins.module_utils._model.unread import Defect, Gap

SCHEMA_VERSION = 3

# Names of the sources; a check says which it needs, and is unknown when one of them was not read.
ENGINE = "engine"
NAMESPACES = "namespaces"
LINKS = "links"
ROUTES = "routes"
POLICY_RULES = "policy_rules"
NEIGHBOURS = "neighbours"
TRAFFIC_CONTROL = "traffic_control"
LISTENERS = "listeners"
CONTAINER_NAMESPACES = "container_namespaces"
NAMESERVERS = "nameservers"
SYSCTL = "sysctl"
BOOT = "boot"
PROCESSES = "processes"
DAEMON_CONFIG = "daemon_config"
SERVICE = "service"
RULESET = "ruleset"
CONNTRACK = "conntrack"
MANAGED_LINKS = "managed_links"
IPSEC = "ipsec"
SOURCES = (
    ENGINE,
    NAMESPACES,
    LINKS,
    ROUTES,
    POLICY_RULES,
    NEIGHBOURS,
    TRAFFIC_CONTROL,
    IPSEC,
    LISTENERS,
    CONTAINER_NAMESPACES,
    NAMESERVERS,
    SYSCTL,
    BOOT,
    PROCESSES,
    DAEMON_CONFIG,
    SERVICE,
    RULESET,
    CONNTRACK,
    MANAGED_LINKS,
)

# How much a snapshot has of labels: names and values, names, nothing.
KEEP_LABELS, MASK_LABELS, OMIT_LABELS = "keep", "mask", "omit"


@dataclass(frozen=True)
class Source:
    """Whether a source could be read, and if not, why."""

    read: bool
    kind: str = ""
    """Why not, for programs: ``absent``, ``podman``, ``desktop``, ``stopped``, ``denied``, ``library``, ``deadline``,
    ``error`` or ``defect``; empty when read."""
    reason: str = ""
    """Why not, for people: one sentence that says what to do."""
    seconds: float = 0.0
    """How long the reading took, or the attempt."""


@dataclass(frozen=True)
class HostSnapshot:
    """One host at one time. New fields get a default, so that older snapshots still load."""

    hostname: str
    taken_at: str
    """ISO 8601, UTC."""
    sources: dict[str, Source]
    schema: int = SCHEMA_VERSION
    seconds: float = 0.0
    """How long the reading of it all took."""
    kernel: str = ""
    docker_host: str = ""
    """Where the engine was asked."""
    engine: Optional[Engine] = None
    daemon: Optional[DaemonProcess] = None
    service: Optional[ServiceUnit] = None
    networks: list[Network] = field(default_factory=list)
    containers: list[Container] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    routes: list[Route] = field(default_factory=list)
    """All tables, both families, without the kernel's own multicast and broadcast routes."""
    policy_rules: list[PolicyRule] = field(default_factory=list)
    """Of both families, in the order in which the kernel asks them."""
    neighbours: list[Neighbour] = field(default_factory=list)
    """The fixed entries of the host's neighbour tables."""
    traffic_control: list[TrafficControl] = field(default_factory=list)
    """What tc(8) has put on the host's links, without what the kernel puts there by itself."""
    ipsec: Ipsec = field(default_factory=Ipsec)
    """The IPsec policies of the host's namespace."""
    listeners: list[Listener] = field(default_factory=list)
    """Of the host's namespace."""
    container_namespaces: list[ContainerNamespace] = field(default_factory=list)
    """The namespaces of running containers, each once, the host's left out."""
    nameservers: list[str] = field(default_factory=list)
    """Addresses that the host's resolver asks."""
    sysctls: dict[str, str] = field(default_factory=dict)
    """Running values by dotted key; dots inside an interface name are written as slashes, see sysctl.d(5)."""
    boot: Optional[BootSysctls] = None
    proxies: list[ProxyProcess] = field(default_factory=list)
    daemon_config: Optional[DaemonConfig] = None
    ruleset: Optional[Ruleset] = None
    conntrack: Optional[Conntrack] = None
    managed_links: list[ManagedLink] = field(default_factory=list)
    """What running network managers say of the host's interfaces; empty where none runs."""
    container_churn: str = ""
    """Why what was read at one time need not fit what was read at another; empty where no container moved meanwhile."""

    gaps: list[Gap] = field(default_factory=list)
    """Containers and networks that sources lack, although they were read."""
    defects: list[Defect] = field(default_factory=list)
    """Errors of this collection that kept sources from being read."""

    labels: str = KEEP_LABELS
    """``keep``, ``mask`` (their names alone) or ``omit``: how much of the labels of containers and networks is here."""

    def was_read(self, source: str) -> bool:
        """Whether the source of that name was read."""
        return source in self.sources and self.sources[source].read

    def to_json(self) -> str:
        """The snapshot as a JSON document, keys in the order in which they were read, secrets masked."""
        plain = to_plain(self)
        # Secrets in rules were masked one by one (ruleset.py): their text is one of a language.
        return json.dumps({**plain, **mask_data({name: part for name, part in plain.items() if name != "ruleset"})})

    def to_json_within(self, most: int) -> str:
        """The same in so many bytes; without the rules, which are unread then, where it would take more of them."""
        text = self.to_json()
        if len(text) <= most or self.ruleset is None:
            return text
        reason = (
            f"all that was read of the host takes {len(text)} bytes, and at most {most} are sent: see nft list ruleset"
        )
        sources = {**self.sources, RULESET: Source(read=False, kind="error", reason=reason)}
        return replace(self, ruleset=None, sources=sources).to_json()


DETAILS = (KEEP_LABELS, MASK_LABELS, OMIT_LABELS)
"""From the most to the least."""


def detail_of(snapshot: HostSnapshot) -> str:
    """Return how much a snapshot has; a saved one may have any word for it."""
    return snapshot.labels if snapshot.labels in DETAILS else KEEP_LABELS


def with_labels(snapshot: HostSnapshot, detail: str) -> HostSnapshot:
    """Return the snapshot with no more of labels than that; one that has less of them stays as it is."""
    if DETAILS.index(detail_of(snapshot)) >= DETAILS.index(detail):
        return snapshot
    return replace(
        snapshot,
        labels=detail,
        containers=[replace(item, labels=_told(item.labels, detail)) for item in snapshot.containers],
        networks=[replace(item, labels=_told(item.labels, detail)) for item in snapshot.networks],
    )


def _told(labels: dict[str, str], detail: str) -> dict[str, str]:
    return dict.fromkeys(labels, MASK) if detail == MASK_LABELS else {}
