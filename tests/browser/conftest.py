# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One headless Chromium for all tests. A page that says an error, asks the network or opens a dialog fails its test."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.plugin_utils.fleet.fleet import Fleet
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.fleet_page import fleet_page
from playwright.sync_api import Browser, Dialog, Page, ViewportSize, expect, sync_playwright

from tests.unit.synthetic_fleet import synthetic_fleet

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
LAPTOP: ViewportSize = {"width": 1366, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}

LIMIT = 120_000
"""Milliseconds until something that does not come fails a test."""

Opening = Callable[..., Page]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    program = shutil.which("chromium")
    assert program, "there is no chromium: make chromium"
    expect.set_options(timeout=LIMIT)
    with sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=program, args=list(FLAGS))
        yield running
        running.close()


@pytest.fixture
def opened(browser: Browser) -> Iterator[Opening]:
    """Open a file as a page; options are those of a context of the browser."""
    contexts = []
    wrong: list[str] = []

    def dismissed(dialog: Dialog) -> None:
        wrong.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def opening(path: Path, hash_text: str = "", *, ready: str = "#app[data-ready]", **options: Any) -> Page:
        context = browser.new_context(**{"viewport": LAPTOP, **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(LIMIT)
        url = path.as_uri()
        page.on("console", lambda message: wrong.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
        page.on("dialog", dismissed)
        page.on("request", lambda asked: wrong.extend([asked.url] if not asked.url.startswith(url) else []))
        page.goto(url + hash_text)
        page.wait_for_selector(ready, state="attached")
        return page

    yield opening
    for context in contexts:
        context.close()
    assert wrong == []


def written(fleet: Fleet, path: Path) -> Path:
    """Write the page of a fleet."""
    with path.open("w", encoding="utf-8") as file:
        fleet_page(fleet, file.write)
    return path


@pytest.fixture(scope="session")
def fleet() -> Fleet:
    return synthetic_fleet(60)


@pytest.fixture(scope="session")
def page_file(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of 60 hosts with a history."""
    return written(fleet, tmp_path_factory.mktemp("fleet") / "fleet.html")
