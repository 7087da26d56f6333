"""Programs are run without a shell, with a limit."""

from __future__ import annotations

import sys

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._host import command


def test_output_status_and_language() -> None:
    code = "import os, sys; print(os.environ['LC_ALL']); print('x', file=sys.stderr); sys.exit(3)"
    assert command.run_command([sys.executable, "-c", code]) == (3, "C\n", "x\n")


def test_words_are_not_for_a_shell() -> None:
    assert command.run_command(["echo", "$HOME;`id`"]) == (0, "$HOME;`id`\n", "")


def test_bytes_that_are_no_text() -> None:
    assert command.run_command(["printf", r"\377"]) == (0, "\ufffd", "")


def test_a_program_that_is_not_there() -> None:
    assert command.run_command(["dockernet-no-such-program"])[0] == command.NOT_FOUND


def test_a_program_that_does_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "TIME_LIMIT", 0.1)
    status, dummy, problem = command.run_command(["sleep", "60"])
    assert status == command.TIMED_OUT
    assert "no end" in problem
