# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""HostView: a snapshot made ready to be asked where packets go."""

from __future__ import annotations

from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.container import Container
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import InnerNamespace, Link
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    ENGINE,
    INNER,
    IPSEC,
    LINKS,
    LISTENERS,
    NEIGHBOURS,
    POLICY_RULES,
    ROUTES,
    RULESET,
    SYSCTL,
    TRAFFIC_CONTROL,
    HostSnapshot,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.hooks.traverse import Traverser
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.bridging import Bridge, Port
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.frame_rules import FrameRules
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.holder import Holders
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.homes import Homes
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.ipsec_policies import IpsecPolicies
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.name_server_rules import (
    is_for_name_server,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.neighbours import Neighbours
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.port_choice import port_for_all
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.settings import Settings
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.stack import Stack
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.surroundings import HostSurroundings
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.read import read_rulebook
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import RuleBook, RulesetError

# Without these nothing can be said of any packet that passes the host.
_NEEDED = (LINKS, ROUTES, POLICY_RULES, SYSCTL)


class HostView:
    """One host, parsed, compiled and indexed once; it does not change after that."""

    def __init__(self, snapshot: HostSnapshot) -> None:
        """Index a snapshot; use HostView.of()."""
        self.snapshot = snapshot
        self.problems: list[str] = [_unread(snapshot, name) for name in _NEEDED if not snapshot.was_read(name)]
        """What was not read and could change the way of any packet on the host, one sentence each."""
        self.settings = Settings(snapshot.sysctls)
        self.rule_problems: list[str] = []
        """Those of them that are about the rules."""
        self.book = self._read_rules()
        self.problems.extend(self.rule_problems)
        self._free_ports: dict[tuple[int, int], Optional[int]] = {}
        self.host = Stack(
            "host",
            snapshot.links,
            snapshot.routes,
            snapshot.policy_rules,
            snapshot.listeners if snapshot.was_read(LISTENERS) else None,
            settings=self.settings,
            neighbours=None if _was_refused(snapshot, NEIGHBOURS) else snapshot.neighbours,
            controls=None if _was_refused(snapshot, TRAFFIC_CONTROL) else snapshot.traffic_control,
        )
        self.ipsec = IpsecPolicies(None if _was_refused(snapshot, IPSEC) else snapshot.ipsec, self.host.links)
        self.traverser = Traverser(self.book, HostSurroundings(self.host))
        self.neighbours = Neighbours(self.traverser, self.ipsec)
        self.inner: dict[int, Stack] = _inner_stacks(snapshot)
        self.holders = Holders(snapshot.proxies, snapshot.containers)
        self.containers: dict[str, Container] = _by_name(snapshot)
        self.namespaces = {item.nsid for item in self.containers.values() if item.nsid is not None}
        """Ids of the namespaces of running containers, as links refer to them."""
        self.bridges: dict[str, Bridge] = self._find_bridges()
        foreign = (name for bridge in self.bridges.values() for name in bridge.foreign)
        self.frame_rules = FrameRules(self.book, foreign)
        self.homes = Homes(self.host, self.bridges, snapshot.networks)
        self.ports: dict[tuple[int, str], tuple[Bridge, Port]] = {
            (id(port.stack), port.device): (bridge, port) for bridge in self.bridges.values() for port in bridge.ports
        }
        """Where a container's link is plugged in, by its stack and the link's name inside."""
        self._asleep = {id(stack) for netns, stack in self.inner.items() if self.holders.asleep(netns)}

    @classmethod
    def of(cls, snapshot: HostSnapshot) -> HostView:
        """Make a snapshot ready. What could not be read or parsed does not fail: it is in ``problems``."""
        return cls(snapshot)

    def stack_of(self, container: Container) -> Optional[Stack]:
        """The namespace of a running container; None when it was not read."""
        if container.netns is None:
            return None
        if self.snapshot.daemon is not None and container.netns == self.snapshot.daemon.netns:
            return self.host
        return self.inner.get(container.netns)

    def is_asleep(self, stack: Stack) -> bool:
        """Whether all containers in a namespace are paused."""
        return id(stack) in self._asleep

    def unseen(self, container: Container) -> Stack:
        """Stands in for the namespace of a running container that was not read."""
        why = "was not read" if container.netns is not None else "is not known"
        reason = f"what is inside container {container.name}, whose network namespace {why}"
        return Stack(f"container {container.name}", [], [], [], None, reason)

    def free_port(self, first: int, last: int) -> Optional[int]:
        """A source port that stands for all of a range; None when rules tell them apart."""
        key = (first, last)
        if key not in self._free_ports:
            self._free_ports[key] = port_for_all(self.book, first, last)
        return self._free_ports[key]

    @property
    def stand_ins(self) -> set[Optional[int]]:
        """The ports that free_port() has given: nobody's in particular."""
        return set(self._free_ports.values())

    def _read_rules(self) -> RuleBook:
        ruleset = self.snapshot.ruleset
        if ruleset is None or not self.snapshot.was_read(RULESET):
            self.rule_problems.append(_unread(self.snapshot, RULESET))
            return RuleBook()
        try:
            book = read_rulebook(ruleset)
        except RulesetError as error:
            self.rule_problems.append(f"the ruleset could not be understood: {error}")
            return RuleBook()
        self.rule_problems.extend(book.problems)
        return book

    def _find_bridges(self) -> dict[str, Bridge]:
        links = self.snapshot.links
        found = {link.index: self._bridge(link) for link in links if link.kind == "bridge"}
        stacks = {
            container.nsid: stack
            for container in self.containers.values()
            for stack in [self.inner.get(container.netns or 0)]
            if container.nsid is not None and stack is not None
        }
        for link in links:
            bridge = found.get(link.master or 0)
            if bridge is None:
                continue
            bridge.mind(link)
            stack = None if link.peer_nsid is None else stacks.get(link.peer_nsid)
            inside = _by_index(stack, link.peer_index)
            if stack is not None and inside is not None:
                bridge.add(Port(link, stack, inside.name))
            else:
                bridge.foreign.append(link.name)
                if link.kind != "veth":
                    bridge.ways_out.append(link.name)
        return {bridge.name: bridge for bridge in found.values()}

    def _bridge(self, link: Link) -> Bridge:
        return Bridge(
            link,
            {
                4: bool(link.calls_iptables) or self.settings.number("net.bridge.bridge-nf-call-iptables") == 1,
                6: bool(link.calls_ip6tables) or self.settings.number("net.bridge.bridge-nf-call-ip6tables") == 1,
            },
        )


def _unread(snapshot: HostSnapshot, name: str) -> str:
    source = snapshot.sources.get(name)
    return f"{name.replace('_', ' ')} of the host could not be read" + (f": {source.reason}" if source else "")


def _was_refused(snapshot: HostSnapshot, name: str) -> bool:
    """Whether a source could not be read; releases that do not know it left no word of it in their snapshots."""
    return name in snapshot.sources and not snapshot.was_read(name)


def _inner_stacks(snapshot: HostSnapshot) -> dict[int, Stack]:
    labels: dict[int, str] = {}
    # Those that joined another one's namespace come last.
    for container in sorted(snapshot.containers, key=lambda item: item.network_mode.startswith("container:")):
        if container.running and container.netns is not None:
            labels.setdefault(container.netns, container.name)
    if not snapshot.was_read(INNER):
        return {}
    return {space.inode: _inner_stack(space, labels.get(space.inode, "")) for space in snapshot.inner}


def _inner_stack(space: InnerNamespace, name: str) -> Stack:
    foreign = [table for table in space.tables if not is_for_name_server(space, table)]
    doubt = f"container {name} has rules of its own ({', '.join(foreign)})" if foreign else ""
    if space.ipsec:
        doubt = doubt or f"container {name} has IPsec policies of its own; see nsenter -n -t PID ip xfrm policy"
    settings = Settings(space.sysctls)
    return Stack(
        f"container {name}",
        space.links,
        space.routes,
        space.rules,
        space.listeners,
        doubt,
        settings,
        space.neighbours,
        space.traffic_control,
    )


def _by_name(snapshot: HostSnapshot) -> dict[str, Container]:
    if not snapshot.was_read(ENGINE):
        return {}
    return {container.name: container for container in snapshot.containers}


def _by_index(stack: Optional[Stack], index: Optional[int]) -> Optional[Link]:
    if stack is None:
        return None
    return next((link for link in stack.links.values() if link.index == index), None)
