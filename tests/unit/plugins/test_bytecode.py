# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules of the collection are compiled once, and by whoever loads them as what they are."""

from __future__ import annotations

import importlib.util
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path

import pytest
from ansible_collections.dockernet.baseline import plugins

PACKAGE = "ansible_collections.dockernet.baseline.plugins"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "one.py").write_text("VALUE = 1\n", encoding="utf-8")
    (tmp_path / "within").mkdir()
    (tmp_path / "within" / "__init__.py").touch()
    return tmp_path


def test_bytecode_of_a_module_is_kept_and_made_anew_when_the_module_changes(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(sys, "pycache_prefix", None)
    for text, value in (("VALUE = 1\n", 1), ("VALUE = 20\n", 20)):
        (folder / "one.py").write_text(text, encoding="utf-8")
        spec = plugins.BytecodeFinder(PACKAGE).find_spec(f"{PACKAGE}.one", [str(folder)])
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        assert value == module.VALUE
        assert (folder / "__pycache__" / f"one.{sys.implementation.cache_tag}.pyc").is_file()


@pytest.mark.parametrize(
    "name", [f"{PACKAGE}.two", f"{PACKAGE}.within", "ansible_collections.dockernet.other.plugins.one", "one"]
)
def test_what_is_no_module_of_the_package_is_left_to_others(folder: Path, name: str) -> None:
    assert plugins.BytecodeFinder(PACKAGE).find_spec(name, [str(folder)]) is None


def test_a_module_without_a_package_is_left_to_others() -> None:
    assert plugins.BytecodeFinder(PACKAGE).find_spec(f"{PACKAGE}.one", None) is None


class OfTheSameModule:
    """A loader, or a finder."""


def test_it_goes_ahead_of_the_finder_that_found_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    first, found, last = object(), OfTheSameModule(), object()
    monkeypatch.setattr(sys, "meta_path", [first, found, last])
    plugins.keep_bytecode(PACKAGE, OfTheSameModule())
    assert [type(finder) for finder in sys.meta_path] == [object, plugins.BytecodeFinder, OfTheSameModule, object]


def test_where_python_loads_the_package_itself_nothing_is_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    before = list(sys.meta_path)
    monkeypatch.setattr(sys, "meta_path", list(before))
    plugins.keep_bytecode(PACKAGE, SourceFileLoader(PACKAGE, "/no/such/file.py"))
    assert sys.meta_path == before
