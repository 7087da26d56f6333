"""daemon.json as a file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._host.service import (
    DEFAULT_PATH,
    config_path,
    read_daemon_config,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.unread import UnreadableError


def test_a_file_with_its_owner_and_without_its_secrets(tmp_path: Path) -> None:
    path = tmp_path / "daemon.json"
    path.write_text('{"proxies": {"http-proxy": "http://u:p@proxy:1"}, "mtu": 1400}')
    path.chmod(0o640)
    config = read_daemon_config(str(path))
    assert config.exists
    assert config.values == {"proxies": {"http-proxy": "********"}, "mtu": 1400}
    assert set(config.positions) == {"proxies", "mtu"}
    assert (config.mode, config.uid, config.link_target) == (0o640, os.getuid(), None)


def test_no_file_is_an_answer(tmp_path: Path) -> None:
    config = read_daemon_config(str(tmp_path / "daemon.json"))
    assert not config.exists
    assert config.problems == []


def test_a_link(tmp_path: Path) -> None:
    (tmp_path / "real.json").write_text("{}")
    (tmp_path / "daemon.json").symlink_to("real.json")
    assert read_daemon_config(str(tmp_path / "daemon.json")).link_target == str(tmp_path / "real.json")


def test_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "daemon.json")
    for path in (tmp_path / "daemon.json", tmp_path):
        with pytest.raises(UnreadableError, match="not a regular file"):
            read_daemon_config(str(path))


def test_a_file_without_end(tmp_path: Path) -> None:
    with (tmp_path / "daemon.json").open("wb") as file:
        file.truncate(1 << 30)
    with pytest.raises(UnreadableError, match="more than 1048576 bytes"):
        read_daemon_config(str(tmp_path / "daemon.json"))


def test_the_path_that_a_unit_names() -> None:
    assert config_path(None, []) == DEFAULT_PATH
    assert config_path(None, ["dockerd", "--config-file=/etc/other.json"]) == "/etc/other.json"
    assert config_path(None, ["dockerd", "--config-file", "other.json"]) == "/other.json"


def test_what_a_user_names_is_read_if_that_user_could_read_it(tmp_path: Path) -> None:
    path = tmp_path / "daemon.json"
    path.write_text('{"token": 1}')
    path.chmod(0o600)
    own = path.stat().st_uid
    assert read_daemon_config(str(path), own).exists
    with pytest.raises(UnreadableError, match=f" file of user {own + 1},"):
        read_daemon_config(str(path), own + 1)
    path.chmod(0o644)
    assert read_daemon_config(str(path), own + 1).exists
