"""One key of daemon.json changes, and not a blank beside it."""

from __future__ import annotations

import json

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.daemon_file import (
    masked_text,
    with_key,
    without_key,
)

KEY = "userland-proxy"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", '{\n  "userland-proxy": false\n}\n'),
        ("  \n", '{\n  "userland-proxy": false\n}\n'),
        ("null", '{\n  "userland-proxy": false\n}\n'),
        ("{}", '{\n  "userland-proxy": false\n}'),
        ("{}\n", '{\n  "userland-proxy": false\n}\n'),
        ('{"a":1}', '{"a":1,"userland-proxy":false}'),
        ('{"a": 1}', '{"a": 1, "userland-proxy": false}'),
        ('{ "a" : 1, "b" : [2, {"c": 3}] }\n', '{ "a" : 1, "b" : [2, {"c": 3}], "userland-proxy" : false }\n'),
        ('{\n\t"a": 1\n}', '{\n\t"a": 1,\n\t"userland-proxy": false\n}'),
        ('{\r\n    "a": 1\r\n}\r\n', '{\r\n    "a": 1,\r\n    "userland-proxy": false\r\n}\r\n'),
        ('{"userland-proxy":true, "a": 1}', '{"userland-proxy":false, "a": 1}'),
        ('{"a": "}{,", "\\u00e4": "\\""}', '{"a": "}{,", "\\u00e4": "\\"", "userland-proxy": false}'),
        ('{"userland\\u002dproxy": true}', '{"userland\\u002dproxy": false}'),
    ],
)
def test_with_key(before: str, after: str) -> None:
    assert with_key(before, KEY, value=False) == after
    assert json.loads(after)[KEY] is False
    assert with_key(after, KEY, value=False) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", ""),
        ("{}\n", "{}\n"),
        ('{"a": 1}', '{"a": 1}'),
        ('{"userland-proxy": true}\n', "{}\n"),
        ('{\n  "userland-proxy": true\n}\n', "{}\n"),
        ('{\n  "userland-proxy": true,\n  "a": 1\n}\n', '{\n  "a": 1\n}\n'),
        ('{\n  "a": 1,\n  "userland-proxy": true\n}\n', '{\n  "a": 1\n}\n'),
        ('{"a": 1, "userland-proxy": true, "b": 2}', '{"a": 1, "b": 2}'),
    ],
)
def test_without_key(before: str, after: str) -> None:
    assert without_key(before, KEY) == after


def test_adding_and_removing_gives_the_old_text_back() -> None:
    text = '{\n    "mtu": 1450,\n    "hosts": [ "fd://" ]\n}\n'
    assert without_key(with_key(text, KEY, value=False), KEY) == text


def test_what_is_shown_holds_no_credentials() -> None:
    text = '{"proxies": {"http-proxy": "http://me:secret@proxy"}, "registry-mirrors": ["https://u:p@m/x"], "mtu": 1}'
    shown = masked_text(text)
    assert "secret" not in shown
    assert "u:p" not in shown
    assert '"mtu": 1' in shown
    assert masked_text('{ "mtu":1}') == '{ "mtu":1}'
