# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""By which device packets leave, and which of them the host's hooks see."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._trace import run
from ansible_collections.dockernet.baseline.plugins.module_utils._trace.question import question_of
from ansible_collections.dockernet.baseline.plugins.module_utils._trace.way_out import WayOut, way_out

OPTIONS: dict[str, Any] = {
    "origin": {"kind": "container", "name": "web"},
    "destination": "127.0.0.1",
    "protocol": "udp",
    "port": 9,
    "source": "",
    "mode": "dry",
    "seconds": 5.0,
    "wait": 0.0,
    "expected": [],
}


def test_the_loopback_device_of_this_namespace() -> None:
    assert way_out("127.0.0.1", "127.0.0.1").device == "lo"


@pytest.mark.parametrize(
    ("device", "kind", "seen"),
    [("eth0", "veth", True), ("lo", "", True), ("eth0", "macvlan", False), ("eth0", "", False), ("tun0", "tun", False)],
)
def test_which_of_them_are_seen(device: str, kind: str, seen: Any) -> None:
    assert WayOut(device, kind).is_seen is seen


def test_a_dry_probe_that_no_hook_would_see_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "namespace", lambda pid, dummy: pid)
    monkeypatch.setattr(run, "in_namespace", lambda dummy, call: call())
    monkeypatch.setattr(run, "way_out", lambda *dummy: WayOut("eth0", "macvlan"))
    found = run.trace(question_of(OPTIONS), 4242)
    assert (found.end, found.complete, found.events) == ("not_seen", False, [])
    assert found.problem.endswith("it leaves by eth0 (macvlan); use mode: live")
