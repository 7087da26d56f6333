"""The matrix as lines of text."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.dockernet.baseline.plugins.module_utils._checks.check import Settings
from ansible_collections.dockernet.baseline.plugins.module_utils._checks.examined import Examined
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.matrix.matrix_text import (
    MOST_LINES,
    listing_of,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.matrix import Cell, Matrix
from ansible_collections.dockernet.baseline.plugins.module_utils._model.safe_text import safe
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.docker_host import big_host

FOUND = Examined(big_host(2, 6, layout=28).snapshot(), Settings()).matrix


def test_addresses_at_which_the_same_is_seen_share_a_line() -> None:
    lines = listing_of(FOUND)
    start = lines.index("from outside, by eth0")
    assert lines[start + 1] == (
        "  answered    app0:80/tcp and 11 more (published on 0.0.0.0) at 127.0.0.1, 192.0.2.10, "
        "the gateway of its network, gateways of other networks"
    )
    assert lines[start + 2].startswith(
        "  timed out   app0:80/tcp and 11 more at their own IPv4 address: rule 1 of ip raw"
    )


def test_every_source_and_every_ending_is_in_it() -> None:
    lines = listing_of(FOUND)
    assert [line for line in lines if not line.startswith(" ")] == [f"from {item.name}" for item in FOUND.sources]
    endings = {(cell.seen, FOUND.destinations[cell.destination].name) for cell in FOUND.cells}
    assert all(any(line.startswith(f"  {seen:<11} {name}") for line in lines) for seen, name in endings)


@given(st.text(max_size=30))
def test_hostile_names_and_reasons_stay_on_their_line(text: str) -> None:
    cells = [replace(cell, reason=text, seen="timed out") for cell in FOUND.cells]
    hostile = Matrix(
        [replace(item, name=text) for item in FOUND.sources],
        [replace(item, name=text) for item in FOUND.destinations],
        cells,
    )
    for line in listing_of(hostile):
        assert line == safe(line)
        assert len(line.splitlines()) == 1


def test_endless_matrices_are_cut_and_the_rest_is_counted() -> None:
    destinations = [replace(FOUND.destinations[0], name=f"port {number}") for number in range(500)]
    cells = [Cell(0, number, "", "delivered", "answered", "", FOUND.cells[0].example) for number in range(500)]
    lines = listing_of(Matrix(FOUND.sources[:1], destinations, cells))
    assert len(lines) == MOST_LINES
    assert lines[-1] == "... and 302 lines more"
