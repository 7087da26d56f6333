# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import configparser
from pathlib import Path

import pytest

import sanity


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sanity, "HOME", tmp_path)
    return tmp_path


def outcome(status: int, output: str, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sanity, "run", lambda dummy: (status, output))
    return sanity.main()


def test_fails_when_ansible_test_found_nothing_to_test(monkeypatch: pytest.MonkeyPatch) -> None:
    assert outcome(0, "WARNING: All targets skipped.\n", monkeypatch) == 1


@pytest.mark.parametrize("status", [0, 1])
def test_status_is_that_of_ansible_test(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert outcome(status, 'Running sanity test "pep8"\n', monkeypatch) == status


def test_stand_in_lies_where_ansible_test_looks_for_get_pip(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outcome(0, "", monkeypatch)
    names = [path.name for path in (home / ".ansible" / "test" / "cache").iterdir()]
    assert len(names) == 1
    assert names[0].startswith("get_pip_2")


def test_settings_of_the_environment_win() -> None:
    listing = ":env:.index-url='https://env.example/simple'\nglobal.index-url='https://file.example/simple'\n"
    parser = configparser.ConfigParser()
    parser.read_string(sanity.pip_settings(listing + "install.no-binary='a'\nglobal.find-links='\\n/one\\n/two'\n"))
    assert dict(parser["global"]) == {
        "find-links": "\n/one\n/two",
        "index-url": "https://env.example/simple",
        "no-binary": "a",
        "quiet": "1",
    }
