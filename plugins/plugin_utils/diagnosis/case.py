# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""All that is known of one connection: what was asked, read, predicted, probed and traced."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Container, Network
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import FAIL, Finding
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import ContainerNamespace, Link
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel_trace import KernelTrace
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    ANSWERED,
    CONTAINER,
    DELIVERED,
    HOST,
    OUTSIDE,
    PROXY_REQUEST,
    REFUSED,
    TIMED_OUT,
    UNKNOWN,
    UNREACHABLE,
    Origin,
    Packet,
    Path,
    PathStep,
    address_in,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.probe import (
    PASSED,
    SERVICE,
    Probe,
    ProbeLayer,
    ProcessState,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.firewall.docker_rules import (
    INCOMPLETE,
    TRANSLATION,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_view import HostView
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.predict import end_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.docker_chains import chains_of_docker
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import (
    family_of,
    is_loopback_text,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.trace.compare import Comparison

ANYWHERE = ("0.0.0.0", "::")  # noqa: S104 (what sockets are bound to that take all)
_TRANSPORTS = {"dns": "udp", "http": "tcp", "https": "tcp"}


@dataclass(frozen=True)
class Case:
    """One question with all evidence. Nothing in it changes."""

    snapshot: HostSnapshot
    packet: Packet
    path: Path
    """The prediction."""
    findings: Sequence[Finding] = ()
    """Of the whole audit; those about other parts of the host are left out by related()."""
    probes: Sequence[Probe] = ()
    process: ProcessState | None = None
    """Of the container that is asked; of the one that asks where none is."""
    trace: KernelTrace | None = None
    comparison: Comparison | None = None
    wanted: str = ""
    """Name of the container that the question means; empty where it means none."""
    name: str = ""
    """The host name that the question means; empty where it means an address or a container."""
    problems: Sequence[str] = ()
    """What could not be looked at, one sentence each."""

    @cached_property
    def view(self) -> HostView:
        """The host as the evaluator sees it."""
        return HostView.of(self.snapshot)

    @property
    def family(self) -> int:
        """4 or 6."""
        return family_of(self.packet.destination)

    # The two ends.

    @cached_property
    def asking(self) -> Container | None:
        """The container that asks; None for others."""
        origin = self.packet.origin
        return self.container(origin.name) if origin.kind == CONTAINER else None

    @cached_property
    def asked(self) -> Container | None:
        """The container that is asked, as the question means it or the path shows it; None for others."""
        names = [self.wanted, self.path.answering_container, self.owner_of(self._last_destination)]
        found = next((self.container(name) for name in names if name), None)
        return found or self.publisher

    def container(self, name: str) -> Container | None:
        """The container of a name; None where there is none."""
        return next((item for item in self.snapshot.containers if item.name == name), None)

    @cached_property
    def publisher(self) -> Container | None:
        """The container that publishes the port that is asked, where an address of the host is asked."""
        packet = self.packet
        if packet.destination not in self.host_addresses and not is_loopback_text(packet.destination):
            return None
        for item in self.snapshot.containers:
            for port in item.published:
                is_port = (port.protocol, port.host_port) == (packet.protocol, packet.port)
                if is_port and port.address in (*ANYWHERE, packet.destination):
                    return item
        return None

    @property
    def _last_destination(self) -> str:
        steps = [step for step in self.path.steps if step.leg.endswith("request")]
        return address_in(steps[-1].destination) if steps else self.packet.destination

    def owner_of(self, address: str) -> str:
        """Name of the container that has an address on one of its networks; empty where none has."""
        for item in self.snapshot.containers:
            if any(address in (end.address, end.address6) for end in item.endpoints if address):
                return item.name
        return ""

    @cached_property
    def host_addresses(self) -> frozenset[str]:
        """Addresses of the host's links."""
        return frozenset(text.partition("/")[0] for link in self.snapshot.links for text in link.addresses)

    def space(self, container: Container | None) -> ContainerNamespace | None:
        """The network namespace of a container; None where it was not read, or is the host's."""
        if container is None or container.netns is None:
            return None
        spaces = self.snapshot.container_namespaces
        return next((item for item in spaces if item.inode == container.netns), None)

    # What is on the path.

    @cached_property
    def ends(self) -> tuple[Container, ...]:
        """The containers at both ends."""
        found = [item for item in (self.asking, self.asked) if item is not None]
        return tuple(item for place, item in enumerate(found) if item not in found[:place])

    @cached_property
    def networks(self) -> tuple[Network, ...]:
        """The bridge networks on the path: those whose bridges are in its steps, else those of both ends."""
        devices = {device for step in self.path.steps for device in (step.incoming, step.outgoing) if device}
        ids = {end.network_id for item in self.ends for end in item.endpoints}
        ids &= {item.id for item in self.snapshot.networks}
        bridged = [item for item in self.snapshot.networks if item.bridge]
        return tuple(item for item in bridged if item.bridge in devices or item.id in ids or self._has_target(item))

    def _has_target(self, network: Network) -> bool:
        return any(in_subnet(self.packet.destination, item.subnet) for item in network.subnets)

    def bridge_of(self, network: Network) -> Link | None:
        """The link of a network's bridge; None where the kernel has none."""
        return next((link for link in self.snapshot.links if link.name == network.bridge), None)

    @cached_property
    def devices(self) -> frozenset[str]:
        """Devices of the host on the path, with the bridges of its networks."""
        named = {device for step in self.path.steps for device in (step.incoming, step.outgoing) if device}
        return frozenset(named | {str(item.bridge) for item in self.networks})

    def related(self, *checks: str) -> list[Finding]:
        """Failed findings of these checks that are about something on the path."""
        return [item for item in self.findings if item.check in checks and item.outcome == FAIL and self._is_on(item)]

    def _is_on(self, finding: Finding) -> bool:
        resource = finding.resource
        if resource.kind in ("host", "daemon"):
            return True
        if resource.kind == "interface":
            return resource.name in self.devices
        if resource.kind == "network":
            return resource.name in {item.name for item in self.networks}
        if resource.kind == "container":
            return resource.name in {item.name for item in self.ends}
        if resource.kind == "port":
            asked = self.asked.name if self.asked is not None else ""
            return (resource.container == asked and asked != "") or self._is_port(resource.name)
        return False

    def _is_port(self, name: str) -> bool:
        """Whether a port of the host (``192.0.2.1:80/tcp``) is the one that is asked."""
        socket, dummy, protocol = name.rpartition("/")
        address, dummy, port = socket.rpartition(":")
        at_place = address.strip("[]") in (*ANYWHERE, self.packet.destination)
        return at_place and (protocol, port) == (self.packet.protocol, str(self.packet.port))

    @cached_property
    def is_flushed(self) -> bool:
        """Whether dockerd's rules are missing: by the audit, or since the family has no chain of Docker's at all."""
        return self._lacks_all_chains or bool(self._incomplete)

    @cached_property
    def is_nat_flushed(self) -> bool:
        """The same of those that translate addresses."""
        return self._lacks_all_chains or TRANSLATION in self._incomplete

    @cached_property
    def _lacks_all_chains(self) -> bool:
        return not (self.view.rule_problems or chains_of_docker(self.view.book, self.family))

    @cached_property
    def _incomplete(self) -> set[str]:
        """Which of dockerd's rules for the family lack something."""
        found = [item.evidence.get(INCOMPLETE, {}) for item in self.related("firewall.flushed")]
        return {part for parts in found for part in parts.get(f"IPv{self.family}", ())}

    @cached_property
    def is_switched(self) -> bool:
        """Whether a bridge alone carries the request, past the rules of IP."""
        first, second = self.asking, self.asked
        if first is None or second is None:
            return False
        ends = [end for end in second.endpoints if self.packet.destination in (end.address, end.address6)]
        shared = {end.network_id for end in first.endpoints} & {end.network_id for end in ends}
        names = [str(item.bridge) for item in self.snapshot.networks if item.id in shared]
        bridges = [self.view.bridges[name] for name in names if name in self.view.bridges]
        return any(not bridge.calls[self.family] for bridge in bridges)

    # What decided.

    @cached_property
    def decided_at(self) -> int | None:
        """Index of the step that ends the path; None where it is answered, or nothing is known of it."""
        if self.path.observed == ANSWERED and self.path.verdict == DELIVERED:
            return None
        refusing = [index for index, step in enumerate(self.path.steps) if step.action == "refuse"]
        # What decides on a refusal is where nothing listens, not how the refusal comes back.
        return refusing[-1] if refusing and self.path.verdict == REFUSED else self.path.decided_at

    @property
    def decision(self) -> PathStep | None:
        """The step that ends the path, where it is known to end there."""
        if self.decided_at is None or self.path.verdict == UNKNOWN:
            return None
        return self.path.steps[self.decided_at]

    @property
    def is_predicted_well(self) -> bool:
        """Whether the prediction is that the connection is answered."""
        return self.path.verdict == DELIVERED and self.path.observed == ANSWERED

    # What was seen.

    @cached_property
    def own_probe(self) -> Probe | None:
        """The probe that asked what the packet asks, from where it asks; None where there was none."""
        return next((item for item in self.probes if self._is_own(item)), None)

    def _is_own(self, probe: Probe) -> bool:
        origin = self.packet.origin
        if origin.kind == OUTSIDE:
            return False
        asks = HOST if origin.kind == HOST else origin.name
        protocol = _TRANSPORTS.get(probe.protocol, probe.protocol)
        wanted = (asks, self.packet.protocol, self.packet.port)
        return (probe.origin, protocol, probe.port) == wanted and probe.address == self.packet.destination

    @cached_property
    def inner_probes(self) -> tuple[Probe, ...]:
        """Probes of the container that is asked from inside itself, for the port that its answer comes from."""
        if self.asked is None or self.asked is self.asking:
            return ()
        return tuple(item for item in self.probes if item.origin == self.asked.name)

    @cached_property
    def silent_from_host(self) -> Probe | None:
        """Of a question from outside the probe from the host, where the container did not answer it as it was to."""
        if self.packet.origin.kind != OUTSIDE or self.asked is None:
            return None
        own = {text for end in self.asked.endpoints for text in (end.address, end.address6) if text}
        for probe in self.probes:
            if probe.origin != HOST or probe.address not in own or probe.observed not in (TIMED_OUT, UNREACHABLE):
                continue
            asked = Packet(Origin(HOST), probe.address, self.packet.protocol, probe.port)
            if end_of(self.view, asked).observed == ANSWERED:
                return probe
        return None

    @property
    def was_answered(self) -> bool:
        """Whether the connection itself was seen to work, by a probe or as a live trace followed it.

        docker-proxy accepts before it asks the container, and the kernel accepts for a process that does not run: where
        no answer is predicted behind that, an open connection proves nothing, and a service that answers does.
        """
        is_proxied = any(step.leg == PROXY_REQUEST for step in self.path.steps)
        is_held = self.decision is not None and self.decision.action == "hold"
        if (is_proxied or is_held) and self.packet.protocol == "tcp" and not self.is_predicted_well:
            return layer_of(self.own_probe, SERVICE, PASSED) is not None
        by_trace = self.trace is not None and self.trace.observed == ANSWERED
        return by_trace or (self.own_probe is not None and self.own_probe.observed == ANSWERED)


def layers(probe: Probe, name: str) -> Iterator[ProbeLayer]:
    """The layers of a probe with that name."""
    return (item for item in probe.layers if item.layer == name)


def layer_of(probe: Probe | None, name: str, outcome: str) -> ProbeLayer | None:
    """The first layer of a probe with that name and outcome."""
    return None if probe is None else next((item for item in layers(probe, name) if item.outcome == outcome), None)


def in_subnet(address: str, subnet: str) -> bool:
    """Whether an address is in a subnet; false for what is none."""
    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(subnet, strict=False)
    except ValueError:
        return False
