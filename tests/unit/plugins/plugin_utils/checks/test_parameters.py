"""Parameters of checks: what is no value of theirs is refused, with its place and what is allowed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks import parameters
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import (
    INTEGER,
    NAMES,
    NETWORKS,
    PORTS,
    Parameter,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.parameters import (
    read_parameters,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.registry import CHECKS
from ansible_collections.dockernet.baseline.plugins.plugin_utils.options import WrongValueError

KNOWN = (
    Parameter("below", INTEGER, 1024, "the first port that is free", least=0, most=65536),
    Parameter("avoid", NETWORKS, [], "networks to keep clear of"),
    Parameter("forbidden", NAMES, [], "capabilities", choices=("NET_ADMIN", "NET_RAW")),
    Parameter("words", NAMES, [], "of any kind"),
    Parameter("ports", PORTS, [], "of databases"),
)


@pytest.fixture(autouse=True)
def _one_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parameters, "CHECKS", (replace(CHECKS[0], id="some.check", parameters=KNOWN),))


def test_what_is_right_comes_back_with_networks_as_they_are_written() -> None:
    given = {
        "below": 80,
        "avoid": ["10.0.0.0/8", "FD00:0::/8", "192.0.2.1"],
        "forbidden": ["NET_RAW"],
        "words": ["x y"],
        "ports": [5432, 65535],
    }
    read = {
        "below": 80,
        "avoid": ["10.0.0.0/8", "fd00::/8", "192.0.2.1/32"],
        "forbidden": ["NET_RAW"],
        "words": ["x y"],
        "ports": [5432, 65535],
    }
    assert read_parameters({"some.check": given}) == {"some.check": read}


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("below", "80", "['below']: expected a whole number from 0 to 65536, found '80'"),
        ("below", True, "['below']: expected a whole number from 0 to 65536, found True"),
        ("below", -1, "['below']: expected a number from 0 to 65536, found -1"),
        ("below", 65537, "['below']: expected a number from 0 to 65536, found 65537"),
        ("avoid", "10.0.0.0/8", "['avoid']: expected a list of networks, found '10.0.0.0/8'"),
        ("avoid", ["10.0.0.0/8", 5], "['avoid'][1]: expected a network such as '10.0.0.0/8', found 5"),
        ("avoid", ["10.0.0.1/8"], "['avoid'][0]: expected a network such as '10.0.0.0/8': 10.0.0.1/8 has host bits"),
        ("forbidden", "NET_RAW", "['forbidden']: expected a list of words, found 'NET_RAW'"),
        ("forbidden", [" "], "['forbidden'][0]: expected a word, found ' '"),
        ("forbidden", ["CAP_NET_RAW"], "['forbidden'][0]: 'CAP_NET_RAW' is not one of NET_ADMIN, NET_RAW"),
        ("ports", 5432, "['ports']: expected a list of ports, found 5432"),
        ("ports", [0], "['ports'][0]: expected a number from 1 to 65535, found 0"),
        ("ports", ["80"], "['ports'][0]: expected a whole number from 1 to 65535, found '80'"),
        ("bellow", 80, "['bellow']: there is no such parameter. some.check has: below (integer, by default 1024)"),
    ],
)
def test_what_is_wrong_is_named(name: str, value: Any, message: str) -> None:
    with pytest.raises(WrongValueError) as caught:
        read_parameters({"some.check": {name: value}})
    assert str(caught.value).startswith(f"parameters['some.check']{message}")
    assert caught.value.value == (name if name == "bellow" else value if isinstance(value, (int, str)) else value[-1])
