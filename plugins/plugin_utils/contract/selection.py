# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What the words of a contract select on one host: containers, and ports of theirs."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Mapping
from fnmatch import translate
from re import compile as compiled

from ansible_collections.dockernet.baseline.plugins.module_utils._model.address_space import CIDR
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Container
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.plugin_utils.contract.intents import (
    Containers,
    Destination,
    Port,
    matches,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import address_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.places import Namespace, TargetPort
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.questions import Plan

PROJECT, SERVICE = "com.docker.compose.project", "com.docker.compose.service"


class Index:
    """Containers by one thing that is said of them; a pattern is held against each value once."""

    def __init__(self) -> None:
        self._by_value: dict[str, set[str]] = {}
        self._known: dict[str, frozenset[str]] = {}

    def add(self, value: str, container: str) -> None:
        """Take up that a container, by its id, has that value."""
        self._by_value.setdefault(value, set()).add(container)

    def having(self, patterns: Iterable[str]) -> frozenset[str]:
        """Return the ids of those with a value that one of the patterns matches."""
        return frozenset().union(*(self._matching(pattern) for pattern in patterns))

    def _matching(self, pattern: str) -> frozenset[str]:
        if pattern not in self._known:
            if not _is_special(pattern):
                found = self._by_value.get(pattern, set())
            else:
                match = _matcher(pattern)
                found = set().union(*(ids for value, ids in self._by_value.items() if match(value)))
            self._known[pattern] = frozenset(found)
        return self._known[pattern]


def _is_special(pattern: str) -> bool:
    return any(char in pattern for char in "*?[")


def _matcher(pattern: str) -> Callable[[str], object]:
    """What says whether a value matches; for ``name*``, which is what most patterns are, in a tenth of the time."""
    prefix = pattern[:-1]
    if pattern.endswith("*") and not _is_special(prefix):
        return lambda value: value.startswith(prefix)
    return compiled(translate(pattern)).match


class Selection:
    """The containers of a host."""

    def __init__(self, snapshot: HostSnapshot, plan: Plan) -> None:
        """Index all of them, those that do not run as well."""
        self._containers: Mapping[str, Container] = {item.id: item for item in snapshot.containers}
        self._places = {key: place for place, key in enumerate(self._containers)}
        self._names, self._images, self._services, self._networks = Index(), Index(), Index(), Index()
        self._labels: dict[str, Index] = {}
        self._addresses: dict[str, list[ipaddress.IPv4Address | ipaddress.IPv6Address]] = {}
        self._by_cidr: dict[CIDR, frozenset[str]] = {}
        self._known: dict[Containers, frozenset[str]] = {}
        self.namespaces: dict[str, Namespace] = {
            item.id: namespace for namespace in plan.places.namespaces for item in namespace.containers
        }
        """Of running containers that have one of their own, by the container's id."""
        self.on_host = {item.id for item in plan.places.on_host}
        for item in snapshot.containers:
            self._add(item)
        self.targets: dict[int, list[TargetPort]] = {}
        """Ports by the number of their namespace."""
        for target in plan.target:
            self.targets.setdefault(target.namespace.number, []).append(target)

    def _add(self, item: Container) -> None:
        self._names.add(item.name, item.id)
        self._images.add(item.image, item.id)
        for name, value in item.labels.items():
            self._labels.setdefault(name, Index()).add(value, item.id)
        if SERVICE in item.labels:
            self._services.add(item.labels[SERVICE], item.id)
            if PROJECT in item.labels:
                self._services.add(f"{item.labels[PROJECT]}/{item.labels[SERVICE]}", item.id)
        for end in item.endpoints:
            self._networks.add(end.network, item.id)
        namespace = self.namespaces.get(item.id)
        texts = [text for end in item.endpoints for text in (end.address, end.address6) if text]
        texts += namespace.addresses if namespace is not None else ()
        self._addresses[item.id] = [address_of(text) for text in dict.fromkeys(texts)]

    def chosen(self, choices: Iterable[Containers]) -> list[Container]:
        """Return the containers that one of the choices selects, in the snapshot's order."""
        ids = frozenset().union(*(self._ids(choice) for choice in choices))
        return [self._containers[key] for key in sorted(ids, key=self._places.__getitem__)]

    def _ids(self, choice: Containers) -> frozenset[str]:
        if choice not in self._known:
            parts = [
                *([self._names.having(choice.names)] if choice.names else []),
                *([self._images.having(choice.images)] if choice.images else []),
                *([self._services.having(choice.services)] if choice.services else []),
                *([self._networks.having(choice.networks)] if choice.networks else []),
                *(self._labels.get(name, Index()).having((value,)) for name, value in choice.labels),
                *([frozenset().union(*map(self._within, choice.cidrs))] if choice.cidrs else []),
            ]
            self._known[choice] = frozenset.intersection(*parts)
        return self._known[choice]

    def _within(self, cidr: CIDR) -> frozenset[str]:
        if cidr not in self._by_cidr:
            self._by_cidr[cidr] = frozenset(
                key for key, addresses in self._addresses.items() if any(address in cidr for address in addresses)
            )
        return self._by_cidr[cidr]

    def ports_of(self, namespace: Namespace, to: Destination) -> list[TargetPort]:
        """Return the ports of a namespace that a destination means, as often as there are places to ask for them."""
        return [target for target in self.targets.get(namespace.number, ()) if self._is_meant(target, to)]

    def _is_meant(self, target: TargetPort, to: Destination) -> bool:
        if to.ports and Port(target.port, target.protocol) not in to.ports:
            return False
        if target.host_port:
            return to.published is not False
        return to.published is not True and any(self._is_place(target, choice) for choice in to.containers)

    def _is_place(self, target: TargetPort, choice: Containers) -> bool:
        """Whether a container's own address is where a choice asks: on its networks, in its subnets."""
        if not any(item.id in self._ids(choice) for item in target.namespace.containers):
            return False
        net = target.net
        if choice.networks and (net is None or not matches(net.network.name, choice.networks)):
            return False
        return not choice.cidrs or any(address_of(target.address) in cidr for cidr in choice.cidrs)
