"""How many faults, where to begin, and the sums at the end. KILLS and SEED in the environment; see `make faults`."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.lab.fixtures import engine_host, fresh_host, lab, pytest_collection_modifyitems
from tests.lab.identity import ROOT

__all__ = ["engine_host", "fresh_host", "lab", "pytest_collection_modifyitems"]

RESULTS = ROOT / ".build" / "results" / "faults"
FEW = 12
"""Kills on each host where the environment names no number."""


@pytest.fixture(scope="session")
def kills() -> int:
    return int(os.environ.get("KILLS") or FEW)


@pytest.fixture(scope="session")
def seed() -> int:
    return int(os.environ.get("SEED") or 1)


@pytest.fixture
def note(request: pytest.FixtureRequest) -> Callable[[str, dict[str, Any]], None]:
    """Keeps what a test counted for the summary."""

    def write(title: str, counted: dict[str, Any]) -> None:
        RESULTS.mkdir(parents=True, exist_ok=True)
        (RESULTS / f"{title.replace(' ', '-')}.json").write_text(json.dumps({"title": title, "counted": counted}))

    return write


def pytest_sessionstart(session: pytest.Session) -> None:
    if not hasattr(session.config, "workerinput"):
        for path in RESULTS.glob("*.json"):
            path.unlink()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for path in sorted(RESULTS.glob("*.json")):
        entry = json.loads(Path(path).read_text())
        terminalreporter.section(entry["title"])
        for key, value in entry["counted"].items():
            terminalreporter.line(f"{key.replace('_', ' ')}: {_shown(value)}")


def _shown(value: Any) -> str:
    if not isinstance(value, dict):
        return str(value)
    return ", ".join(f"{name} {number}" for name, number in sorted(value.items(), key=lambda item: -item[1]))
