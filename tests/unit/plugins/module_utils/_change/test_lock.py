"""Two runs at once: one waits, or says who is at it."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._change.lock import exclusive
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import Refusal


def test_the_second_is_told_who_holds_it(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    with (
        exclusive(path),
        pytest.raises(Refusal, match=r"another run is changing this host \(process \d+"),
        exclusive(path, wait=0.0),
    ):
        pytest.fail("two at once")


def test_the_second_waits(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    got_it = threading.Event()

    def wait_for_it() -> None:
        with exclusive(path, wait=30.0):
            got_it.set()

    with exclusive(path):
        waiter = threading.Thread(target=wait_for_it)
        waiter.start()
        assert not got_it.is_set()
    waiter.join(30.0)
    assert got_it.is_set()


def test_a_full_disk_does_not_keep_anybody_from_holding_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*dummy: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    with (
        exclusive(str(tmp_path / "lock")),
        pytest.raises(Refusal, match="process unknown"),
        exclusive(str(tmp_path / "lock"), wait=0.0),
    ):
        pytest.fail("two at once")
