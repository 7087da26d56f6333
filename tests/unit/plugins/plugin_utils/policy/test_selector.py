"""Selectors: what is no JMESPath is refused with its place, and shortcuts change no answer."""

from __future__ import annotations

from typing import Any

import jmespath
import pytest
from ansible_collections.dockernet.baseline.plugins.plugin_utils.policy import selector
from ansible_collections.dockernet.baseline.plugins.plugin_utils.policy.selector import Selector, SelectorError

WEB: dict[str, Any] = {
    "kind": "port",
    "name": "web:80/tcp",
    "container": "web",
    "image": "nginx:1.29",
    "networks": ["front", "back"],
    "labels": {"team": "shop", "com.example/tier": "edge"},
}


@pytest.mark.parametrize(
    ("text", "selects"),
    [
        ("container == 'web'", True),
        ("'web' == container && kind == 'port'", True),
        ("container == 'web' && kind == 'host'", False),
        ("container == 'db' || labels.team == 'shop'", True),
        ("contains(networks, 'front')", True),
        ("networks[?starts_with(@, 'b')]", True),
        ("networks[?starts_with(@, 'x')]", False),
        ("labels.\"com.example/tier\" == 'edge'", True),
        ("labels.absent", False),
        ("!(labels.absent)", True),
        ("!labels.absent", False),  # the same as (!labels).absent
        ("starts_with(image, 'nginx:')", True),
        ("length(networks)", True),
        ("`0`", True),
        ("''", False),
        ("`[]`", False),
        ("contains(keys(@), 'image')", True),
    ],
)
def test_truth_is_that_of_jmespath(text: str, selects: bool) -> None:
    assert Selector(text).selects(WEB) is selects


@pytest.mark.parametrize(
    ("text", "position", "words"),
    [
        ("name = 'web'", 6, "Unknown token '='"),
        ("name == ", 9, "the expression ends too early"),
        ("labels.'team'", 8, "got: literal"),
        ("name ] x", 6, "Unexpected token: ]"),
        ("kind == 'port' && nosuch(name)", 19, "there is no function nosuch()"),
        ("kind == 'port' && contains(name)", 19, "contains() takes 2 arguments, not 1"),
        ("not_null()", 1, "not_null() takes at least 1 arguments, not 0"),
        ("networks[?begins(@, 'x')]", 11, "there is no function begins()"),
    ],
)
def test_what_is_no_jmespath_is_refused_with_its_place(text: str, position: int, words: str) -> None:
    with pytest.raises(SelectorError) as caught:
        Selector(text)
    assert f"at character {position} (marked by >>> in " in str(caught.value)
    assert words in str(caught.value)


def test_what_is_empty_or_endless_is_refused() -> None:
    with pytest.raises(SelectorError, match="it is empty"):
        Selector("")
    with pytest.raises(SelectorError, match="nested too deeply"):
        Selector("(" * 100_000)
    with pytest.raises(SelectorError, match="nested too deeply"):
        Selector(" && ".join(["name"] * 5_000)).selects(WEB)


def test_what_a_function_does_not_take_is_told() -> None:
    with pytest.raises(SelectorError, match="starts_with"):
        Selector("starts_with(labels.absent, 'x')").selects(WEB)


def test_without_jmespath_a_selector_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selector, "HAS_JMESPATH", False)
    with pytest.raises(SelectorError, match="Python library jmespath on the controller"):
        Selector("name")


@pytest.mark.parametrize(
    ("text", "demands"),
    [
        ("container == 'web'", (("container",), "web")),
        ("kind != 'port' && 'shop' == labels.team", (("labels", "team"), "shop")),
        ("labels.\"a.b\" == 'x' && contains(name, 'y')", (("labels", "a.b"), "x")),
        ("container == 'web' || container == 'db'", None),
        ("!(container == 'web')", None),
        ("length(networks) == `2`", None),
        ("networks[0] == 'front'", None),
        ("name == container", None),
    ],
)
def test_what_a_selector_demands_is_found(text: str, demands: object) -> None:
    assert Selector(text).demands == demands


@pytest.mark.parametrize(
    ("text", "reads"),
    [
        ("contains(networks, 'x') && labels.team == 'y'", {"networks", "labels", "team"}),
        ("{a: kind, b: name}.a == 'host'", {"kind", "name", "a"}),
        ("keys(@)", None),
        ("*.team", None),
        ("networks[?@ == 'x']", None),
    ],
)
def test_what_a_selector_reads_is_known(text: str, reads: set[str] | None) -> None:
    assert Selector(text).reads == (None if reads is None else frozenset(reads))


def test_jmespath_gives_the_tree_that_is_relied_on() -> None:
    tree = jmespath.compile("labels.team == 'x' && kind").parsed
    assert tree["type"] == "and_expression"
    assert [child["type"] for child in tree["children"]] == ["comparator", "field"]
