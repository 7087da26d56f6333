# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What a trace of a packet is asked for, and what is returned of it beside the prediction. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import to_plain
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel_trace import (
    INJECTED,
    WAITED,
    KernelTrace,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    CONTAINER,
    OUTSIDE,
    Packet,
    Path,
    split_end,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import safe
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_view import HostView
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.predict import departure
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import address_text
from ansible_collections.dockernet.baseline.plugins.plugin_utils.trace.compare import Row, align
from ansible_collections.dockernet.baseline.plugins.plugin_utils.trace.trace_words import end_of_trace, rule_words
from ansible_collections.dockernet.baseline.plugins.plugin_utils.trace.traced_steps import (
    RuleIndex,
    settled,
    traced_steps,
)

_MOST_EXPECTED = 16
"""Connections of docker-proxy that kernel_trace takes."""


def probe_of(view: HostView, packet: Packet) -> dict[str, Any]:
    """The options of kernel_trace that say which packet it is, in numbers: nothing is looked up there any more."""
    start, first = departure(view, packet)
    origin = {"kind": packet.origin.kind, "name": ""}
    source = packet.source
    if packet.origin.kind == OUTSIDE:
        origin["name"] = start.device
        source = source or address_text(first.family, first.saddr)
    elif packet.origin.kind == CONTAINER:
        origin["name"] = view.containers[packet.origin.name].id
    proxied = {
        (proxy.container_ip, proxy.container_port)
        for proxy in view.snapshot.proxies
        if (proxy.protocol, proxy.host_port) == (packet.protocol, packet.port)
    }
    return {
        "origin": origin,
        "destination": packet.destination,
        "protocol": packet.protocol,
        "port": packet.port,
        "source": source,
        "expected": [{"destination": address, "port": port} for address, port in sorted(proxied)[:_MOST_EXPECTED]],
    }


def followed_packet(packet: Packet, trace: KernelTrace) -> Packet:
    """The packet that a trace is of: where it waited for one, that of another sender than the one that was meant."""
    if trace.sent != WAITED or not trace.source:
        return packet
    address, port = split_end(trace.source)
    return replace(packet, source=address, source_port=port)


def command_of(packet: Packet, trace: KernelTrace) -> str:
    """What a machine outside runs to send that packet; empty where the trace has sent one itself."""
    if packet.origin.kind != OUTSIDE or trace.sent == INJECTED:
        return ""
    if packet.protocol == "icmp":
        return f"ping -c 1 {packet.destination}"
    return f"nc -vz{'u' if packet.protocol == 'udp' else ''} {packet.destination} {packet.port}"


class TracedPath:
    """A predicted path beside what the kernel did."""

    def __init__(self, view: HostView, packet: Packet, path: Path, trace: KernelTrace) -> None:
        """Take the host, the packet, and what was predicted and traced of it."""
        index = RuleIndex.of(view)
        self._packet = packet
        self._path = path
        self._steps = traced_steps(trace, index)
        self._trace = settled(trace, self._steps)
        self._aligned = align(path, trace, index)

    @property
    def summary(self) -> str:
        """Where the trace ends, in one sentence, and whether that was predicted."""
        trace, agree = self._trace, self._aligned.comparison.agree
        ended = end_of_trace(trace, self._steps)
        if agree is None:
            return ended
        if not agree:
            return f"{ended}, which is not as predicted"
        same = self._aligned.same
        return f"{ended}, as predicted ({same} rule{'s' if same != 1 else ''} and policies compared)"

    def to_plain(self) -> dict[str, Any]:
        """The result ``traced``, see packet_trace.yml."""
        trace, comparison = self._trace, self._aligned.comparison
        places = {item.event: place for place, item in enumerate(self._steps)}
        return {
            **{name: getattr(trace, name) for name in _KEPT},
            "steps": [to_plain(item.step) for item in self._steps],
            "agree": comparison.agree,
            "difference": comparison.difference,
            "predicted_step": comparison.predicted_step,
            "traced_step": None if comparison.event is None else places.get(comparison.event),
            "same": [row[0] for row in self._aligned.rows[: self._aligned.same]],
            "summary": self.summary,
            "command": command_of(self._packet, trace),
        }

    def listing(self) -> str:
        """Both side by side for people, the first difference marked."""
        comparison = self._aligned.comparison
        lines = [f"{self._trace.mode} trace: {safe(self.summary)}"]
        for text in (comparison.difference, self._trace.problem if self._trace.complete else ""):
            lines += [f"    {safe(text)}"] if text else []
        command = command_of(self._packet, self._trace)
        if command:
            lines.append(f"    on a machine outside: {safe(command)}")
        rows = self._aligned.rows
        if rows:
            lines += ["", f"   {'':<12} {'predicted':<{_COLUMN}} kernel"]
        for number, row in enumerate(rows):
            lines += self._row(row, "=>" if number == self._aligned.same else "  ", is_same=number < self._aligned.same)
        return "\n".join(lines)

    def _row(self, row: Row, mark: str, *, is_same: bool) -> list[str]:
        predicted = self._path.steps[row[0]] if row[0] is not None else None
        traced = next((item.step for item in self._steps if item.event == row[1]), None)
        hook = next((step.place for step in (predicted, traced) if step is not None), "")
        left, right = (_short(rule_words(step)) if step is not None else "-" for step in (predicted, traced))
        if is_same:
            return [f"{mark} {safe(hook):<12} {left:<{_COLUMN}} the same".rstrip()]
        return [f"{mark} {safe(hook):<12} {left:<{_COLUMN}} {right}"]


_KEPT = (
    "mode", "sent", "end", "end_device", "end_source", "end_destination", "complete", "problem", "observed", "source",
    "others", "left_behind",
)  # fmt: skip
_COLUMN = 64


def _short(text: str) -> str:
    return safe(text if len(text) <= _COLUMN else f"{text[: _COLUMN - 3]}...")
