"""What daemon.json is to become, and what of that is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.daemon_file import (
    CurrentConfig,
    read_config,
    text_goal,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.daemon_keys_goal import (
    WantedKey,
    keys_goal,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import FileState, Refusal
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import ServiceUnit
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot

from tests.unit.plugins.module_utils._change.hosts import CONFIG_PATH, HOST, with_engine


def config(text: str | None = None, host: HostSnapshot = HOST) -> CurrentConfig:
    return read_config(host, FileState(CONFIG_PATH, CONFIG_PATH, None if text is None else text.encode()))


def edited(text: str | None, *keys: WantedKey, host: HostSnapshot = HOST) -> str | None:
    return keys_goal(list(keys))(config(text, host)).text


def refused(text: str | None, *keys: WantedKey, host: HostSnapshot = HOST) -> str:
    with pytest.raises(Refusal) as caught:
        edited(text, *keys, host=host)
    return str(caught.value)


def with_flags(*flags: str) -> HostSnapshot:
    return replace(
        HOST,
        service=ServiceUnit(
            "systemd", "docker.service", "active", ["/usr/sbin/dockerd", *flags], "/lib/docker.service", ["/etc/x.conf"]
        ),
    )


def test_only_what_was_asked_for_changes() -> None:
    text = '{\n\t"mtu" : 1400,\n\t"debug" : true\n}'
    assert edited(text, WantedKey("mtu", value=1400)) == text
    assert edited(text, WantedKey("mtu", present=False)) == '{\n\t"debug" : true\n}'
    assert edited(text, WantedKey("mtu", value=1500), WantedKey("labels", value=["a=b"])) == (
        '{\n\t"mtu" : 1500,\n\t"debug" : true,\n\t"labels" : ["a=b"]\n}'
    )
    assert edited(None, WantedKey("mtu", present=False)) is None
    assert keys_goal([WantedKey("mtu", value=1400)])(config(text)).keys == {"mtu"}


def test_true_is_not_one() -> None:
    assert edited('{"log-opts": {"a": "1", "b": "2"}}', WantedKey("log-opts", value={"b": "2", "a": "1"})) == (
        '{"log-opts": {"a": "1", "b": "2"}}'
    )
    assert "whole number" in refused("{}", WantedKey("mtu", value=True))


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("userland_proxy", False, ("userland_proxy", "is userland-proxy meant?")),
        ("extra", {"userland_proxy": False}, ("extra", "userland_proxy")),
        # dockerd starts with these, and does not do what they seem to say.
        ("extra", {"icc": False}, ("extra", "icc")),
        ("host", ["fd://"], ("the key is hosts",)),
        ("mtu", "1400", ("mtu must be a whole number",)),
        ("bip", "banana", ("banana",)),
        ("host-gateway-ips", ["192.0.2.1"], ("came with Docker Engine 28.0", "26.1")),
        ("oom-score-adjust", -1, ("up to Docker Engine 25.0", "26.1")),
        ("mtu", None, ("mtu is null", "remove the key")),
        ("userland-proxy", True, ("every reload", "remove the key")),
    ],
)
def test_what_this_engine_does_not_take_is_refused(name: str, value: Any, words: tuple[str, ...]) -> None:
    message = refused("{}", WantedKey(name, value=value))
    for word in (*words, "left unchanged"):
        assert word in message


def test_what_stands_there_already_is_nobody_s_fault() -> None:
    text = '{"userland-proxy": true}'
    assert edited(text, WantedKey("userland-proxy", value=True)) == text
    older = with_engine(version="24.0.7")
    assert edited("{}", WantedKey("userland-proxy", value=True), host=older) is not None


def test_a_flag_that_says_the_same_is_enough() -> None:
    host = with_flags("--mtu=1400")
    assert edited(None, WantedKey("mtu", value=1400), host=host) is None
    message = refused(None, WantedKey("mtu", value=1500), host=host)
    for word in ("docker.service", "--mtu (1400)", "/lib/docker.service", "/etc/x.conf", "/etc/default/docker"):
        assert word in message
    # These two are put together by dockerd.
    host = with_flags("--add-runtime", "other=/bin/other")
    assert edited(None, WantedKey("runtimes", value={"mine": {"path": "/bin/mine"}}), host=host) is not None


def test_the_flags_that_a_wrapper_gives_are_those_of_the_process() -> None:
    assert HOST.daemon is not None
    host = replace(
        HOST,
        daemon=replace(HOST.daemon, argv=["dockerd", "--data-root=/var/snap/docker/common"]),
        service=ServiceUnit(
            "systemd", "snap.docker.dockerd.service", "active", ["/usr/bin/snap", "run", "docker.dockerd"]
        ),
    )
    message = refused(None, WantedKey("data-root", value="/srv"), host=host)
    assert "--data-root" in message
    assert "snap.docker.dockerd.service" in message


def test_secrets_of_a_flag_are_not_told() -> None:
    host = with_flags("--log-opt", "splunk-token=sesame")
    assert "sesame" not in refused(None, WantedKey("log-opts", value={"max-size": "1m"}), host=host)


def test_a_key_inside_of_an_object_is_no_place_to_edit() -> None:
    text = '{"extra": {"debug": true}}'
    assert "inside another object" in refused(text, WantedKey("debug", present=False))


def test_a_whole_text_concerns_all_its_keys() -> None:
    target = text_goal('{"mtu": 1400}')(config('{"debug": true}'))
    assert target.text == '{"mtu": 1400}'
    assert {"mtu", "debug"} <= target.keys
    assert target.exact
    assert json.loads(target.text or "") == {"mtu": 1400}
