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
from ansible_collections.dockernet.baseline.plugins.plugin_utils import bytecode_cache
from ansible_collections.dockernet.baseline.plugins.plugin_utils.bytecode_cache import BytecodeFinder, keep_bytecode

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
        spec = BytecodeFinder(PACKAGE).find_spec(f"{PACKAGE}.one", [str(folder)])
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
    assert BytecodeFinder(PACKAGE).find_spec(name, [str(folder)]) is None


def test_a_module_without_a_package_is_left_to_others() -> None:
    assert BytecodeFinder(PACKAGE).find_spec(f"{PACKAGE}.one", None) is None


def test_it_goes_ahead_of_other_finders_but_where_python_loads_the_package_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    before = list(sys.meta_path)
    keep_bytecode(PACKAGE, SourceFileLoader(PACKAGE, str(bytecode_cache.__file__)))
    assert sys.meta_path == before
    keep_bytecode(PACKAGE, object())
    assert isinstance(sys.meta_path[0], BytecodeFinder)
    assert sys.meta_path[1:] == before
