"""The matrix as lines of text."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.dockernet.baseline.plugins.module_utils._model.matrix import (
    INNER_PORT,
    PUBLISHED,
    Cell,
    Destination,
    Matrix,
    OriginGroup,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import OUTSIDE
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import safe
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.context import AuditContext, Settings
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.reachability import (
    MOST_LINES,
    listing_of,
)
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.docker_host import big_host

FOUND = AuditContext(big_host(2, 6, layout=28).snapshot(), Settings()).matrix
EXAMPLE = FOUND.cells[0].example


def test_addresses_at_which_the_same_is_seen_share_a_line() -> None:
    lines = listing_of(FOUND)
    start = lines.index("from outside, by eth0")
    ports, at = lines[start + 1].split(" at ")
    assert ports.split() == ["answered", "app0:80/tcp", "and", "11", "more", "(published", "on", "0.0.0.0)"]
    assert at.split(", ") == ["192.0.2.10", "gateways of other networks", "the gateway of its network"]
    ports, at = lines[start + 2].split(" at ")
    assert ports.split() == ["timed", "out", "app0:80/tcp", "and", "11", "more"]
    assert at.startswith("their own IPv4 address: rule ")


def test_every_source_and_every_ending_is_in_it() -> None:
    lines = listing_of(FOUND)
    assert [line for line in lines if not line.startswith(" ")] == [f"from {item.name}" for item in FOUND.origins]
    for number, source in enumerate(FOUND.origins):
        start = lines.index(f"from {source.name}") + 1
        end = next((place for place in range(start, len(lines)) if lines[place].startswith("from ")), len(lines))
        told = {line[2:13].strip() for line in lines[start:end]}
        assert told == {cell.observed for cell in FOUND.cells if cell.origin == number}


def cell(destination: int, seen: str, reason: str = "") -> Cell:
    return Cell(0, destination, "", "delivered" if seen == "answered" else "dropped", seen, reason, EXAMPLE)


def port(name: str, at: str, kind: str = PUBLISHED) -> Destination:
    return Destination(kind, name, at, "tcp", [name.partition(" ")[0]])


def listed(destinations: list[Destination], cells: list[Cell], kind: str = "host") -> list[str]:
    return listing_of(Matrix([OriginGroup(kind, "somebody")], destinations, cells))[1:]


def test_ports_that_end_alike_share_a_line() -> None:
    names = [f"{name}:80/tcp (published on 0.0.0.0:{number})" for number, name in enumerate("abcd", 8080)]
    ports = [port(name, "192.0.2.1") for name in names]
    (line,) = listed(ports, [cell(number, "answered") for number in range(4)])
    assert line.split()[:7] == ["answered", "a:80/tcp,", "b:80/tcp,", "c:80/tcp", "and", "1", "more"]
    assert line.endswith(" (published on 0.0.0.0) at 192.0.2.1")
    assert len(listed([*ports[:3], replace(ports[3], at="192.0.2.2")], [cell(n, "answered") for n in range(4)])) == 2


def test_reasons_that_differ_in_numbers_are_told_by_the_first_of_them() -> None:
    ports = [port(f"{name}:80/tcp", f"172.18.0.{number}", INNER_PORT) for number, name in enumerate("abc")]
    reasons = ["rule 1 of ip raw drops it: -d 172.18.0.0", "rule 22 of ip raw drops it: -d 172.18.0.1", "eth0 is down"]
    several, one = listed(ports, [cell(number, "timed out", reason) for number, reason in enumerate(reasons)])
    assert several.split()[:4] == ["timed", "out", "a:80/tcp,", "b:80/tcp"]
    assert several.endswith(f": for example, {reasons[0]}")
    assert one.split()[:4] == ["timed", "out", "c:80/tcp", "at"]
    assert one.endswith(f" 172.18.0.2: {reasons[2]}")


def test_what_machines_outside_see_at_loopback_addresses_is_told_where_it_is_a_leak() -> None:
    name = "a:80/tcp (published on 0.0.0.0:8080)"
    open_port = [port(name, "127.0.0.1"), port(name, "192.0.2.1")]
    (line,) = listed(open_port, [cell(0, "answered"), cell(1, "answered")], OUTSIDE)
    assert line.endswith("at 192.0.2.1")
    (line,) = listed(open_port, [cell(0, "answered"), cell(1, "answered")])
    assert line.endswith("at 127.0.0.1, 192.0.2.1")
    lines = listed(open_port, [cell(0, "answered"), cell(1, "refused", "nothing listens")], OUTSIDE)
    assert lines[0].endswith("at 127.0.0.1")


@given(st.text(max_size=30))
def test_hostile_names_and_reasons_stay_on_their_line(text: str) -> None:
    cells = [replace(cell, reason=text, observed="timed out") for cell in FOUND.cells]
    hostile = Matrix(
        [replace(item, name=text) for item in FOUND.origins],
        [replace(item, name=text) for item in FOUND.destinations],
        cells,
    )
    for line in listing_of(hostile):
        assert line == safe(line)
        assert len(line.splitlines()) == 1


def test_endless_matrices_are_cut_and_the_rest_is_counted() -> None:
    destinations = [port(f"port {number}", f"192.0.2.{number}") for number in range(500)]
    cells = [cell(number, "answered") for number in range(500)]
    lines = listing_of(Matrix(FOUND.origins[:1], destinations, cells))
    assert len(lines) == MOST_LINES
    assert lines[-1] == "... and 302 more lines"
