"""How keys come into force, and what the daemon's answers say about it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.daemon_effect import (
    in_force,
    of_default_bridge,
    reload_problem,
    reloadable,
    report_problem,
    written_out,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.daemon_file import CurrentConfig
from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_json import DaemonConfig
from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_key_table import KEYS

from tests.unit.plugins.module_utils._change.hosts import CONFIG_PATH, HOST, STARTED, with_engine, with_proxy_off

SETTINGS = {"debug": False, "labels": [], "registry-mirrors": ["https://mirror.example"]}
SAYS = with_engine(settings=SETTINGS)


@pytest.mark.parametrize(
    ("name", "wanted", "known"),
    [
        ("debug", None, True),
        ("debug", True, False),
        ("labels", None, True),
        ("labels", ["a=b"], False),
        # dockerd adds a slash.
        ("registry-mirrors", ["https://mirror.example/"], True),
        ("live-restore", None, True),
        ("live-restore", True, False),
        ("userland-proxy", None, True),
        ("userland-proxy", False, False),
        ("mtu", 1400, None),
    ],
)
def test_the_daemon_s_word_counts(name: str, wanted: Any, known: bool | None) -> None:
    assert in_force(SAYS, name, wanted) is known


def test_where_the_daemon_says_nothing_an_older_file_is_in_force() -> None:
    def since(mtime: float, ctime: float) -> bool | None:
        config = DaemonConfig(CONFIG_PATH, exists=True, values={"mtu": 1400}, mtime=mtime, ctime=ctime)
        return in_force(replace(HOST, daemon_config=config), "mtu", 1400)

    assert since(STARTED - 100, STARTED - 100) is True
    # Another file was put in its place, with its old time.
    assert since(STARTED - 100, STARTED + 100) is None
    assert since(STARTED, STARTED) is None


def test_the_proxy_of_which_nothing_is_known() -> None:
    assert in_force(replace(with_proxy_off(), ruleset=None), "userland-proxy", False) is None


def test_every_key_that_is_reloaded_can_be_taken_back() -> None:
    names = {name for name in KEYS if reloadable(name)}
    text = written_out(CurrentConfig(CONFIG_PATH, None), "{}", names)
    for name in names:
        assert f'"{name}"' in (text or ""), name


def test_a_default_is_written_out_only_where_it_must_be() -> None:
    config = CurrentConfig(CONFIG_PATH, None, flags={"debug": True})
    assert written_out(config, '{"labels": ["a=b"]}', {"labels", "debug", "mtu"}) == '{"labels": ["a=b"]}'


def test_keys_of_the_default_network() -> None:
    assert of_default_bridge("mtu")
    assert not of_default_bridge("userland-proxy")
    assert not of_default_bridge("no-such-key")


@pytest.mark.parametrize(
    ("expected", "reported", "wrong"),
    [
        ({"debug": True}, {"debug": "true"}, False),
        ({"debug": True}, {"debug": "false"}, True),
        ({"debug": None}, {"debug": "true"}, True),
        ({"labels": ["a=b"]}, {"labels": '["a=b"]'}, False),
        ({"labels": ["a=b", "c=d"]}, {"labels": '["c=d","a=b"]'}, False),
        ({"labels": ["a=b", "password=c"]}, {"labels": '["a=b","password=d"]'}, True),
        ({"labels": None}, {"labels": "null"}, False),
        ({"labels": None}, {"labels": '["a=b"]'}, True),
        ({"registry-mirrors": ["https://a"]}, {"registry-mirrors": '["https://a/"]'}, False),
        ({"shutdown-timeout": 20}, {"shutdown-timeout": "15"}, True),
        ({"default-runtime": "runc"}, {"default-runtime": "other"}, True),
        # Go shows these in ways that do not compare.
        ({"features": {"x": True}}, {"features": "map[x:true]"}, False),
        ({"default-shm-size": "1g"}, {"default-shm-size": "1073741824"}, False),
        ({"labels": ["a=b"]}, {"labels": "[a=b]"}, False),
        ({"network-diagnostic-port": 1}, {}, False),
    ],
)
def test_what_the_event_of_a_reload_contradicts(
    expected: dict[str, Any], reported: dict[str, str], wrong: bool
) -> None:
    assert bool(reload_problem(expected, reported)) is wrong


def test_what_the_report_of_the_daemon_contradicts() -> None:
    assert report_problem(SAYS, {"debug": None, "mtu": 1400, "live-restore": None}) == ""
    assert report_problem(SAYS, {"debug": True}) == "dockerd reports debug as false"
    assert report_problem(SAYS, {"live-restore": True}) == "dockerd reports live-restore as false"
    assert "not answer" in report_problem(replace(HOST, engine=None), {})
