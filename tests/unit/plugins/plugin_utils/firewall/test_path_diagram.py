"""A path as a flowchart of Mermaid."""

from __future__ import annotations

import re

from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.path_text import diagram_of
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.plugins.plugin_utils.firewall.paths import DELIVERED, DROPPED, OPEN, PACKET, with_text

TEXT = r'"[a-zA-Z0-9 .,:/_\-+*=()#;<>]*"'
LINE = re.compile(
    rf"flowchart TD| *[a-z0-9]+\(\[{TEXT}\]\)| *subgraph leg\d+ \[{TEXT}\]| *n\d+\[{TEXT}\]| *end"
    rf"| *class [a-z0-9]+ (good|bad|open)| *[a-z0-9]+ --> [a-z0-9]+| *[a-z0-9]+ -->\|{TEXT}\| [a-z0-9]+| *classDef .*"
)


def nodes(diagram: str) -> list[str]:
    return re.findall(r'n\d+\["([^"]*)"\]', diagram)


def test_hooks_bridge_and_sockets_are_stations_in_their_order() -> None:
    names = [label.partition("<br/>")[0] for label in nodes(diagram_of(PACKET, DELIVERED))]
    assert names == ["wire", "PREROUTING", "routing", "socket", "socket", "POSTROUTING"]


def test_a_station_says_what_changed_and_not_what_merely_passed() -> None:
    (station,) = [label for label in nodes(diagram_of(PACKET, DROPPED)) if label.startswith("PREROUTING")]
    assert "dnat ip nat DOCKER rule 2" in station
    assert "jump" not in station


def test_addresses_stand_at_the_edges() -> None:
    diagram = diagram_of(PACKET, DROPPED)
    assert 'n1 -->|"198.51.100.7:40000 #62; 10.88.1.2:80"| n2' in diagram


def test_the_station_that_decided_is_coloured_like_the_ending() -> None:
    assert re.findall(r"class (\w+) (\w+)", diagram_of(PACKET, DROPPED)) == [("n3", "bad"), ("ending", "bad")]
    assert re.findall(r"class (\w+) (\w+)", diagram_of(PACKET, DELIVERED))[-1] == ("ending", "good")
    assert re.findall(r"class (\w+) (\w+)", diagram_of(PACKET, OPEN)) == [("ending", "open")]


@given(
    st.text()
    | st.sampled_from(['"] --> x["', "%%{init: {}}%%", "end", "#quot;", "`**b**`", "<script>", "a\nb", "@{ }"])
)
def test_hostile_names_are_never_more_than_text(text: str) -> None:
    diagram = diagram_of(*with_text(text))
    assert all(LINE.fullmatch(line) for line in diagram.splitlines())
    tags = re.findall(r"<[^>]*>", diagram)
    assert set(tags) <= {"<br/>"}


@given(st.text())
def test_hostile_names_change_nothing_of_the_chart_but_labels(text: str) -> None:
    def shape(diagram: str) -> list[str]:
        return [re.sub(TEXT, "", line) for line in diagram.splitlines()]

    packet, path = with_text(text)
    calm, calm_path = with_text("x")
    assert shape(diagram_of(packet, path)) == shape(diagram_of(calm, calm_path))
