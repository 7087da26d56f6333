# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts as tables: what the cells say, what is unknown, and names that strangers chose."""

from __future__ import annotations

import csv
import io
import unicodedata
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.facts_tables import (
    FactsTable,
    csv_text,
    facts_tables,
    screen,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.terminal import cells

from tests.unit.audits import result_of
from tests.unit.operators_host import operators_host
from tests.unit.synthetic_host import SOURCES, SyntheticHost

HOSTILE = (
    "=cmd|' /C calc'!A0",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\x1b[2J\u202egpj",
    "\uff1d1",
    'a","b\n=1',
    " =1",
    "x;=1",
)
UNSAFE = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def rows(result: dict[str, Any]) -> dict[str, Any]:
    return {found.name: found.rows for found in facts_tables(result)}


def test_the_cells_say_what_an_operator_asks() -> None:
    found = rows(result_of(operators_host()))
    assert {row[0]: row[1:4] for row in found["containers"]} == {
        "web": ("running", "bridge", "bridge"),
        "db": ("running", "bridge", "bridge"),
        "sidecar": ("running", "container:web", "container:web"),
        "agent": ("running", "host", "host"),
    }
    assert found["containers"][0][4:6] == ("net0", "0.0.0.0:8080->80/tcp")
    assert "veth100000 on br-000000000000" in found["containers"][0][6]
    assert found["shared_namespaces"] == [("1", "web, sidecar")]
    assert found["ports"][0] == ("web", "veth100000", "br-000000000000", "off", "net0", "172.18.0.2")
    assert found["networks"][1] == ("net1", "bridge", "br-000000000001", "yes", "no", "172.18.16.1", "172.18.16.0/20")
    assert found["proxy"][0][:5] == ("on", "on", "on", "1", "1.7 MiB")
    assert found["forwarding"][0][:4] == ("ipv4", "on", "on", "/etc/sysctl.d/50-forward.conf:2")
    assert found["forwarding"][1][:3] == ("ipv6", "off", "not set")


@pytest.mark.parametrize("source", SOURCES)
def test_what_was_not_read_is_unknown_with_the_reason_and_never_none(source: str) -> None:
    host = SyntheticHost().container("web", publish=("0.0.0.0|80|80/tcp",)).unread(source)
    lines = screen("alpha", result_of(host.snapshot()), 0, 120)
    assert f"  {source}: run with become" in lines
    if source == "engine":
        unknown = [line for line in lines if line.endswith(": unknown")]
        assert len(unknown) == 4


def test_a_host_that_was_not_read_has_no_count_of_proxies_and_no_memory() -> None:
    found = rows(result_of(SyntheticHost().unread("processes", "namespaces").snapshot()))
    assert found["proxy"][0][3:5] == ("unknown", "unknown")
    assert found["shared_namespaces"] is None


def test_a_container_without_a_port_has_none_and_it_is_unknown_where_links_were_not_read() -> None:
    host = SyntheticHost().container("web")
    host.links = [link for link in host.links if link.kind != "veth"]
    assert rows(result_of(host.snapshot()))["ports"][0][1:4:2] == ("", "")
    assert rows(result_of(host.unread("links").snapshot()))["ports"][0][1:4:2] == ("unknown", "unknown")


def test_a_long_table_says_how_many_rows_are_left_out() -> None:
    host = SyntheticHost()
    for number in range(30):
        host.container(f"app{number}")
    result = result_of(host.snapshot())
    short, whole = screen("alpha", result, 5, 120), screen("alpha", result, 0, 120)
    assert "  and 25 more; facts_rows: 0 shows all" in short
    assert not [line for line in short if line.startswith("  app5 ")]
    assert [line for line in whole if line.startswith("  app29 ")]


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("name", HOSTILE)
def test_names_of_strangers_neither_move_the_terminal_nor_exceed_the_width(name: str, width: int) -> None:
    lines = screen(name, result_of(operators_host(web=name, db=name * 30)), 0, width)
    assert not [line for line in lines for char in line if unicodedata.category(char) in UNSAFE]
    assert max(cells(line) for line in lines[1:]) <= max(width, 100)


@pytest.mark.parametrize("name", HOSTILE)
def test_no_cell_of_a_file_is_a_formula_and_each_row_is_a_line(name: str) -> None:
    for found in facts_tables(result_of(operators_host(web=name, agent=name + "2"))):
        text = csv_text(found)
        read = list(csv.reader(io.StringIO(text)))
        assert text.count("\n") == len(read) == len(found.rows or ()) + 1
        assert {len(row) for row in read} == {len(found.headings)}
        for cell in (cell for row in read for cell in row):
            assert unicodedata.normalize("NFKC", cell.lstrip()[:1]) not in tuple("=+-@")
        assert all(line.startswith('"') and line.endswith('"') for line in text.splitlines())


def test_a_table_that_is_not_known_is_a_row_that_says_so() -> None:
    found = FactsTable("ports", "ports", ("a", "b"), None, (1,))
    assert csv_text(found) == '"a","b"\n"unknown","unknown"\n'
