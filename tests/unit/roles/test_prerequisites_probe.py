"""The question that the role prerequisites asks a host's Python."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from ansible_collections.dockernet.baseline.plugins.plugin_utils.report import terminal

COLLECTION = Path(terminal.__file__).parents[3]
PROGRAM = COLLECTION / "roles" / "prerequisites" / "files" / "probe.py"


def ask(cwd: Path, venv: Path, *options: str) -> dict[str, Any]:
    """Ask this Python as the role does; options come before the program."""
    argv = [sys.executable, *options, "-c", PROGRAM.read_text(), str(venv)]
    answer: dict[str, Any] = json.loads(subprocess.run(argv, cwd=cwd, check=True, capture_output=True).stdout)
    return answer


def test_a_python_that_has_the_libraries_lacks_nothing(tmp_path: Path) -> None:
    answer = ask(tmp_path, tmp_path)
    assert (answer["missing"], answer["venv"]) == ({}, False)


def test_a_python_without_them_says_what_is_missing_and_why(tmp_path: Path) -> None:
    # Without the module site there are no installed libraries.
    answer = ask(tmp_path, tmp_path, "-S")
    assert set(answer["missing"]) == {"pyroute2"}
    assert "ModuleNotFoundError" in answer["missing"]["pyroute2"]
    assert answer["venv"] is False


def test_a_virtual_environment_that_has_them_is_found(tmp_path: Path) -> None:
    assert ask(tmp_path, Path(sys.prefix), "-S")["venv"] is True


def test_a_folder_of_that_name_is_no_library(tmp_path: Path) -> None:
    (tmp_path / "pyroute2").mkdir()
    assert "pyroute2" in ask(tmp_path, tmp_path, "-S")["missing"]
