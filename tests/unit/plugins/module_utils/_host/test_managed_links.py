# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What network managers say of links."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._host import managed_links, procfs
from ansible_collections.dockernet.baseline.plugins.module_utils._host.managed_links import (
    parse_networkd,
    parse_nmcli,
    read_managed_links,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import (
    NETWORK_MANAGER,
    NETWORKD,
    ManagedLink,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.unread import UnreadableError

# As systemd-networkd 257 wrote it of a bridge that a file of it matched.
STATE = """# This is private data. Do not parse.
ADMIN_STATE=configuring
OPER_STATE=no-carrier
NETWORK_FILE=/etc/systemd/network/50-x.network
NETWORK_FILE_DROPINS=""
"""
NAMES = {4: "docker0", 5: "br0"}


def process(name: str) -> procfs.Process:
    return procfs.Process(999_999_999, name, 1, 0)


def nothing_runs(argv: list[str]) -> tuple[int, str, str]:
    raise AssertionError(argv)


@pytest.mark.parametrize(("state", "managed"), [
    ("configured", True), ("configuring", True), ("failed", True),
    ("unmanaged", False), ("pending", False), ("initialized", False), ("", False),
])  # fmt: skip
def test_systemd_networkd_manages_what_it_configures(state: str, managed: bool) -> None:
    assert parse_networkd("br0", f"ADMIN_STATE={state}\n").managed is managed


def test_the_file_that_says_so_is_named() -> None:
    found = parse_networkd("br0", STATE)
    assert found == ManagedLink(NETWORKD, "br0", "configuring", managed=True, by="/etc/systemd/network/50-x.network")


# As NetworkManager 1.52 shows a bridge of Docker that it leaves alone.
def test_nmcli_tells_what_networkmanager_leaves_alone() -> None:
    text = "connected:Wired: 1:eth0\nconnected (externally):docker0:docker0\nunmanaged::br0\ndisconnected::veth1\n"
    assert [(item.interface, item.managed, item.by) for item in parse_nmcli(text)] == [
        ("eth0", True, "Wired: 1"),
        ("docker0", False, "docker0"),
        ("br0", False, ""),
        ("veth1", True, ""),
    ]


def test_only_managers_that_run_are_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "5").write_text(STATE, encoding="utf-8")
    monkeypatch.setattr(managed_links, "STATES", tmp_path)
    monkeypatch.setattr(procfs, "uid", lambda dummy: tmp_path.stat().st_uid)
    assert read_managed_links(nothing_runs, [process("dockerd")], NAMES) == []
    (found,) = read_managed_links(nothing_runs, [process("systemd-network")], NAMES)
    assert (found.interface, found.manager) == ("br0", NETWORKD)


@pytest.mark.parametrize("name", ["systemd-network", "NetworkManager"])
def test_a_stranger_by_the_name_of_a_manager_is_not_believed(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "5").write_text(STATE, encoding="utf-8")
    monkeypatch.setattr(managed_links, "STATES", tmp_path)
    monkeypatch.setattr(procfs, "uid", lambda dummy: tmp_path.stat().st_uid + 65534)
    assert read_managed_links(nothing_runs, [process(name)], NAMES) == []
    monkeypatch.setattr(managed_links, "STATES", tmp_path / "none")
    assert read_managed_links(nothing_runs, [process(name)], NAMES) == []


def test_networkmanager_that_does_not_tell_is_unreadable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(procfs, "uid", lambda dummy: 0)

    def refuses(dummy: list[str]) -> tuple[int, str, str]:
        return 127, "", "nmcli: not found"

    def tells(argv: list[str]) -> tuple[int, str, str]:
        assert argv[0] == "nmcli"
        return 0, "connected:x:docker0\n", ""

    with pytest.raises(UnreadableError, match="nmcli: not found"):
        read_managed_links(refuses, [process("NetworkManager")], NAMES)
    (found,) = read_managed_links(tells, [process("NetworkManager")], NAMES)
    assert (found.manager, found.managed) == (NETWORK_MANAGER, True)
