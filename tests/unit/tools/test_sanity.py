# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import configparser
import sys
import sysconfig
from pathlib import Path

import pytest

import get_pip
import sanity


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sanity, "HOME", tmp_path)
    monkeypatch.setattr(sanity, "fetch", lambda requirement, folder: (folder / requirement).mkdir())
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
    pip, script = sorted((home / ".ansible" / "test" / "cache").iterdir(), reverse=True)
    assert pip.name.startswith("pip==2")
    assert script.name == f"get_pip_{pip.name.removeprefix('pip==').replace('.', '_')}.py"


def test_stand_in_copies_what_lies_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cache/pip==25.2/pip").mkdir(parents=True)
    (tmp_path / "cache/pip==25.2/pip/__main__.py").touch()
    monkeypatch.setattr(get_pip, "__file__", str(tmp_path / "cache/get_pip_25_2.py"))
    monkeypatch.setattr(sys, "argv", ["get_pip", "--disable-pip-version-check", "pip==25.2", "--no-wheel"])
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path / name))
    assert get_pip.main() == 0
    assert (tmp_path / "purelib/pip/__main__.py").exists()


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
