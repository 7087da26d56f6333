# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""A diagnosis as lines of text: verdict, causes with evidence and remediation, probes layer by layer, the path."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import Remediation
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import Packet
from ansible_collections.dockernet.baseline.plugins.module_utils._model.probe import FAILED, NAME, Probe
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import safe
from ansible_collections.dockernet.baseline.plugins.plugin_utils.diagnosis.diagnosis import Cause, Diagnosis
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.path_text import listing_of as steps_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.trace.trace_words import end_in_words


def listing_of(found: Diagnosis) -> list[str]:
    """Return the lines; names of containers, rules and services are made safe for terminals."""
    lines = [found.summary]
    for number, cause in enumerate(found.causes, 1):
        lines += ["", *_cause_lines(number, cause)]
    if found.undetermined:
        lines += ["", "could not be looked at:", *(f"  * {text}" for text in found.undetermined)]
    for probe in found.probes:
        lines += ["", *_probe_lines(probe)]
    lines += ["", *_trace_lines(found)]
    # The steps are safe already, and a line each.
    return [*(safe(line) for line in lines), "", *steps_of(found.packet, found.predicted).split("\n")]


def _cause_lines(number: int, cause: Cause) -> Iterator[str]:
    yield f"{number}. {cause.certainty}: {cause.summary} ({cause.cause})"
    for item in cause.evidence:
        name = f"{item.kind} {item.check}".strip()
        yield f"   {name}: {item.text}"
    if cause.remediation is not None:
        yield f"   remediation: {remediation_in_words(cause.remediation)}"


def remediation_in_words(remediation: Remediation, host: str = "HOST") -> str:
    """The text, and where a module does it the command that runs that on the host, by its name in the inventory."""
    text, command = remediation_and_command(remediation, host)
    return f"{text.rstrip('.')}. Run: {command}" if command else text


def remediation_and_command(remediation: Remediation, host: str) -> tuple[str, str]:
    """The text and the command, which is empty where no module does it, or its arguments cannot be typed safely."""
    if not remediation.module:
        return remediation.text, ""
    arguments = _arguments_of(remediation)
    if arguments is None:
        named = ", ".join(f"{name}: {value}" for name, value in remediation.args.items())
        return f"{remediation.text} (module {remediation.module} with {named})", ""
    words = ["ansible", shlex.quote(host), "-b", "-m", f"{_COLLECTION}{remediation.module}"]
    return remediation.text, " ".join([*words, *(["-a", shlex.quote(arguments)] if arguments else [])])


_COLLECTION = "dockernet.baseline."
_PLAIN = re.compile(r"[\w.:/-]+", re.ASCII)


def _arguments_of(remediation: Remediation) -> str | None:
    """The arguments as ``ansible -a`` takes them; None where a stranger's word could be a template or shell text."""
    texts = {}
    for name, value in remediation.args.items():
        items = value if isinstance(value, list) else [str(value).lower() if isinstance(value, bool) else value]
        if not items or not all(isinstance(item, (str, int)) and _PLAIN.fullmatch(str(item)) for item in items):
            return None
        texts[name] = ",".join(map(str, items))
    return " ".join(f"{name}={text}" for name, text in texts.items())


def asked_in_words(packet: Packet, probes: Sequence[Probe]) -> str:
    """The question; of a name that was not resolved the name, since the packet is then one to a name server."""
    for probe in probes:
        if any(layer.layer == NAME and layer.outcome == FAILED for layer in probe.layers):
            port = f":{probe.port}" if probe.port else ""
            return f"{packet.origin} to {probe.target}{port}/{probe.protocol}"
    return str(packet)


def _probe_lines(probe: Probe) -> Iterator[str]:
    port = f" port {probe.port}" if probe.port else ""
    address = f" ({probe.address})" if probe.address not in ("", probe.target) else ""
    yield f"probe from {probe.origin} to {probe.target}{address}{port}/{probe.protocol}: {probe.observed}"
    for layer in probe.layers:
        time = f"{layer.milliseconds:.1f} ms" if layer.milliseconds is not None else ""
        parts = (layer.layer, layer.outcome, layer.target, layer.error, time, layer.detail)
        yield "  " + "  ".join(part for part in parts if part)


def _trace_lines(found: Diagnosis) -> Iterator[str]:
    trace = found.traced
    if trace is None:
        yield "the kernel was not traced"
    else:
        yield f"trace ({trace.mode}, {trace.sent}): {end_in_words(trace)}"
    if trace is not None and trace.problem:
        yield f"  {trace.problem}"
    comparison = found.comparison
    if comparison is not None and comparison.difference:
        words = "prediction and kernel differ: " if comparison.agree is False else ""
        yield f"  {words}{comparison.difference}"
