# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Asks one target after another, or many at once, from the namespace of the thread that it is called in.

All layers of a target are asked at the same time, and many targets too, so that what does not answer is waited for
once. Where they need the same (an echo of the gateway), it is asked once.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Hashable
from dataclasses import replace
from typing import Any, Callable, Optional, TypeVar

from ansible_collections.dockernet.baseline.plugins.module_utils._host.netlink import in_namespace
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Container
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    ANSWERED,
    BEYOND_ADDRESSES,
    CLOSED,
    HOST,
    REFUSED,
    UNKNOWN,
    UNREACHABLE,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.probe import (
    CONTAINER,
    FAILED,
    GATEWAY,
    HOST_ADDRESS,
    NAME,
    NEIGHBOUR,
    NEXT_HOP,
    PASSED,
    PATH_MTU,
    SERVICE,
    SKIPPED,
    TARGET,
    NameserverAnswer,
    Probe,
    ProbeLayer,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.unread import shortened
from ansible_collections.dockernet.baseline.plugins.module_utils._probe import dns, near, question, resolver
from ansible_collections.dockernet.baseline.plugins.module_utils._probe.attempt import (
    TIMEOUT,
    Attempt,
    connect,
    echo,
    observed,
    tcp,
    together,
    udp,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._probe.namespace import (
    RouteAnswer,
    address_of,
    route_to,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._probe.neighbour import (
    Asking,
    HardwareAnswer,
    ask_neighbour,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._probe.path_mtu import MtuAnswer, measure
from ansible_collections.dockernet.baseline.plugins.module_utils._probe.question import Question
from ansible_collections.dockernet.baseline.plugins.module_utils._probe.scene import Scene, version_of
from ansible_collections.dockernet.baseline.plugins.module_utils._probe.service import (
    HTTP,
    HTTPS,
    ServiceAnswer,
    ask_service,
)

T = TypeVar("T")

_ECHOES = (NEIGHBOUR, GATEWAY, CONTAINER, HOST_ADDRESS, NEXT_HOP)
"""Layers that count for nothing where the target beyond them answers."""
_ETHERNET = len("00:00:00:00:00:00")
_HTTP = (HTTP, HTTPS)


class Once:
    """What is asked once, however many need it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._locks: dict[Hashable, threading.Lock] = {}
        self._found: dict[Hashable, Any] = {}

    def get(self, key: Hashable, call: Callable[[], T]) -> T:
        """What call returns, or returned for the same key."""
        with self._lock:
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            if key not in self._found:
                self._found[key] = call()
            found: T = self._found[key]
            return found


def on_host(call: Callable[[], T]) -> T:
    """What call returns in the namespace that this process is in, whatever that of the thread is."""
    return in_namespace(os.getpid(), call)


class Prober:
    """Asks targets from one place."""

    def __init__(self, scene: Scene, seconds: float, *, all_layers: bool) -> None:
        """Take where it is, the seconds to wait for each answer, and whether to ask all layers or the target alone."""
        self._scene = scene
        self._seconds = seconds
        self._all_layers = all_layers
        self._once = Once()

    def expanded(self, wanted: Question) -> list[Question]:
        """The question with an address or a name in place of a word; of ``dns`` one for each nameserver."""
        if wanted.to == question.DNS:
            return [replace(wanted, to=server) for server in self._scene.settings.nameservers] or [wanted]
        if wanted.to == HOST:
            own = self._scene.host_addresses
            return [replace(wanted, to=own.get(4) or own.get(6) or "")]
        if wanted.to == question.GATEWAY:
            return [replace(wanted, to=self._gateway())]
        return [wanted]

    def _gateway(self) -> str:
        """That of the default route; on a network without one, the bridge's own address."""
        for version in (4, 6):
            found = route_to(BEYOND_ADDRESSES[version]).gateway
            if found:
                return found
        networks = [self._scene.network_at(link) for link in self._scene.own.outer]
        bridges = {network.bridge for network in networks if network is not None}
        addresses = [
            address_of(link, version) for version in (4, 6) for link in self._scene.host.links if link.name in bridges
        ]
        return next(filter(None, addresses), "")

    def probe(self, wanted: Question, shown: str) -> Probe:
        """Ask a target; shown is what a result calls it."""
        if not wanted.to:
            return self._nowhere(wanted, shown, f"there is no address for {shown}")
        if wanted.to == question.DNS:
            return self._nowhere(wanted, shown, self._scene.settings.problem or "resolv.conf names no nameserver")
        lookup = None
        address = wanted.to
        if wanted.is_name:
            lookup = self._once.get(("name", wanted.to), lambda: self._look_up(wanted.to))
            address = lookup.addresses[0] if lookup.addresses else ""
        return _Target(self._scene, self._seconds, self._once, wanted, address).probe(
            shown, lookup, all_layers=self._all_layers
        )

    def _nowhere(self, wanted: Question, shown: str, reason: str) -> Probe:
        layers = [
            near.process_layer(self._scene),
            ProbeLayer(NAME, shown, FAILED, "ENOENT", shortened(reason)),
            ProbeLayer(TARGET, shown, SKIPPED, "", "there is no address to ask"),
        ]
        return Probe(self._scene.name, shown, wanted.protocol, wanted.port, "", UNREACHABLE, layers)

    def _look_up(self, name: str) -> resolver.Lookup:
        """Look it up, and where Docker's own resolver has no answer, ask those that it asks."""
        settings = self._scene.settings

        # Search domains make many names of one.
        until = time.monotonic() + 2 * self._seconds

        def ask(server: str, absolute: str, kind: int) -> dns.DnsAnswer:
            left = min(self._seconds, until - time.monotonic())
            return dns.ask(server, absolute, kind, left) if left > 0 else dns.DnsAnswer(TIMEOUT)

        found = resolver.look_up(name, settings, self._scene.name, ask)
        conclusive = found.addresses or found.error in (dns.NXDOMAIN, dns.NODATA) or not found.answers
        if conclusive or resolver.DOCKERS_OWN not in settings.nameservers:
            return found
        absolute = found.answers[-1].question.partition(" ")[0]
        upstream = ask_upstreams(self._scene, absolute, self._seconds)
        return replace(
            found, answers=[*found.answers, *upstream], detail=found.detail + upstream_words(self._scene, upstream)
        )


def ask_upstreams(scene: Scene, absolute: str, seconds: float) -> list[NameserverAnswer]:
    """Ask those that Docker's own resolver asks, each from where it asks."""
    upstreams = scene.settings.upstreams or []

    def ask(server: str, *, host: bool) -> dns.DnsAnswer:
        def call() -> dns.DnsAnswer:
            return dns.ask(server, absolute, dns.A, seconds)

        return on_host(call) if host else call()

    found = together([lambda server=server, host=host: ask(server, host=host) for server, host in upstreams])  # type: ignore[misc]
    return [
        resolver.answer_of(server, resolver.UPSTREAM, HOST if host else scene.name, f"{absolute} A", item)
        for (server, host), item in zip(upstreams, found)
    ]


def upstream_words(scene: Scene, answers: list[NameserverAnswer]) -> str:
    """The end of a sentence: what the upstream nameservers did."""
    if scene.settings.upstreams is None:
        return "; which nameservers it asks is not known, since this engine does not say it"
    if not answers:
        return "; it has no nameserver to ask"
    words = [
        f"{item.server} (asked from {'the host' if item.place == HOST else 'the container'}) "
        + (
            "answers"
            if item.outcome == PASSED
            else "does not answer"
            if item.error == TIMEOUT
            else f"fails with {item.error}"
        )
        for item in answers
    ]
    return f"; of the nameservers that it asks, {', '.join(words)}"


class _Target:
    """One target, by address."""

    def __init__(self, scene: Scene, seconds: float, once: Once, wanted: Question, address: str) -> None:
        self._scene = scene
        self._seconds = seconds
        self._once = once
        self._wanted = wanted
        self._address = address
        # Without an address the way out is looked at all the same.
        self._towards = address or BEYOND_ADDRESSES[4]
        self._version = version_of(self._towards)
        self._route = route_to(self._towards)
        self._link = near.link_for(scene, self._route, self._version)
        self._nameservers: list[NameserverAnswer] = []

    def probe(self, shown: str, lookup: Optional[resolver.Lookup], *, all_layers: bool) -> Probe:
        self._nameservers = list(lookup.answers) if lookup is not None else []
        name = self._name(lookup)
        if all_layers:
            before = self._before()
            *between, asked = together([*self._between(before), self._ask])
            attempt, service = asked
            layers = [*before, *between, name, *self._of_target(attempt, service), self._service(attempt, service)]
            layers = without_silent(layers, attempt)
        else:
            attempt, service = self._ask()
            layers = [name, self._target(attempt), self._service(attempt, service)]
        behind = self._behind()
        return Probe(
            origin=self._scene.name,
            target=shown,
            protocol=self._wanted.protocol,
            port=self._wanted.port,
            address=self._address,
            observed=attempt.observed,
            layers=layers,
            source=attempt.source,
            nameservers=self._nameservers,
            container=behind.name if behind is not None else "",
        )

    def _behind(self) -> Optional[Container]:
        """The container that has the address, or whose published port it is."""
        if not self._address:
            return None
        if self._route.is_local and not self._scene.in_host_namespace:
            return self._scene.container
        wanted, on_host_itself = self._wanted, self._host_route().is_local
        return self._scene.container_behind(self._address, wanted.protocol, wanted.port, on_host=on_host_itself)

    def _before(self) -> list[ProbeLayer]:
        network = self._scene.network_at(self._link)
        return [
            near.process_layer(self._scene),
            near.interface_layer(self._scene, self._route, self._link),
            near.address_layer(self._scene, self._route, self._link, self._version),
            near.route_layer(self._scene, self._route, self._towards, network),
        ]

    def _between(self, before: list[ProbeLayer]) -> list[Callable[[], Any]]:
        """What asks each layer between the sender and its target, or says why it is not asked."""
        broken = next((layer for layer in before[1:] if layer.outcome == FAILED), None)
        why = ""
        if broken is not None:
            why = f"the layer {broken.layer} failed"
        elif self._route.is_local:
            why = "the target is the sender's own address"
        elif self._route.route is None:
            why = "there is no route"
        calls = {
            NEIGHBOUR: self._neighbour,
            GATEWAY: self._gateway,
            CONTAINER: self._container,
            HOST_ADDRESS: self._host_address,
            NEXT_HOP: self._next_hop,
        }
        if why:
            return [lambda layer=layer: ProbeLayer(layer, "", SKIPPED, "", f"not asked: {why}") for layer in calls]  # type: ignore[misc]
        return list(calls.values())

    # ---- layers, nearest first ---------------------------------------------------------------------------------------

    def _name(self, lookup: Optional[resolver.Lookup]) -> ProbeLayer:
        if lookup is None:
            return ProbeLayer(NAME, self._wanted.to, SKIPPED, "", "the target is an address")
        took = max((item.milliseconds or 0.0 for item in lookup.answers), default=None)
        outcome = PASSED if lookup.addresses else FAILED
        detail = lookup.detail
        if lookup.addresses:
            more = f" and {len(lookup.addresses) - 1} more" if len(lookup.addresses) > 1 else ""
            detail = f"{lookup.addresses[0]}{more}; {detail}"
        return ProbeLayer(NAME, self._wanted.to, outcome, lookup.error, detail, took)

    def _hop(self) -> str:
        """Who on the link gets the packets."""
        return self._route.gateway or self._address

    def _neighbour(self) -> ProbeLayer:
        link, hop = self._link, self._hop()
        if link is None or not hop:
            return ProbeLayer(NEIGHBOUR, hop, SKIPPED, "", "there is no address to ask")
        if len(link.mac) != _ETHERNET or link.name == "lo":
            return ProbeLayer(NEIGHBOUR, hop, SKIPPED, "", f"{link.name} has no hardware addresses")
        if link.without_arp:
            detail = f"{link.name} asks for no hardware addresses (NOARP; ip link set {link.name} arp on)"
            return ProbeLayer(NEIGHBOUR, hop, FAILED, "EHOSTUNREACH", detail)
        answer = self._hardware_address(link, hop)
        fixed = [
            item.mac
            for item in self._scene.own.fixed
            if (item.address, item.interface) == (hop.partition("%")[0], link.index)
        ]
        if answer.mac and fixed and fixed[0] != answer.mac:
            detail = f"{hop} has {answer.mac}, and a permanent entry of the neighbour table sends to {fixed[0]}"
            return ProbeLayer(NEIGHBOUR, hop, FAILED, "EHOSTUNREACH", detail, answer.milliseconds)
        if answer.mac:
            return ProbeLayer(NEIGHBOUR, hop, PASSED, "", answer.mac, answer.milliseconds)
        how = "ARP" if ":" not in hop else "neighbour discovery"
        detail = f"{hop} does not answer {how} on {link.name}"
        return ProbeLayer(NEIGHBOUR, hop, FAILED, answer.error, detail, answer.milliseconds)

    def _hardware_address(self, link: Link, hop: str) -> HardwareAnswer:
        asking = Asking(link.name, link.index, link.mac, address_of(link, version_of(hop)))
        return self._once.get(("hardware", link.index, hop), lambda: ask_neighbour(asking, hop, self._seconds))

    def _gateway(self) -> ProbeLayer:
        gateway = self._route.gateway
        if not gateway:
            return ProbeLayer(GATEWAY, "", SKIPPED, "", "the target is on the sender's own link")
        if self._scene.in_host_namespace:
            return ProbeLayer(GATEWAY, gateway, SKIPPED, "", "the host's gateway is the next hop of its uplink")
        layer = self._echoed(GATEWAY, gateway, "the gateway")
        if layer.error != TIMEOUT:
            return layer
        return replace(layer, detail=f"{layer.detail}; the host may drop echo requests to itself (INPUT)")

    def _container(self) -> ProbeLayer:
        network = self._scene.network_at(self._link)
        if network is None or self._scene.in_host_namespace:
            return ProbeLayer(CONTAINER, "", SKIPPED, "", "the sender is on no network of containers")
        if not network.icc:
            detail = f"network {network.name} keeps its containers apart (enable_icc is false)"
            return ProbeLayer(CONTAINER, "", SKIPPED, "", detail)
        peers = self._scene.peers(network, self._version, self._address)
        if not peers:
            return ProbeLayer(CONTAINER, "", SKIPPED, "", f"no other container is on network {network.name}")
        asked = together([lambda peer=peer: self._echo(peer[1]) for peer in peers])  # type: ignore[misc]
        at = next((index for index, attempt in enumerate(asked) if attempt.answered), 0)
        name, address = peers[at]
        return echo_layer(CONTAINER, address, asked[at], f"container {name}")

    def _host_address(self) -> ProbeLayer:
        address = self._scene.host_addresses.get(self._version, "")
        if self._scene.in_host_namespace:
            return ProbeLayer(HOST_ADDRESS, address, SKIPPED, "", "the sender is in the host's namespace")
        if not self._route.gateway:
            return ProbeLayer(HOST_ADDRESS, address, SKIPPED, "", "the target is on the sender's own link")
        if not address:
            return ProbeLayer(HOST_ADDRESS, "", SKIPPED, "", f"the host has no IPv{self._version} address for others")
        if route_to(address).route is None:
            return ProbeLayer(HOST_ADDRESS, address, SKIPPED, "", f"the sender has no route to {address}")
        return self._echoed(HOST_ADDRESS, address, "the host's own address")

    def _host_route(self) -> RouteAnswer:
        towards = self._towards
        return self._once.get(("host route", towards), lambda: on_host(lambda: route_to(towards)))

    def _next_hop(self) -> ProbeLayer:
        route = self._host_route()
        why = self._without_next_hop(route)
        hop = route.gateway
        if why:
            return ProbeLayer(NEXT_HOP, hop, SKIPPED, "", why)
        if route.route is None:
            detail = f"the host has no route to {self._towards}"
            return ProbeLayer(NEXT_HOP, "", FAILED, route.error, detail)
        if self._scene.in_host_namespace:
            zone = f"%{route.interface}" if _is_link_local(hop) else ""
            attempt = self._echo(f"{hop}{zone}")
            if attempt.answered or attempt.error != TIMEOUT:
                return echo_layer(NEXT_HOP, hop, attempt, "the next hop")
            return ProbeLayer(NEXT_HOP, hop, SKIPPED, "", f"{hop} answers no echo requests", attempt.milliseconds)
        return self._next_hop_of_container(hop, self._scene.host.link(route.interface))

    def _without_next_hop(self, route: RouteAnswer) -> str:
        """Why there is none to ask; empty if there is."""
        link = self._scene.host.link(route.interface)
        inside = self._scene.in_host_namespace
        if not self._route.gateway and not inside:
            return "the target is on the sender's own link"
        if self._scene.is_internal():
            # Engines before 27 give it a default route, and drop what takes it.
            return "the sender's networks are internal: nothing gets out by design"
        if route.is_local or (link is not None and link.kind == "bridge" and not route.gateway):
            return "the target is not beyond an uplink of the host"
        if route.route is not None and not route.gateway:
            return "the target is on the link of the host's uplink"
        if _is_link_local(route.gateway) and not inside:
            return f"no container can send to {route.gateway}, which is of link scope"
        return ""

    def _next_hop_of_container(self, hop: str, link: Optional[Link]) -> ProbeLayer:
        """Held against what the host gets from it: many a router answers no echo requests at all."""
        attempt, from_host, by_arp = together(
            [lambda: self._echo(hop), lambda: self._host_echo(hop), lambda: self._host_neighbour(link, hop)]
        )
        if attempt.answered or from_host.answered:
            layer = echo_layer(NEXT_HOP, hop, attempt, "the next hop")
            known = "; it answers the host" if layer.outcome == FAILED else ""
            return replace(layer, detail=f"{layer.detail}{known}")
        if by_arp.error:
            detail = f"{hop} answers neither echo requests nor the host's question for its hardware address"
            return ProbeLayer(NEXT_HOP, hop, FAILED, by_arp.error, detail, by_arp.milliseconds)
        detail = f"{hop} answers no echo requests, of the host neither"
        return ProbeLayer(NEXT_HOP, hop, SKIPPED, "", detail, attempt.milliseconds)

    def _host_neighbour(self, link: Optional[Link], hop: str) -> Attempt:
        """Whether the next hop answers the host's question for its hardware address."""
        if link is None or len(link.mac) != _ETHERNET:
            return Attempt(UNKNOWN)
        asking = Asking(link.name, link.index, link.mac, address_of(link, version_of(hop)))
        found = self._once.get(
            ("host hardware", hop), lambda: on_host(lambda: ask_neighbour(asking, hop, self._seconds))
        )
        return Attempt(UNKNOWN, found.error, "", found.milliseconds)

    def _echo(self, address: str) -> Attempt:
        return self._once.get(("echo", address), lambda: echo(address, self._seconds))

    def _host_echo(self, address: str) -> Attempt:
        return self._once.get(("host echo", address), lambda: on_host(lambda: echo(address, self._seconds)))

    def _echoed(self, layer: str, address: str, who: str) -> ProbeLayer:
        zone = f"%{self._route.interface}" if _is_link_local(address) else ""
        return echo_layer(layer, address, self._echo(f"{address}{zone}"), who)

    # ---- the target itself -------------------------------------------------------------------------------------------

    def _ask(self) -> tuple[Attempt, Optional[ServiceAnswer]]:
        """What the transport did, and what the service said where it is asked."""
        wanted, seconds = self._wanted, self._seconds
        if not self._address:
            return Attempt(UNREACHABLE), None
        if wanted.protocol == question.TCP:
            return tcp(self._address, wanted.port, seconds), None
        if wanted.protocol == question.UDP:
            return udp(self._address, wanted.port, seconds), None
        if wanted.protocol == question.ICMP:
            return self._echo(self._address), None
        if wanted.protocol == question.DNS:
            return self._ask_nameserver()
        attempt, connected = connect(self._address, wanted.port, seconds)
        if connected is None:
            return attempt, None
        with connected:
            host = wanted.to if wanted.is_name else ""
            service = ask_service(wanted.protocol, connected, host or self._authority(), seconds, sni=host)
        return attempt, service

    def _authority(self) -> str:
        return f"[{self._address}]" if ":" in self._address else self._address

    def _ask_nameserver(self) -> tuple[Attempt, Optional[ServiceAnswer]]:
        wanted = self._wanted
        absolute = wanted.name if wanted.name.endswith(".") else f"{wanted.name}."
        found = dns.ask(self._address, absolute, dns.A, self._seconds, wanted.port)
        self._nameservers = [
            resolver.answer_of(self._address, resolver.RESOLVER, self._scene.name, f"{absolute} A", found)
        ]
        words = ", ".join(found.addresses) or found.error
        if not found.is_answer and self._address == resolver.DOCKERS_OWN:
            upstream = ask_upstreams(self._scene, absolute, self._seconds)
            self._nameservers += upstream
            words += upstream_words(self._scene, upstream)
        if not found.answered:
            detail = words.partition(";")[2].strip()
            return Attempt(observed(found.error), found.error, detail, found.milliseconds), None
        attempt = Attempt(ANSWERED, "", "", found.milliseconds)
        service = ServiceAnswer(
            found.is_answer, "" if found.is_answer else found.error, f"{absolute} A: {words}", found.milliseconds
        )
        return attempt, service

    def _target(self, attempt: Attempt) -> ProbeLayer:
        port = f" port {self._wanted.port}" if self._wanted.port else ""
        shown = f"{self._address}{port}"
        if not self._address:
            return ProbeLayer(TARGET, "", SKIPPED, "", "there is no address to ask")
        outcome = PASSED if attempt.answered else SKIPPED if attempt.observed == UNKNOWN else FAILED
        words = attempt.detail
        if not words and outcome == FAILED:
            words = _WORDS.get(attempt.error, f"{attempt.error} from the kernel")
        return ProbeLayer(TARGET, shown, outcome, attempt.error, words, attempt.milliseconds)

    def _of_target(self, attempt: Attempt, service: Optional[ServiceAnswer]) -> list[ProbeLayer]:
        return [self._target(attempt), self._path_mtu(attempt, service)]

    def _path_mtu(self, attempt: Attempt, service: Optional[ServiceAnswer]) -> ProbeLayer:
        if not attempt.answered:
            return ProbeLayer(PATH_MTU, self._address, SKIPPED, "", "the target does not answer")
        if self._route.is_local or self._link is None:
            return ProbeLayer(PATH_MTU, self._address, SKIPPED, "", "packets to it stay in the sender's namespace")
        mtu = self._link.mtu
        if service is not None and service.gap_came:
            detail = "of its answer a later, smaller packet came, and the larger ones before it were lost on their way"
            return ProbeLayer(PATH_MTU, self._address, FAILED, TIMEOUT, detail, service.milliseconds)
        answer = self._once.get(("mtu", self._address, mtu), lambda: measure(self._address, mtu, self._seconds))
        layer = mtu_layer(self._address, mtu, answer)
        if layer.outcome == PASSED or service is None or not service.passed:
            return layer
        if self._wanted.protocol not in _HTTP:
            return layer
        return self._large_request(layer, mtu)

    def _large_request(self, layer: ProbeLayer, mtu: int) -> ProbeLayer:
        """Whether a request arrives that fills more than one packet: an answer tells more than an echo."""
        dummy, connected = connect(self._address, self._wanted.port, self._seconds)
        if connected is None:
            return layer
        size = min(2 * mtu, _LARGEST_REQUEST)
        with connected:
            host = self._wanted.to if self._wanted.is_name else ""
            answer = ask_service(
                self._wanted.protocol, connected, host or self._authority(), self._seconds, sni=host, padding=size
            )
        if answer.passed:
            detail = f"a request of {size} bytes was answered"
            return ProbeLayer(PATH_MTU, self._address, PASSED, "", detail, answer.milliseconds)
        if answer.error != TIMEOUT:
            return layer
        detail = f"a small request is answered, and one of {size} bytes is not"
        return ProbeLayer(PATH_MTU, self._address, FAILED, TIMEOUT, detail, answer.milliseconds)

    def _service(self, attempt: Attempt, service: Optional[ServiceAnswer]) -> ProbeLayer:
        if service is not None:
            outcome = PASSED if service.passed else FAILED
            return ProbeLayer(SERVICE, self._address, outcome, service.error, service.detail, service.milliseconds)
        why = (
            f"{self._wanted.protocol} asks nothing of the service" if attempt.answered else "the target does not answer"
        )
        return ProbeLayer(SERVICE, self._address, SKIPPED, "", why)


def _is_link_local(address: str) -> bool:
    return address.lower().startswith("fe80:")


_LARGEST_REQUEST = 6000
"""Bytes; servers take heads of 8 KiB."""
_WORDS = {
    "ECONNREFUSED": "refused by a reset: nothing listens there, or a rule rejects it",
    TIMEOUT: "no answer",
    "EHOSTUNREACH": "no route to host: a neighbour does not answer, or a rule rejects it",
    "ENETUNREACH": "network unreachable: there is no route",
    "EPERM": "not permitted: a rule of the sender's own namespace drops it",
    "EACCES": "a rule or route prohibits it",
    "ECONNRESET": "the connection was reset",
}


def echo_layer(layer: str, address: str, attempt: Attempt, who: str) -> ProbeLayer:
    """The layer that an echo request makes."""
    if attempt.answered:
        return ProbeLayer(layer, address, PASSED, "", f"{who} replies", attempt.milliseconds)
    words = attempt.detail or _WORDS.get(attempt.error, "")
    detail = f"{who} does not reply to an echo request" + (f": {words}" if words and attempt.error != TIMEOUT else "")
    return ProbeLayer(layer, address, FAILED, attempt.error, detail, attempt.milliseconds)


def mtu_layer(address: str, mtu: int, answer: MtuAnswer) -> ProbeLayer:
    """The layer that an answer about the path's MTU makes."""
    took = answer.milliseconds
    if answer.error:
        return ProbeLayer(PATH_MTU, address, SKIPPED, "", f"not measured: {answer.error}", took)
    if answer.largest >= mtu:
        return ProbeLayer(PATH_MTU, address, PASSED, "", f"packets of {mtu} bytes arrive", took)
    if answer.reported:
        detail = f"the path takes {answer.reported} bytes of {mtu}; {answer.detail or 'it is known to the kernel'}"
        return ProbeLayer(PATH_MTU, address, PASSED, "", detail, took)
    if not answer.largest:
        return ProbeLayer(PATH_MTU, address, SKIPPED, "", "not measured: the target answers no echo requests", took)
    detail = (
        f"echo requests of {answer.largest} bytes are answered, larger ones up to {mtu} vanish and no router reports it"
    )
    return ProbeLayer(PATH_MTU, address, FAILED, TIMEOUT, detail, took)


def without_silent(layers: list[ProbeLayer], attempt: Attempt) -> list[ProbeLayer]:
    """The layers, with those that did not reply passed over where something came back from beyond them.

    Many a host drops echo requests to itself and forwards packets nevertheless. Nor does a way out lead through
    another container.
    """
    found: list[ProbeLayer] = []
    replied = "packets of the target come back" if attempt.observed in (ANSWERED, REFUSED, CLOSED) else ""
    gateway_passed = any(layer.layer == GATEWAY and layer.outcome == PASSED for layer in layers)
    for layer in reversed(layers):
        beyond = replied or ("the gateway replies" if layer.layer == CONTAINER and gateway_passed else "")
        silent = layer.outcome == FAILED and layer.layer in _ECHOES
        why = f"{layer.detail}; not a fault, since {beyond}"
        found.append(replace(layer, outcome=SKIPPED, error="", detail=why) if silent and beyond else layer)
        if layer.outcome == PASSED and layer.layer in (GATEWAY, HOST_ADDRESS, NEXT_HOP) and not replied:
            replied = f"{layer.target} replies"
    return found[::-1]
