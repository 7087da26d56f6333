# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What is inside the network namespaces of containers."""

from __future__ import annotations

import errno
from dataclasses import dataclass, field
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._host import procfs
from ansible_collections.dockernet.baseline.plugins.module_utils._host.ipsec import ipsec_of_namespace
from ansible_collections.dockernet.baseline.plugins.module_utils._host.legacy_tables import (
    read_legacy_tables_with_effect,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.links import links_of
from ansible_collections.dockernet.baseline.plugins.module_utils._host.listeners import listeners_of
from ansible_collections.dockernet.baseline.plugins.module_utils._host.neighbours import neighbours_of
from ansible_collections.dockernet.baseline.plugins.module_utils._host.netlink import ROUTE, Allowance, Netlink
from ansible_collections.dockernet.baseline.plugins.module_utils._host.netns import in_namespace, read_in_namespaces
from ansible_collections.dockernet.baseline.plugins.module_utils._host.nftables import (
    nftables_is_there,
    read_chains_with_effect,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.policy_rules import policy_rules_of
from ansible_collections.dockernet.baseline.plugins.module_utils._host.routes import routes_of
from ansible_collections.dockernet.baseline.plugins.module_utils._host.sysctls import read_reception
from ansible_collections.dockernet.baseline.plugins.module_utils._host.traffic_control import traffic_control_of
from ansible_collections.dockernet.baseline.plugins.module_utils._host.unreadable import (
    ERROR,
    UnreadableError,
    from_os_error,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.container import Container
from ansible_collections.dockernet.baseline.plugins.module_utils._model.defect import CONTAINER, Defect, Gap, defect_of
from ansible_collections.dockernet.baseline.plugins.module_utils._model.ipsec import Ipsec
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import (
    DEFAULT_ROUTE,
    DEFAULT_TABLE,
    LOCAL_TABLE,
    MAIN_TABLE,
    Link,
    PolicyRule,
    Route,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.namespace import InnerNamespace
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import INNER

# What every namespace has from its beginning on (net/ipv4/fib_rules.c, net/ipv6/fib6_rules.c): local, main, default.
_FROM_THE_BEGINNING = [
    PolicyRule(0, 4, table=LOCAL_TABLE),
    PolicyRule(32766, 4, table=MAIN_TABLE),
    PolicyRule(32767, 4, table=DEFAULT_TABLE),
    PolicyRule(0, 6, table=LOCAL_TABLE),
    PolicyRule(32766, 6, table=MAIN_TABLE),
]


# Bytes of the kernel's lists. An ordinary namespace has some 5 KiB, one with 1,000 addresses and routes 200 KiB.
_OWN_PART = 1 << 18
_MOST_OF_ONE = 1 << 22
_COMMON_PART = 1 << 26
# What the kernel calls "Message too long".
_TOO_LONG = "an entry of its lists is too long for the kernel to tell (a route with thousands of next hops, say)"


@dataclass(frozen=True)
class Inside:
    """What was found in the namespaces of containers."""

    namespaces: list[InnerNamespace] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    """Containers whose namespace could not be read."""
    defects: list[Defect] = field(default_factory=list)


def read_inner(containers: list[Container]) -> Inside:
    """Return the namespaces of running containers, each once, that of the host left out.

    containers have their namespaces' inode numbers. One that ends meanwhile is left out, one in which something cannot
    be read is a gap. Raises UnreadableError where the kernel refuses all, as it does without root.
    """
    own = procfs.namespace("self", "net")
    pids = {item.netns: item.pid for item in containers if item.netns is not None and item.pid is not None}
    reader = _Reader(with_nftables=nftables_is_there())
    try:
        read_in_namespaces({inode: pid for inode, pid in pids.items() if inode != own}, reader.visit)
    except OSError as error:
        raise from_os_error(error, "the network namespaces of containers") from error
    gaps = [
        Gap(INNER, CONTAINER, item.name, f"its network namespace was not read: {reader.problems[item.netns]}")
        for item in containers
        if item.netns in reader.problems and item.pid is not None
    ]
    return Inside(reader.found, gaps, reader.defects)


class _Reader:
    """Reads one namespace after another; what goes wrong in one stays there."""

    def __init__(self, *, with_nftables: bool) -> None:
        self.found: list[InnerNamespace] = []
        self.problems: dict[Optional[int], str] = {}
        """Why a namespace was not read, by its inode number."""
        self.defects: list[Defect] = []
        # Of the kernel, not of a namespace.
        self._with_nftables = with_nftables
        self._common = [_COMMON_PART]

    def visit(self, inode: int) -> None:
        """Read the namespace that this thread is in."""
        allowance = Allowance(_OWN_PART, _MOST_OF_ONE, self._common)
        try:
            self.found.append(_read(inode, allowance, with_nftables=self._with_nftables))
        except OSError as error:
            self.problems[inode] = _TOO_LONG if error.errno == errno.EMSGSIZE else error.strerror or str(error)
        except UnreadableError as error:
            self.problems[inode] = error.reason
        except Exception as error:  # noqa: BLE001 (whoever is in there decides what is read; it must not take the others with it)
            self.defects.append(defect_of(f"source {INNER}", error))
            self.problems[inode] = str(self.defects[-1])


def read_container_links(pid: int) -> tuple[list[Link], str]:
    """Return the links of the network namespace of process pid, and the name of the one with the IPv4 default route.

    Raises UnreadableError when the process is gone, and when the kernel refuses.
    """
    try:
        links, routes = in_namespace(pid, _links_and_routes)
    except OSError as error:
        raise UnreadableError(ERROR, f"the kernel did not list the links of process {pid}: {error}") from error
    return links, _default_link(links, routes)


def _default_link(links: list[Link], routes: list[Route]) -> str:
    """The interface of the IPv4 default route with the lowest metric, by name; empty without one."""
    defaults = [item for item in routes if item.destination == DEFAULT_ROUTE[4] and item.interfaces]
    if not defaults:
        return ""
    (index, *dummy) = min(defaults, key=lambda item: item.metric).interfaces
    return next((link.name for link in links if link.index == index), "")


def _links_and_routes() -> tuple[list[Link], list[Route]]:
    with Netlink(ROUTE) as route:
        return links_of(route), routes_of(route)


def _read(inode: int, allowance: Allowance, *, with_nftables: bool) -> InnerNamespace:
    with Netlink(ROUTE, allowance) as route:
        links = links_of(route)
        routes = routes_of(route)
        rules = policy_rules_of(route)
        neighbours = neighbours_of(route)
        traffic_control = traffic_control_of(route)
    chains = {**(read_chains_with_effect(allowance) if with_nftables else {}), **read_legacy_tables_with_effect()}
    return InnerNamespace(
        inode=inode,
        links=links,
        routes=routes,
        rules=[] if rules == _FROM_THE_BEGINNING else rules,
        listeners=listeners_of({link.index: link.name for link in links}, allowance),
        sysctls=read_reception(),
        chains=chains,
        tables=list(dict.fromkeys(" ".join(name.split(" ")[:2]) for name in chains)),
        neighbours=neighbours,
        traffic_control=traffic_control,
        ipsec=ipsec_of_namespace() != Ipsec(),
    )
