# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Causes that probes show: the layer that failed nearest to the sender, the state of the processes, who is silent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import Remediation
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Neighbour
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel_trace import LEFT
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    ANSWERED,
    CLOSED,
    HOST,
    OUTSIDE,
    REFUSED,
    TIMED_OUT,
    UNREACHABLE,
    address_in,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.probe import (
    ADDRESS,
    EXITED,
    FAILED,
    INTERFACE,
    NAME,
    NEIGHBOUR,
    NEXT_HOP,
    PASSED,
    PATH_MTU,
    PAUSED,
    ROUTE,
    SERVICE,
    STOPPED,
    TRACED,
    Probe,
    ProbeLayer,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.diagnosis.candidate import (
    ANY_PLACE,
    BEHIND_RULES,
    BEYOND,
    SENDER,
    Candidate,
    in_words,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.diagnosis.case import (
    Case,
    layer_of,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.diagnosis.diagnosis import (
    CERTAIN,
    LIKELY,
    POSSIBLE,
    PREDICTION,
    PROBE,
    Evidence,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.diagnosis.misrouting_causes import detached
from ansible_collections.dockernet.baseline.plugins.plugin_utils.diagnosis.step_causes import (
    address_missing,
    bridge_down,
    bridge_without_arp,
    container_without_arp,
    inner_port,
    interface_down,
    missing_gateway,
    missing_route,
    nothing_inside,
    null_route_inside,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import (
    is_loopback_text,
    parse_address,
)

_EMBEDDED = "127.0.0.11"
"""Where Docker's own resolver listens inside a container."""


_THAW = (
    "Find out what froze the control group, then thaw it: write 0 into the named file cgroup.freeze, or THAWED into "
    "freezer.state"
)


def probe_causes(case: Case) -> Iterator[Candidate]:
    """All causes that what was seen speaks for, one after the other."""
    for kind in _KINDS:
        yield from kind(case)


def _saw(probe: Probe, layer: ProbeLayer) -> Evidence:
    words = layer.detail or f"{layer.target or probe.target}: {layer.error or layer.outcome}"
    return Evidence(PROBE, f"From {probe.origin}, layer {layer.layer}: {words}")


_STOPPED_BY = {
    STOPPED: ("a signal (SIGSTOP)", "Let it continue: kill -CONT {0}, or restart the container"),
    TRACED: (
        "a debugger",
        "Detach the debugger, or end it (TracerPid in /proc/{0}/status is its process), or restart the container",
    ),
}
"""What stops a process, and what to do."""


def _processes(case: Case) -> Iterator[Candidate]:
    state, asked = case.process, case.asked
    if state is None or asked is None or state.container not in ("", asked.name):
        return
    name = asked.name
    if state.state == PAUSED:
        yield Candidate(
            "process_paused",
            f"Container {name} is {'paused' if asked.paused else 'frozen'}: the kernel takes connections for it, and "
            "no program answers",
            BEHIND_RULES,
            (Evidence(PROBE, state.reason or f"The processes of container {name} are frozen"),),
            remediation=Remediation(f"Resume it: docker unpause {name}" if asked.paused else _THAW),
            layer="process",
            named=True,
            works_in_part=True,
        )
    elif state.state in (STOPPED, TRACED):
        pid = state.halted or state.pid
        how, advice = _STOPPED_BY[state.state]
        yield Candidate(
            "process_stopped",
            f"Process {pid} of container {name} is stopped by {how}: the kernel takes connections for it, and no "
            "program answers",
            BEHIND_RULES,
            (Evidence(PROBE, state.reason or f"Process {pid} of container {name} is stopped by {how}"),),
            remediation=Remediation(advice.format(pid)),
            layer="process",
            named=True,
            works_in_part=True,
        )
    elif state.state == EXITED:
        yield Candidate(
            "container_not_running",
            f"Container {name} does not run, so nothing answers",
            BEHIND_RULES,
            (Evidence(PROBE, state.reason or f"Container {name} has no process"),),
            remediation=Remediation(f"Start it (docker start {name}), and see docker logs {name} for why it ended"),
            layer="process",
            named=True,
        )
    full = [item for item in state.queue_full if item.port == inner_port(case)]
    if full:
        yield Candidate(
            "accept_queue_full",
            f"The program in container {name} accepts no connections on {full[0]}: its queue is full",
            BEHIND_RULES,
            (Evidence(PROBE, f"The queue of {full[0]} in container {name} is full"),),
            remediation=Remediation(
                f"Find out why the program does not accept (docker logs {name}, its load), or restart it"
            ),
            layer="process",
            named=True,
        )


def _no_listener(case: Case) -> Iterator[Candidate]:
    """A refusal by the container's own kernel, seen from inside it or by the sender."""
    asked = case.asked
    if asked is None:
        return
    refused = [item for item in case.inner_probes if item.observed == REFUSED and not is_loopback_text(item.address)]
    own = case.own_probe
    addresses = {text for end in asked.endpoints for text in (end.address, end.address6) if text}
    if own is not None and own.observed == REFUSED and own.address in addresses:
        refused.append(own)
    if not refused or (own is not None and own.observed == ANSWERED):
        return
    found = nothing_inside(case, asked)
    probe = refused[0]
    text = f"The kernel refuses a connection from {probe.origin} to {probe.address} port {probe.port} (ECONNREFUSED)"
    on_loopback = [item for item in case.inner_probes if is_loopback_text(item.address) and item.observed == ANSWERED]
    more = tuple(
        Evidence(PROBE, f"Inside container {asked.name} a connection to {item.address} port {item.port} is answered")
        for item in on_loopback[:1]
    )
    is_inside = any(item.origin == asked.name for item in refused)
    yield Candidate(
        found.cause,
        found.summary,
        BEHIND_RULES,
        (Evidence(PROBE, text), *more),
        found.checks,
        found.remediation,
        case.decided_at,
        found.layer,
        # A refusal on the way can be a rule's; inside the container there is none between.
        named=is_inside,
        at_most=CERTAIN if is_inside or _has_no_socket(case) else POSSIBLE,
    )


def _has_no_socket(case: Case) -> bool:
    space = case.space(case.asked)
    if space is None:
        return False
    return not any(
        item.port == inner_port(case) and item.protocol == case.packet.protocol and not is_loopback_text(item.address)
        for item in space.listeners
    )


def _inside_sender(case: Case) -> Iterator[Candidate]:
    """The layers between a container's programs and the bridge."""
    probe, asking = case.own_probe, case.asking
    if probe is None or asking is None or probe.observed == ANSWERED:
        return
    name = asking.name
    layer = probe.first_failed
    if layer is None:
        return
    if layer.layer == INTERFACE:
        yield _without_link(case, probe, layer)
    if layer.layer == ADDRESS:
        yield replace(address_missing(name, case.family), evidence=(_saw(probe, layer),), named=True)
    if layer.layer == ROUTE:
        refusal = null_route_inside(case, asking)
        found = refusal or missing_route(case, name)
        is_named = layer.error in ("ENETUNREACH", "EHOSTUNREACH") or refusal is not None
        yield Candidate(
            found.cause, found.summary, SENDER, (_saw(probe, layer),), found.checks, found.remediation, layer=ROUTE,
            step=case.decided_at, named=is_named,
        )  # fmt: skip
    if layer.layer == NEIGHBOUR:
        yield from _silent_gateway(case, probe, layer)


def _without_link(case: Case, probe: Probe, layer: ProbeLayer) -> Candidate:
    """A link that carries nothing: its end on the host, or the bridge, is to blame where it is not as it should be."""
    known = detached(case, probe.origin) or bridge_down(case)
    if known is not None:
        return replace(known, evidence=(*known.evidence, _saw(probe, layer)))
    found = interface_down(probe.origin, f"the interface of container {probe.origin} is down or has no carrier")
    return replace(found, evidence=(_saw(probe, layer),), named=layer.error in ("ENETDOWN", "ENOLINK"))


def _silent_gateway(case: Case, probe: Probe, layer: ProbeLayer) -> Iterator[Candidate]:
    """A gateway whose hardware address a container does not learn, though the host's side is as it should be."""
    name = probe.origin
    silent = layer.target
    known = container_without_arp(case, silent) or bridge_without_arp(case, silent) or missing_gateway(case)
    if known is not None:
        yield replace(known, evidence=(*known.evidence, _saw(probe, layer)))
        return
    yield Candidate(
        "neighbour_unresolved",
        f"Container {name} does not learn the hardware address of {layer.target or 'its gateway'}: what it sends goes "
        "nowhere",
        SENDER,
        (_saw(probe, layer),),
        ("network.endpoint", "bridge.link"),
        Remediation(
            "Look at the container's link and its bridge port (bridge link show), and at ARP settings on both ends"
        ),
        layer=NEIGHBOUR,
        at_most=POSSIBLE,
    )


def _deaf_container(case: Case) -> Iterator[Candidate]:
    """A container of which the host does not learn the hardware address, though its link is where it belongs."""
    asked = case.asked
    if asked is None or case.decision is not None or detached(case, asked.name) is not None:
        return
    addresses = {text for end in asked.endpoints for text in (end.address, end.address6) if text}
    for probe in case.probes:
        layer = layer_of(probe, NEIGHBOUR, FAILED)
        if layer is not None and probe.origin == HOST and probe.address in addresses:
            known = bridge_without_arp(case, probe.address) or container_without_arp(case, probe.address)
            if known is not None:
                yield replace(known, evidence=(*known.evidence, _saw(probe, layer)))
                return
            yield Candidate(
                "arp_off_in_container",
                f"Container {asked.name} does not answer ARP for {probe.address}: the host delivers nothing to it",
                BEHIND_RULES,
                (_saw(probe, layer),),
                ("network.endpoint",),
                Remediation(
                    f"Look at its interface (nsenter -n -t {asked.pid} ip -d link show; NOARP, arp_ignore), "
                    f"or restart it: docker restart {asked.name}"
                ),
                layer=NEIGHBOUR,
                at_most=LIKELY,
            )
            return


def _names(case: Case) -> Iterator[Candidate]:
    """The resolver: Docker's own inside the container, or the servers that it asks."""
    for probe in case.probes:
        layer = layer_of(probe, NAME, FAILED)
        if layer is None:
            continue
        what = case.name or probe.target
        if layer.error in ("NXDOMAIN", "NODATA"):
            yield Candidate(
                "name_unknown",
                f"No name server knows an address for {what}: the answer is {layer.error}",
                ANY_PLACE,
                (_saw(probe, layer),),
                remediation=Remediation("Correct the name, or the record of its name server"),
                layer=NAME,
                named=bool(probe.nameservers),
                works_in_part=True,
            )
        elif _is_own_resolver_dead(probe):
            yield _dead_resolver(probe, layer)
        elif _servers_of_its_own(case, probe):
            yield _dead_servers(case, probe, layer)
        else:
            yield _dead_upstream(case, probe, layer, what)


def _is_own_resolver_dead(probe: Probe) -> bool:
    """Whether Docker's own resolver does not answer for a reason of its own."""
    own = [item for item in probe.nameservers if item.server == _EMBEDDED]
    refused = any(item.error == "ECONNREFUSED" for item in own)
    silent = bool(own) and all(item.error in _NOT_HEARD for item in own)
    # It waits for those that it asks: its silence is its own only where one of them answers.
    behind = [item for item in probe.nameservers if item.role == "upstream"]
    return refused or (silent and any(item.outcome == PASSED for item in behind))


_NOT_HEARD = ("TIMEOUT", "ETIMEDOUT", "ECONNREFUSED", "EPERM", "EHOSTUNREACH", "ENETUNREACH")


def _answers_of(probe: Probe, role: str) -> tuple[Evidence, ...]:
    """What each name server of a role said, each once."""
    texts = (
        f"Name server {item.server}, asked from {item.place}: "
        + ("answers" if item.outcome == PASSED else f"no answer ({item.error})")
        for item in probe.nameservers
        if item.role == role
    )
    return tuple(Evidence(PROBE, text) for text in dict.fromkeys(texts))


def _dead_resolver(probe: Probe, layer: ProbeLayer) -> Candidate:
    refused = any(item.server == _EMBEDDED and item.error == "ECONNREFUSED" for item in probe.nameservers)
    return Candidate(
        "resolver_dead",
        f"Docker's resolver at {_EMBEDDED} does not answer in container {probe.origin}: no name is resolved",
        ANY_PLACE,
        (_saw(probe, layer), *_answers_of(probe, "resolver"), *_answers_of(probe, "upstream")),
        remediation=Remediation(
            f"Restart the container, which restores its resolver: docker restart {probe.origin}; if that does not "
            "help, restart dockerd"
        ),
        layer=NAME,
        named=refused,
        works_in_part=True,
    )


def _servers_of_its_own(case: Case, probe: Probe) -> list[str]:
    """The name servers of a container's resolv.conf, where neither the engine nor the host gave it any of them."""
    servers = list(dict.fromkeys(item.server for item in probe.nameservers if item.role == "resolver"))
    given = {_EMBEDDED, *case.snapshot.nameservers}
    return [] if given.intersection(servers) or probe.origin == HOST else servers


def _dead_servers(case: Case, probe: Probe, layer: ProbeLayer) -> Candidate:
    servers = ", ".join(_servers_of_its_own(case, probe))
    return Candidate(
        "resolver_dead",
        f"The resolv.conf of container {probe.origin} names {servers}, which does not answer: no name is resolved",
        ANY_PLACE,
        (_saw(probe, layer), *_answers_of(probe, "resolver")),
        remediation=Remediation(
            f"Restart the container, which restores its resolv.conf: docker restart {probe.origin}. Then find out what "
            "wrote the file (the image's entrypoint, option --dns)"
        ),
        layer=NAME,
        works_in_part=True,
    )


def _dead_upstream(case: Case, probe: Probe, layer: ProbeLayer, what: str) -> Candidate:
    asked = [item.server for item in probe.nameservers if item.role == "upstream" and item.outcome == FAILED]
    asked = asked or [item.server for item in probe.nameservers if item.server != _EMBEDDED]
    servers = ", ".join(dict.fromkeys(asked)) or ", ".join(case.snapshot.nameservers[:3])
    server = servers.partition(",")[0] or "SERVER"
    return Candidate(
        "upstream_dns_dead",
        f"The name servers behind the resolver ({servers or 'not known'}) do not answer: {what} is not resolved",
        ANY_PLACE,
        (_saw(probe, layer), *_answers_of(probe, "upstream"), *_predicted_silence(case)),
        remediation=Remediation(
            f"Find out why they do not answer (dig @{server} {what}), or set others: /etc/resolv.conf of the host, dns "
            "in daemon.json, or option --dns of the container"
        ),
        layer=NAME,
        works_in_part=True,
    )


def _predicted_silence(case: Case) -> Iterator[Evidence]:
    """That the host itself lets the question to the name server pass, so that it is the server's silence."""
    if case.packet.port == 53 and case.is_predicted_well:
        yield Evidence(PREDICTION, f"The host lets the question to {case.packet.destination} pass and its answer back")


def _sizes(case: Case) -> Iterator[Candidate]:
    if case.related("bridge.mtu"):
        # It has a candidate of its own, to which the probe's evidence is added.
        return
    for probe in case.probes:
        layer = layer_of(probe, PATH_MTU, FAILED)
        if layer is not None:
            yield Candidate(
                "mtu_black_hole",
                f"Large packets to {probe.target} are lost and no router says so: connections open and then hang",
                ANY_PLACE,
                (_saw(probe, layer),),
                remediation=Remediation(
                    f"Find the narrow link (tracepath -n {probe.address or probe.target}) and let ICMP errors pass "
                    "there, or recreate the network with an MTU that passes (docker network create --opt "
                    "com.docker.network.driver.mtu=SIZE, or module bridge_network)"
                ),
                layer=PATH_MTU,
                works_in_part=True,
            )
            return


def _service(case: Case) -> Iterator[Candidate]:
    probe = case.own_probe
    layer = layer_of(probe, SERVICE, FAILED)
    if probe is None or layer is None:
        return
    if layer.error in ("TIMEOUT", "ETIMEDOUT"):
        yield Candidate(
            "service_silent",
            f"The connection to {_where(probe)} opens, and the service says nothing",
            ANY_PLACE,
            (_saw(probe, layer),),
            remediation=Remediation(
                "Look at the service's own log; large packets that are lost look the same (path_mtu)"
            ),
            layer=SERVICE,
            works_in_part=True,
            at_most=POSSIBLE,
        )
        return
    yield Candidate(
        "wrong_service",
        f"What answers on {_where(probe)} is not the service that was asked for",
        ANY_PLACE,
        (_saw(probe, layer),),
        remediation=Remediation(
            "Find out which program holds the port (ss -ltnp), and correct the port or the address"
        ),
        layer=SERVICE,
        works_in_part=True,
    )


def _where(probe: Probe) -> str:
    address = probe.address or probe.target
    return f"{address} port {probe.port}" if probe.port else address


def _target(case: Case) -> Iterator[Candidate]:
    """The host lets all pass, and who is asked does not answer."""
    probe, path = case.own_probe, case.path
    if probe is None or not case.is_predicted_well or path.responder is None:
        return
    if path.responder.kind != OUTSIDE or probe.observed not in (TIMED_OUT, REFUSED, UNREACHABLE, CLOSED):
        return
    if _failed_inside(probe):
        return
    sent = path.sent_as or address_in(probe.source)
    devices = [step.outgoing for step in path.steps if step.place == "wire" and step.outgoing]
    trace = case.trace
    device = trace.end_device if trace is not None and trace.end == LEFT and trace.end_device else ""
    device = device or (devices[0] if devices else "its uplink")
    where = _where(probe)
    evidence = (
        Evidence(PREDICTION, f"No rule or setting of the host stops the connection: {path.reason}"),
        Evidence(PROBE, f"The connection from {probe.origin} to {where} {in_words(probe.observed)}"),
    )
    left = trace is not None and trace.end == LEFT
    if not left and any(layer_of(probe, name, FAILED) for name in (INTERFACE, ADDRESS, ROUTE, NEIGHBOUR)):
        # It did not come so far.
        return
    next_hop = layer_of(probe, NEXT_HOP, FAILED)
    if probe.observed in (REFUSED, CLOSED):
        yield Candidate(
            "target_refuses",
            f"{where} refuses the connection: the packet left by {device} as {sent}, and the refusal came back",
            BEYOND,
            evidence,
            remediation=Remediation(
                "Start the service on the target, or have a firewall between accept the connection"
            ),
            layer="target",
            at_most=CERTAIN if left else LIKELY,
        )
        return
    if next_hop is not None:
        yield Candidate(
            "next_hop_silent",
            f"The next hop {next_hop.target} does not answer, so what leaves by {device} goes nowhere",
            BEYOND,
            (*evidence, _saw(probe, next_hop)),
            remediation=Remediation(
                f"Look at the uplink's router and cable (ip neigh show; ping -c 3 {next_hop.target})"
            ),
            layer=NEXT_HOP,
            at_most=POSSIBLE,
        )
    fixed = _fixed_neighbour(case, device, probe.address)
    if fixed is not None:
        yield Candidate(
            "permanent_neighbour",
            f"{fixed.address} has a fixed entry in the neighbour table of {device}: if {fixed.mac} is not its "
            "hardware address, what is sent to it is lost",
            BEYOND,
            evidence,
            remediation=Remediation(f"Delete the entry if it is wrong: ip neigh del {fixed.address} dev {device}"),
            layer=NEXT_HOP,
            at_most=POSSIBLE,
        )
    is_near = case.view.host.is_on_link(*parse_address(probe.address), device)
    how = f"it is on the link of {device}, where no machine answers for it" if is_near else "no answer came back"
    yield Candidate(
        "target_silent",
        f"{where} does not answer: this host sends the packet by {device} as {sent}, and {how}",
        BEYOND,
        evidence,
        remediation=Remediation(
            "Find out whether a machine on that link has the address and is up (ip neigh show)"
            if is_near
            else "Ask who runs the target, or the network between: nothing on this host stops the connection"
        ),
        layer="target",
        at_most=POSSIBLE if fixed is not None else CERTAIN if left else LIKELY,
    )


def _fixed_neighbour(case: Case, device: str, target: str) -> Neighbour | None:
    """The fixed entry by which a device sends to an address, itself or a next hop; None where the kernel asks."""
    index = next((link.index for link in case.snapshot.links if link.name == device), None)
    hops = {text for route in case.snapshot.routes if index in route.interfaces for text in route.gateways}
    mine = (item for item in case.snapshot.neighbours if item.interface == index)
    return next((item for item in mine if item.address in hops | {target}), None)


def _failed_inside(probe: Probe) -> bool:
    """Whether a layer failed that is nearer than the host: nothing left the sender."""
    failed = probe.first_failed
    return failed is not None and failed.layer in (INTERFACE, ADDRESS, ROUTE, NEIGHBOUR)


def _silent_container(case: Case) -> Iterator[Candidate]:
    """A container that the prediction reaches, and that does not answer: nothing that was read explains it."""
    probe, path = case.own_probe or case.silent_from_host, case.path
    is_container = path.responder is not None and path.responder.kind == "container"
    if probe is None or not is_container or not case.is_predicted_well or case.packet.protocol == "udp":
        return
    if probe.observed not in (TIMED_OUT, UNREACHABLE) or _failed_inside(probe):
        return
    yield Candidate(
        "container_silent",
        f"Container {path.answering_container} does not answer {probe.origin}, and no rule or setting that was read "
        "explains it",
        ANY_PLACE,
        (Evidence(PROBE, f"The connection from {probe.origin} to {_where(probe)} {in_words(probe.observed)}"),),
        remediation=Remediation("Ask again with a real packet that is followed: -e trace=live"),
        layer="target",
        at_most=POSSIBLE,
    )


_KINDS: tuple[Callable[[Case], Iterator[Candidate]], ...] = (
    _processes,
    _no_listener,
    _inside_sender,
    _deaf_container,
    _names,
    _sizes,
    _service,
    _target,
    _silent_container,
)
