# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""A fleet as one HTML page that needs nothing else and asks no network: all hosts, and each of them in detail.

The page is written as a stream, and one host is in memory at a time. What its script shows is data: JSON, compressed
(zlib), as base64 in script elements that a browser does not run.

``index``     what the list of hosts shows: a line a host
``strings``   texts that several hosts have: where a host's data has a number, it is one of them
``details``   many blocks, a line a host: read when a host is opened

Everything in it can be a stranger's. The script inserts it as text and nothing else; the parts that need no script are
escaped by the template.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import heapq
import json
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import jinja2
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import (
    FAIL,
    INFO,
    NOT_APPLICABLE,
    PASS,
    SEVERITIES,
    UNKNOWN,
    Finding,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import safe
from ansible_collections.dockernet.baseline.plugins.plugin_utils.diagnosis.diagnosis_text import (
    remediation_and_command,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.fleet.fleet import (
    NEW,
    REGRESSED,
    Fleet,
    FleetHost,
    RunTotals,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.audit_report import OPEN_KINDS, STATES
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.diagnosis_page import hops_in
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.findings_table import (
    WAIVED,
    is_waived,
    rank,
    resource_text,
)

_WORST = 50
"""Hosts that are listed where the script does not run."""
_BLOCK = 256 * 1024
"""Bytes of hosts' data in a block, before it is compressed: what opening a host has to read."""
_LEVEL = 6
_SHORT = 6
"""Characters of a text that is not worth being shared."""
_SHARED = 20_000
"""Texts that are shared at most."""
_SEEN = 200_000
"""Texts that are remembered to find those that come again."""

# A check on a host, as one character: how it ended at its worst. Upper case where something of it is new or regressed.
_CODES = {"high": "h", "medium": "m", "low": "l", UNKNOWN: "u", INFO: "i", WAIVED: "w", PASS: "p", NOT_APPLICABLE: "n"}
_ABSENT = "-"
_COUNTED = (*OPEN_KINDS, WAIVED)
"""Kinds of findings that are counted for each host, worst first."""
_ORDER = "".join(_CODES[kind] for kind in (*_COUNTED, PASS, NOT_APPLICABLE)) + _ABSENT


def fleet_page(fleet: Fleet, write: Callable[[str], object]) -> None:
    """Write the page in pieces. Raises what walking the hosts raises, and OSError where there is no room for a file."""
    with tempfile.TemporaryFile("w+", encoding="ascii") as details:
        pages = _Pages(details)
        for host in fleet.hosts:
            pages.add(host)
        pages.close()
        details.seek(0)
        style, script = _asset("fleet_page.css"), _asset("fleet_page.js")
        stream = _template().generate(
            title=fleet.title,
            totals=fleet.totals,
            worst=pages.worst(),
            more=max(0, pages.hosts - _WORST),
            problems=fleet.problems,
            style=style,
            script=script,
            style_hash=_hash(style),
            script_hash=_hash(script),
            overview=_packed(_overview(fleet, pages)),
            index=pages.index.text(),
            strings=_packed(pages.strings.shared),
            blocks=_blocks(details),
        )
        for piece in stream:
            write(piece)


def _blocks(details: IO[str]) -> Iterator[str]:
    """Each block, without its line break."""
    for line in details:
        yield line.rstrip("\n")


def _overview(fleet: Fleet, pages: _Pages) -> dict[str, Any]:
    """What the page says of the run."""
    return {
        "title": fleet.title,
        "run": _run(fleet.totals),
        "trend": [_run(run) for run in fleet.trend],
        "vanished": [[item.host, item.last_seen, item.state] for item in fleet.vanished],
        "problems": list(fleet.problems),
        "states": STATES,
        "kinds": _COUNTED,
        "checks": [[check, pages.titles.get(check, "")] for check in pages.columns],
    }


def _run(run: RunTotals) -> dict[str, Any]:
    return {
        "id": run.run,
        "at": run.started_at,
        "hosts": run.hosts,
        "states": dict(run.states),
        "findings": dict(run.findings),
        "closed": run.gate_closed,
        "new": run.new,
        "fixed": run.fixed,
        "regressed": run.regressed,
    }


class _Compressed:
    """Lines of JSON, compressed as they come."""

    def __init__(self) -> None:
        self._deflate = zlib.compressobj(_LEVEL)
        self._parts: list[bytes] = []
        self.size = 0
        """Bytes before compression."""
        self.lines = 0

    def add(self, value: Any) -> None:
        """Add a line."""
        data = (json.dumps(value, separators=(",", ":")) + "\n").encode("ascii")
        self._parts.append(self._deflate.compress(data))
        self.size += len(data)
        self.lines += 1

    def text(self) -> str:
        """Return all of it as base64; nothing can be added after that."""
        self._parts.append(self._deflate.flush())
        return base64.b64encode(b"".join(self._parts)).decode("ascii")


def _packed(value: Any) -> str:
    block = _Compressed()
    block.add(value)
    return block.text()


@dataclass
class _Strings:
    """Texts that several hosts have. A text that comes for the first time stays where it is; then it is shared."""

    shared: list[str] = field(default_factory=list)
    _numbers: dict[str, int] = field(default_factory=dict)
    _seen: set[int] = field(default_factory=set)

    def pack(self, value: Iterable[Any]) -> list[Any]:
        """Return lists and texts with what is shared as numbers. They hold no numbers of their own."""
        numbers = self._numbers
        packed: list[Any] = []
        for item in value:
            if not isinstance(item, str):
                packed.append(self.pack(item))
            elif len(item) < _SHORT:
                packed.append(item)
            else:
                number = numbers.get(item)
                packed.append(self._of_new(item) if number is None else number)
        return packed

    def _of_new(self, text: str) -> str | int:
        key = hash(text)
        if key not in self._seen:
            if len(self._seen) < _SEEN:
                self._seen.add(key)
            return text
        if len(self.shared) >= _SHARED:
            return text
        self._numbers[text] = len(self.shared)
        self.shared.append(text)
        return self._numbers[text]


@dataclass(frozen=True)
class WorstHost:
    """A line of the table that needs no script."""

    host: str
    state: str
    said: str


class _Pages:
    """What is kept while the hosts go by: the index, compressed, and the worst hosts. Details go to a file."""

    def __init__(self, details: IO[str]) -> None:
        self.index = _Compressed()
        self.strings = _Strings()
        self.columns: dict[str, int] = {}
        """The position of each check in the index."""
        self.titles: dict[str, str] = {}
        self.hosts = 0
        self._details = details
        self._blocks = 0
        self._block = _Compressed()
        self._worst: list[tuple[tuple[int, ...], int, WorstHost]] = []

    def add(self, host: FleetHost) -> None:
        """Take in a host."""
        audit = host.audit
        state = audit.state
        for check in () if audit.error_kind else audit.document["checks"]:
            self.titles.setdefault(check["id"], check["title"])
        counts, codes, new, regressed = self._counted(host)
        line = [
            audit.host,
            STATES.index(state),
            *counts,
            new,
            regressed,
            len(host.fixed),
            int(bool(host.closed)),
            audit.label,
            codes,
            self._blocks,
            self._block.lines,
        ]
        self.index.add(line)
        self._block.add(_host(host, state, self.strings))
        if self._block.size >= _BLOCK:
            self._end_block()
        # The heap has the least bad one first. Of two that are as bad the one that came later goes.
        badness = (-STATES.index(state), *counts)
        entry = (badness, -self.hosts, WorstHost(audit.host, state, host.closed or audit.error))
        if len(self._worst) < _WORST:
            heapq.heappush(self._worst, entry)
        else:
            heapq.heappushpop(self._worst, entry)
        self.hosts += 1

    def close(self) -> None:
        """Write what is left."""
        if self._block.lines:
            self._end_block()

    def worst(self) -> list[WorstHost]:
        """The worst hosts, worst first."""
        return [host for dummy_badness, dummy_number, host in sorted(self._worst, reverse=True)]

    def _end_block(self) -> None:
        self._details.write(f"{self._block.text()}\n")
        self._blocks += 1
        self._block = _Compressed()

    def _counted(self, host: FleetHost) -> tuple[list[int], str, int, int]:
        """Findings by their kind; the code of each check; how many are new, and regressed."""
        counts = dict.fromkeys(_COUNTED, 0)
        worst: dict[str, str] = {}
        changed: set[str] = set()
        new = regressed = 0
        for finding in host.audit.findings:
            kind = _kind(finding)
            if kind in counts:
                counts[kind] += 1
            code = _CODES[kind]
            known = worst.get(finding.check, _ABSENT)
            if _ORDER.index(code) < _ORDER.index(known):
                worst[finding.check] = code
            age = host.age(finding)
            if age is not None:
                new += age.status == NEW
                regressed += age.status == REGRESSED
                if age.status in (NEW, REGRESSED):
                    changed.add(finding.check)
        for check in worst:
            self.columns.setdefault(check, len(self.columns))
        codes = [_ABSENT] * len(self.columns)
        for check, code in worst.items():
            codes[self.columns[check]] = code.upper() if check in changed else code
        return list(counts.values()), "".join(codes).rstrip(_ABSENT), new, regressed


def _kind(finding: Finding) -> str:
    """The severity of what failed, ``waived``, or the outcome."""
    if finding.outcome != FAIL:
        return finding.outcome if finding.outcome in _CODES else UNKNOWN
    if is_waived(finding):
        return WAIVED
    return finding.severity if finding.severity in SEVERITIES else SEVERITIES[0]


# ---- a host in detail ------------------------------------------------------------------------------------------------


def _host(host: FleetHost, state: str, strings: _Strings) -> dict[str, Any]:
    audit = host.audit
    known: dict[str, Any] = {"name": audit.host, "state": state, "closed": host.closed, "error": audit.error}
    if host.fixed:
        known["fixed"] = strings.pack([[item.check, item.resource, item.severity] for item in host.fixed])
    if host.reachability_changes:
        known["changes"] = strings.pack(host.reachability_changes)
    if audit.error_kind:
        return known
    document = audit.document
    known["about"] = strings.pack(_about(document))
    ordered = sorted(audit.findings, key=rank)
    apart = (PASS, NOT_APPLICABLE)
    known["findings"] = [_finding(host, item, strings) for item in ordered if item.outcome not in apart]
    known["passed"] = strings.pack(
        [[item.check, item.outcome, resource_text(item), item.summary] for item in ordered if item.outcome in apart]
    )
    known["waivers"] = strings.pack([_waiver(item) for item in document["waivers"]])
    known["unread"] = strings.pack(
        [[name, str(source.get("reason", ""))] for name, source in document["sources"].items() if not source["read"]]
    )
    known["defects"] = strings.pack(
        [f"{item['error']} at {item['place']}, in {', '.join(item['parts'])}" for item in document["defects"]]
    )
    if document["not_evaluated"]:
        known["not_evaluated"] = strings.pack(document["not_evaluated"])
    if document["facts"]:
        known["facts"] = strings.pack(_facts(document["facts"]))
    if document["reachability"]:
        known["reach"] = _reachability(document["reachability"], strings)
    return known


def _about(document: Mapping[str, Any]) -> list[list[str]]:
    """Facts about the audit, by their names on the page."""
    host, platform, engine = document["host"], document["platform"], document["engine"] or {}
    policy = document["policy"]
    facts = {
        "engine": platform["label"],
        "note": platform["note"],
        "kernel": host["kernel"],
        "firewall backend": engine.get("firewall_driver") or "",
        "audited": host["taken_at"],
        "own name": host["hostname"],
        "profile": policy["profile"],
    }
    return [[name, str(value)] for name, value in facts.items() if value]


def _finding(host: FleetHost, finding: Finding, strings: _Strings) -> list[Any]:
    resource = resource_text(finding)
    age = host.age(finding)
    remedy = finding.remediation
    text, command = remediation_and_command(remedy, host.audit.host) if remedy else ("", "")
    waiver = finding.waiver
    words = [
        finding.check,
        _kind(finding),
        finding.severity,
        finding.default_severity,
        resource,
        finding.summary,
        finding.impact,
        text,
        (remedy.module or "") if remedy else "",
        [[name, value_text(value)] for name, value in remedy.args.items()] if remedy else [],
        finding.cis,
        [age.status, age.since] if age else [],
        [waiver.reason, waiver.owner, waiver.expires] if waiver else [],
        [[name, evidence_value(value)] for name, value in finding.evidence.items()],
        _ends(finding.evidence),
        _legs(finding.evidence),
    ]
    # The command names the host, so that no other has it.
    return [*strings.pack(words), command]


def value_text(value: Any) -> str:
    """Return a value of evidence or of an argument as one text."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def evidence_value(value: Any) -> Any:
    """Return a value as nested lists of texts: a text, a list of values, or ``["", [name, value], ...]``."""
    if isinstance(value, Mapping):
        return ["", *([str(name), evidence_value(item)] for name, item in value.items())]
    if isinstance(value, (list, tuple)):
        return [evidence_value(item) for item in value]
    return value_text(value)


def _ends(evidence: Mapping[str, Any]) -> list[list[str]]:
    """The packets that evidence is about: from, to, what became of it, and whether it ended on its way.

    Checks about packets name one as ``container web to 10.88.1.3:80/tcp``, and a port that is not reached as
    ``192.0.2.10:80 from outside through eth0: why``.
    """
    found = []
    packets = evidence.get("packets")
    for packet, said in packets.items() if isinstance(packets, Mapping) else ():
        found += _ways(packet, said, "ended")
    if not _legs(evidence):
        found += _ways(evidence.get("packet"), evidence.get("ends"), "")
    missed = evidence.get("not reached")
    for text in missed if isinstance(missed, (list, tuple)) else ():
        place, comma, rest = str(text).partition(" from ")
        origin, colon, why = rest.partition(": ")
        if comma and colon:
            found.append([origin, place, why, "ended"])
    return found


def _legs(evidence: Mapping[str, Any]) -> list[list[Any]]:
    """The path of a packet, where evidence has one: each leg with its hops, as path_text.HopWriter writes them."""
    legs = evidence.get("path")
    return [
        [leg, [[hop.name, hop.note, "ends" if hop.ends else ""] for hop in hops_in(hops)]]
        for leg, hops in (legs.items() if isinstance(legs, Mapping) else ())
        if isinstance(hops, str)
    ]


def _ways(packet: Any, said: Any, how: str) -> list[list[str]]:
    origin, to, destination = str(packet).rpartition(" to ")
    return [[origin, destination, said, how]] if to and isinstance(said, str) else []


def _waiver(waiver: Mapping[str, Any]) -> list[Any]:
    return [
        waiver["state"],
        waiver["check"],
        waiver["selector"],
        str(waiver["findings"]),
        waiver["reason"],
        waiver["owner"],
        waiver["expires"],
        waiver["problem"],
    ]


def _facts(facts: Mapping[str, Any]) -> list[Any]:
    """Networks, containers, and which container is on which network."""
    networks = [
        [
            item["name"],
            item["driver"],
            item["bridge"] or "",
            item["subnets"],
            item["gateways"],
            "internal" if item["internal"] else "",
        ]
        for item in facts["networks"] or ()
    ]
    containers = [
        [
            item["name"],
            "running" if item["running"] else "stopped",
            item["mode"] or item.get("declared_mode", ""),
            item.get("published", []),
            item.get("networks", []),
        ]
        for item in facts["containers"] or ()
    ]
    attachments = [
        [item["network"], item["container"], item["port"] or "", item["address"] or "", item["address6"] or ""]
        for item in facts.get("attachments") or ()
    ]
    return [networks, containers, attachments]


def _reachability(found: Mapping[str, Any], strings: _Strings) -> dict[str, Any]:
    """The matrix. Its cells are rows of numbers: of an origin, a destination, and of texts of this host."""
    known: dict[str, Any] = {
        "exposures": strings.pack(
            [[item["kind"], item["text"], *_packet(item["example"])] for item in found["exposures"]]
        ),
        "problems": strings.pack(found["problems"]),
    }
    if "cells" not in found:
        known["listing"] = strings.pack(found["listing"])
        return known
    known["origins"] = strings.pack([[item["kind"], item["name"], item["members"]] for item in found["origins"]])
    known["destinations"] = strings.pack(
        [[item["kind"], item["name"], item["at"], item["protocol"], item["members"]] for item in found["destinations"]]
    )
    texts: dict[str, int] = {}
    known["cells"] = cells = []
    for item in found["cells"]:
        cell = [item["origin"], item["destination"]]
        words = (item["relation"], item["verdict"], item["observed"], item["reason"], item["instead"])
        for text in (*words, *_packet(item["example"])):
            number = texts.get(text)
            if number is None:
                number = texts[text] = len(texts)
            cell.append(number)
        cells.append(cell)
    known["texts"] = strings.pack(texts)
    return known


def _packet(packet: Mapping[str, Any]) -> tuple[str, str]:
    """Who sends it, and where to."""
    origin, address, port = packet["origin"], packet["destination"], packet["port"]
    kind, name = origin["kind"], origin["name"]
    place = f"[{address}]" if ":" in address else address
    sender = f"{kind} {name}" if name and name != kind else kind
    return sender, f"{place}:{port}/{packet['protocol']}" if port else f"{place}/{packet['protocol']}"


# ---- the template ----------------------------------------------------------------------------------------------------


def _hash(text: str) -> str:
    """Of a script or style, as a Content-Security-Policy names it."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")


@functools.cache
def _asset(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


@functools.cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    # Characters that reorder or hide others are as harmful on a page as on a terminal.
    environment.finalize = _harmless
    return environment.from_string(_asset("fleet_page.html.j2"))


def _harmless(value: Any) -> Any:
    return safe(value) if isinstance(value, str) and not hasattr(value, "__html__") else value
