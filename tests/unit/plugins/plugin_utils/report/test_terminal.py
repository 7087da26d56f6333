"""Text for terminals keeps to its width and lets no hostile character through."""

from __future__ import annotations

import string
import unicodedata

from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import safe
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.terminal import cells, indented, table, wrap
from hypothesis import given
from hypothesis import strategies as st

UNSAFE = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def test_escape_sequences_become_visible() -> None:
    assert safe("\x1b[2Jweb\x07") == r"\x1b[2Jweb\x07"


def test_bidirectional_overrides_and_zero_width_become_visible() -> None:
    assert safe("a\u202egpj\u200b\U000e0001") == r"a\u202egpj\u200b\U000e0001"


def test_line_breaks_of_every_kind_become_visible() -> None:
    assert safe("a\nb\rc\x85d\u2028e") == r"a\x0ab\x0dc\x85d\u2028e"


def test_words_of_any_script_stay() -> None:
    assert safe("büro-東京-مكتب") == "büro-東京-مكتب"


@given(st.text())
def test_nothing_unsafe_is_left(text: str) -> None:
    assert not [char for char in safe(text) if unicodedata.category(char) in UNSAFE]


def test_wide_characters_take_two_cells_and_accents_none() -> None:
    assert cells("東京") == 4
    assert cells("e\u0301") == 1


@given(st.text(), st.integers(min_value=2, max_value=40))
def test_wrapped_lines_are_no_wider_than_asked_and_lose_nothing(text: str, width: int) -> None:
    shown = safe(text)
    lines = wrap(shown, width)
    assert all(cells(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(shown.split())


def test_words_stay_whole_where_they_fit() -> None:
    assert wrap("one two three", 7) == ["one two", "three"]


def test_columns_line_up_and_the_last_one_wraps() -> None:
    lines = table(("check", "what"), [("a.b", "onetwothree fourfivesixx seven"), ("long.name", "eight")], (20,), 35)
    assert lines == [
        "check      what",
        "---------  ------------------------",
        "a.b        onetwothree fourfivesixx",
        "           seven",
        "long.name  eight",
    ]


def test_a_cell_over_its_limit_continues_below() -> None:
    lines = table(("x", "y"), [("abcdefgh", "z")], (4,), 40)
    assert lines[2:] == ["abcd  z", "efgh"]


def test_a_hostile_cell_adds_no_row() -> None:
    lines = table(("x", "y"), [("evil\nFAKE  pass", "z")], (40,), 80)
    assert lines[2:] == [r"evil\x0aFAKE pass  z"]


@given(st.lists(st.tuples(st.text(), st.text(alphabet=string.printable), st.text()), min_size=1, max_size=4))
def test_tables_keep_to_their_width(rows: list[tuple[str, str, str]]) -> None:
    lines = table(("a", "b", "c"), rows, (10, 10), 60)
    assert all(cells(line) <= 60 and line == line.rstrip(" ") for line in lines)


def test_all_lines_of_a_message_stand_under_its_first() -> None:
    lines = indented("* ", "one two three\nfour\x1b", 15)
    assert lines == ["* one two three", r"  four\x1b"]
    assert indented("* ", "one two three four", 15) == ["* one two three", "  four"]
