"""daemon.json is read as dockerd reads it, and what is wrong is found at its place."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_json import parse
from ansible_collections.dockernet.baseline.plugins.module_utils._model.dockerd_start import flattened
from hypothesis import given
from hypothesis import strategies as st

PATH = "/etc/docker/daemon.json"

BROKEN = [
    (b'{\n  "mtu": 1400,\n}', 2, 14, "comma before the brace"),
    (b'{"dns": ["192.0.2.1",]}', 1, 21, "comma before the bracket"),
    (b'{"mtu": 1400 "icc": true}', 1, 14, "expected a comma"),
    (b'{\n  // why\n  "mtu": 1400}', 2, 3, "a comment, which JSON does not have"),
    (b'{"mtu": 1400} # x', 1, 15, "a comment"),
    (b'{"mtu": 1400}\n{}', 2, 1, "after the end"),
    (b"{'mtu': 1400}", 1, 2, "single quote"),
    (b"{mtu: 1400}", 1, 2, 'found "mtu"'),
    (b'{"mtu" 1400}', 1, 8, "expected a colon"),
    (b'{"mtu": }', 1, 9, "expected a value"),
    (b'{"mtu": 01}', 1, 9, 'found "01"'),
    (b'{"mtu": 1e999}', 1, 9, "too large"),
    (b'{"mtu": NaN}', 1, 9, 'found "NaN"'),
    (b'{"icc": True}', 1, 9, 'found "True"'),
    (b'{"icc": true', 1, 13, "the end of the file"),
    (b'{"ip": "192.0.2.1}', 1, 8, "without its closing double quote"),
    (b'{"ip": "192.0\n.2.1"}', 1, 14, "line break or control character"),
    (b'{"ip": "\\q"}', 1, 9, "begins no escape"),
    (b'{"ip": "\\u12"}', 1, 10, "four hexadecimal digits"),
    (b"[]", 1, 1, "found an array"),
    (b'"on"', 1, 1, "found a string"),
    (b"7", 1, 1, "found a number"),
    (b"true", 1, 1, "found true or false"),
    ('{\n "labels": ["zürich"]}'.encode("latin-1"), 2, 15, "byte 0xfc is not valid UTF-8"),
    ('{"ü": "ü", }'.encode(), 1, 10, "comma before the brace"),
    (b'{"a":' + b"[" * 200, 1, 106, "nested more than"),
    (b"\x00", 1, 1, 'found "\\u0000"'),
]


@pytest.mark.parametrize(("text", "line", "column", "words"), BROKEN)
def test_what_no_engine_reads_is_found_at_its_place(text: bytes, line: int, column: int, words: str) -> None:
    parsed = parse(text, PATH)
    (problem,) = parsed.problems
    assert words in problem.message
    assert (problem.line, problem.column) == (line, column)
    assert problem.accepted_from is None
    assert not parsed.readable
    assert parsed.values == {}


@pytest.mark.parametrize("text", [b"{}", b"null", b" \n{ }\n", b'{"a": [], "b": {"c": null}}'])
def test_a_sound_file_has_no_problem(text: bytes) -> None:
    assert parse(text, PATH).problems == []


@pytest.mark.parametrize("text", [b"", b"\n \t"])
def test_an_empty_file_stops_the_oldest_engines_only(text: bytes) -> None:
    parsed = parse(text, PATH)
    assert [problem.accepted_from for problem in parsed.problems] == [23]
    assert PATH in parsed.problems[0].message
    assert parsed.readable


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_stops_the_oldest_engines_only(encoding: str) -> None:
    parsed = parse('{"labels": ["zürich"]}'.encode(encoding), PATH)
    (problem,) = parsed.problems
    assert "byte order mark" in problem.message
    assert "20.10" in problem.message
    assert problem.accepted_from == 23
    assert parsed.values == {"labels": ["zürich"]}


def test_of_a_key_given_twice_the_last_counts_and_both_are_named() -> None:
    parsed = parse(b'{\n  "icc": true,\n  "mtu": 1400,\n  "icc": false\n}', PATH)
    (problem,) = parsed.problems
    assert (problem.line, problem.column, problem.key) == (4, 3, "icc")
    assert "line 2" in problem.message
    assert problem.accepted_from == 0
    assert parsed.values == {"icc": False, "mtu": 1400}
    assert (parsed.positions["icc"].line, parsed.positions["mtu"].line) == (4, 3)


@pytest.mark.parametrize(
    "text", [b'{"mtu": "x", "mtu": 1}', b'{"log-opts": {"a": "1"}, "log-opts": {}}', b'{"mtu": 1, "mtu": 2}']
)
def test_a_key_twice_with_values_that_dockerd_may_refuse_or_mix_is_refused(text: bytes) -> None:
    (problem,) = parse(text, PATH).problems
    assert "and with another value" in problem.message
    assert problem.accepted_from is None


def test_white_space_around_the_file_is_that_of_go() -> None:
    (problem,) = parse("\u2028{}\n\n".encode(), PATH).problems
    assert (problem.line, problem.column, problem.accepted_from) == (1, 1, 23)
    assert [found.accepted_from for found in parse("\u00a0\n".encode(), PATH).problems] == [23]
    assert [found.accepted_from for found in parse(b"\x1c", PATH).problems] == [None]


def test_a_key_twice_inside_an_object_is_found_too() -> None:
    (problem,) = parse(b'{"log-opts": {"max-size": "1m",\n "max-size": "1m"}}', PATH).problems
    assert (problem.line, problem.column, problem.key) == (2, 2, "max-size")


def test_only_top_level_keys_have_positions() -> None:
    parsed = parse(b'{"log-opts": {"max-size": "1m"}, "mtu": 1}', PATH)
    assert {key: (place.line, place.column) for key, place in parsed.positions.items()} == {
        "log-opts": (1, 2),
        "mtu": (1, 34),
    }


def test_half_a_surrogate_pair_is_replaced_as_go_does_it() -> None:
    assert parse(b'{"a": "\\ud800x", "b": "\\ud83d\\ude00"}', PATH).values == {"a": "\ufffdx", "b": "\U0001f600"}


def test_a_control_character_never_reaches_a_message() -> None:
    (problem,) = parse(b'{"a": \x1b[31m}', PATH).problems
    assert "\x1b" not in problem.message


def test_members_of_unknown_objects_count_as_top_level_keys() -> None:
    values = {"x": {"userland-proxy": False}, "log-opts": {"icc": "no"}, "mtu": 1}
    assert flattened(values) == {"userland-proxy": False, "log-opts": {"icc": "no"}, "mtu": 1}


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**9), 10**9)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
DOCUMENTS = st.dictionaries(st.text(), JSON, max_size=4)


@given(DOCUMENTS, st.sampled_from([None, 0, 2]), st.booleans())
def test_every_json_object_is_read_as_the_standard_library_reads_it(
    document: dict[str, Any], indent: Any, ascii_only: bool
) -> None:
    text = json.dumps(document, indent=indent, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    parsed = parse(text, PATH)
    assert parsed.problems == []
    assert parsed.values == document
    assert set(parsed.positions) == set(document)


def _strict(text: str) -> bool:
    """Whether the standard library takes it for an object or null, without its own extensions."""

    def refuse(word: str) -> None:
        raise ValueError(word)

    try:
        value = json.loads(text, parse_constant=refuse)
    except ValueError:
        return False
    return value is None or isinstance(value, dict)


@given(DOCUMENTS, st.data())
def test_what_is_broken_for_the_standard_library_is_broken_here(document: dict[str, Any], data: st.DataObject) -> None:
    text = json.dumps(document)
    at = data.draw(st.integers(0, len(text)))
    sign = data.draw(st.sampled_from(list('{}[]",:1et \n\\')))
    damaged = text[:at] + sign + text[data.draw(st.integers(at, min(at + 2, len(text)))) :]
    if damaged.strip() and "e" not in damaged:  # 1e999 is no number for Go and infinity for Python
        assert parse(damaged.encode(), PATH).readable == _strict(damaged)


@given(st.binary(max_size=60))
def test_no_bytes_make_it_raise(raw: bytes) -> None:
    parsed = parse(raw, PATH)
    assert parsed.readable or not parsed.values
