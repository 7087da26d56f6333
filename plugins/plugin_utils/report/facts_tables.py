# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Facts about a host as tables: for a terminal, and as CSV for spreadsheets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import BOOT, LINKS, NAMESPACES
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import safe
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.csv_text import csv_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.terminal import indented, table

UNKNOWN = "unknown"
_NONE = "-"
"""What an empty cell is on a terminal."""


@dataclass(frozen=True)
class FactsTable:
    """One table. A cell is a text; empty for what there is none of."""

    name: str
    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]] | None
    """None where the facts are not known."""
    limits: Sequence[int]
    """Columns that the cells of each but the last take at most on a terminal."""


def facts_tables(result: Mapping[str, Any]) -> list[FactsTable]:
    """Return the tables for a result of docker_netcheck with facts in full.

    Raises KeyError, TypeError and AttributeError for another one.
    """
    facts = result["facts"]
    read = frozenset(name for name, source in result["sources"].items() if source["read"])
    return [
        FactsTable(name, title, headings, None if facts[topic] is None else list(rows(facts[topic], read)), limits)
        for name, topic, title, headings, limits, rows in _TABLES
    ]


def screen(host: str, result: Mapping[str, Any], most: int, width: int) -> list[str]:
    """Return the lines for a result of docker_netcheck, none wider than width, at most that many rows a table.

    most: 0 for all. Raises as facts_tables does.
    """
    lines = [_header(host, result)]
    for found in facts_tables(result):
        lines += ["", *_table_lines(found, most, width)]
    reasons = dict.fromkeys(
        f"{name}: {source.get('reason') or UNKNOWN}" for name, source in result["sources"].items() if not source["read"]
    )
    if reasons:
        lines += ["", "not read, so unknown", *(line for text in reasons for line in indented("  ", text, width))]
    return lines


def _header(host: str, result: Mapping[str, Any]) -> str:
    platform, read = result["platform"], result["host"]
    return safe(f"{host}: {platform['label']}, kernel {read['kernel'] or UNKNOWN}, read at {read['taken_at']}")


def _table_lines(found: FactsTable, most: int, width: int) -> list[str]:
    if found.rows is None:
        return [f"{found.title}: {UNKNOWN}"]
    if not found.rows:
        return [f"{found.title}: none"]
    shown = found.rows[:most] if most else found.rows
    rows = [[cell or _NONE for cell in row] for row in shown]
    lines = [found.title, *(f"  {line}".rstrip() for line in table(found.headings, rows, found.limits, width - 2))]
    more = len(found.rows) - len(shown)
    return [*lines, f"  and {more} more; facts_rows: 0 shows all"] if more else lines


def csv_text(found: FactsTable) -> str:
    """Return a table as CSV in which no cell is a formula to a spreadsheet."""
    rows = [[UNKNOWN] * len(found.headings)] if found.rows is None else found.rows
    return csv_of([found.headings, *rows])


def _text(value: Any) -> str:
    """A value as a cell; None is not known."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return UNKNOWN if value is None else str(value)


_SWITCH = {True: "on", False: "off", None: UNKNOWN}


def _joined(values: Iterable[Any]) -> str:
    return ", ".join(map(str, values))


def _containers(containers: Sequence[Mapping[str, Any]], dummy_read: frozenset[str]) -> Iterable[Sequence[str]]:
    for item in containers:
        mode = _text(item["mode"]) if item["running"] else ""
        yield (
            item["name"],
            "running" if item["running"] else "stopped",
            mode,
            item["declared_mode"],
            _joined(item["networks"]),
            _joined(item["published"]),
            item["proof"],
        )


def _shared(groups: Sequence[Sequence[str]], dummy_read: frozenset[str]) -> Iterable[Sequence[str]]:
    return [(str(number), _joined(group)) for number, group in enumerate(groups, 1)]


def _ports(attachments: Sequence[Mapping[str, Any]], read: frozenset[str]) -> Iterable[Sequence[str]]:
    absent = "" if {LINKS, NAMESPACES} <= read else UNKNOWN
    for item in attachments:
        addresses = [item[key] for key in ("address", "address6") if item[key]]
        yield (
            item["container"],
            item["port"] or absent,
            _text(item["bridge"]),
            _SWITCH[item["hairpin"]] if item["port"] else absent,
            item["network"],
            _joined(addresses),
        )


def _networks(networks: Sequence[Mapping[str, Any]], dummy_read: frozenset[str]) -> Iterable[Sequence[str]]:
    for item in networks:
        yield (
            item["name"],
            item["driver"],
            item["bridge"] or "",
            _text(item["internal"]),
            _text(item["ipv6"]),
            _joined(item["gateways"]),
            _joined(item["subnets"]),
        )


def _proxy(proxy: Mapping[str, Any], dummy_read: frozenset[str]) -> Iterable[Sequence[str]]:
    memory = UNKNOWN if proxy["pss"] is None else f"{proxy['pss'] / 1048576:.1f} MiB"
    states = (_SWITCH[proxy[key]] for key in ("default", "configured", "in_force"))
    return [(*states, _text(proxy["processes"]), memory, proxy["evidence"])]


def _forwarding(forwarding: Mapping[str, Any], read: frozenset[str]) -> Iterable[Sequence[str]]:
    for family, item in forwarding.items():
        off = [entry["name"] for entry in item["interfaces"] if entry["value"] is False]
        by = item["at_boot_by"] or ""
        at_boot = "not set" if item["at_boot"] is None and BOOT in read else _SWITCH[item["at_boot"]]
        yield family, _SWITCH[item["running"]], at_boot, by, _joined(off)


_Rows = Callable[[Any, frozenset[str]], Iterable[Sequence[str]]]
_TABLES: tuple[tuple[str, str, str, tuple[str, ...], tuple[int, ...], _Rows], ...] = (
    (
        "containers",
        "containers",
        "containers and their network mode",
        ("container", "state", "mode", "declared", "networks", "published", "proof"),
        (20, 7, 16, 16, 16, 24),
        _containers,
    ),
    (
        "shared_namespaces",
        "shared_namespaces",
        "containers that share a network namespace (not the host's)",
        ("namespace", "containers"),
        (9,),
        _shared,
    ),
    (
        "ports",
        "attachments",
        "ports of bridges",
        ("container", "port", "bridge", "hairpin", "network", "addresses"),
        (24, 16, 16, 7, 24),
        _ports,
    ),
    (
        "networks",
        "networks",
        "networks",
        ("network", "driver", "bridge", "internal", "ipv6", "gateways", "subnets"),
        (24, 10, 16, 8, 4, 24),
        _networks,
    ),
    (
        "proxy",
        "proxy",
        "docker-proxy",
        ("default", "configured", "effective", "processes", "memory", "evidence"),
        (7, 10, 9, 9, 10),
        _proxy,
    ),
    (
        "forwarding",
        "forwarding",
        "forwarding",
        ("family", "now", "at boot", "set at boot by", "interfaces that do not forward"),
        (6, 7, 7, 40),
        _forwarding,
    ),
)
"""Name, topic of the facts, title, headings, limits and rows of each."""
