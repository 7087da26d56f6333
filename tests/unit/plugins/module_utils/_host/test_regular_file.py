# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever lies where a file is expected: it is read to its end at once, or refused at once."""

from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._change import atomic_file, journal
from ansible_collections.dockernet.baseline.plugins.module_utils._host import managed_links, service, sysctls
from ansible_collections.dockernet.baseline.plugins.module_utils._host.read_for_packets import read_nameservers
from ansible_collections.dockernet.baseline.plugins.module_utils._host.regular_file import (
    LARGEST,
    content,
    opened,
    read_regular,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.saved_snapshot import (
    SavedSnapshotError,
    load_saved,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.service import read_daemon_config
from ansible_collections.dockernet.baseline.plugins.module_utils._model.unread import UnreadableError


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))


def _endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _large(path: Path) -> None:
    with open(path, "wb") as stream:
        stream.truncate(1 << 40)


NO_FILES: dict[str, Callable[[Path], None]] = {
    "FIFO": _fifo,
    "socket": _socket,
    "device": _endless,
    "folder": Path.mkdir,
}


@pytest.fixture(params=[*NO_FILES, "large"])
def wrong(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A place at which something lies that nobody should try to read."""
    make = {**NO_FILES, "large": _large}[request.param]
    path = tmp_path / "wrong.conf"
    make(path)
    return path


def test_a_file_is_read_with_its_state(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"a\xff\r\n")
    path.chmod(0o640)
    link = tmp_path / "link"
    link.symlink_to(path)
    for name in (path, link, str(link)):
        file = read_regular(name)
        assert (file.data, file.text, stat.S_IMODE(file.status.st_mode)) == (b"a\xff\r\n", "a\ufffd\r\n", 0o640)


def test_a_file_may_have_as_much_as_is_allowed(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 200_000)
    assert read_regular(path, 200_000).data == b"x" * 200_000
    with pytest.raises(OSError, match=r"more than 199999 bytes.*file") as raised:
        read_regular(path, 199_999)
    assert raised.value.errno == errno.EFBIG


@pytest.mark.parametrize("kind", NO_FILES)
def test_what_is_no_file_is_refused_without_being_opened(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "there"
    NO_FILES[kind](path)
    flags: list[int] = []
    open_it = os.open

    def watched(name: str | os.PathLike[str], how: int) -> int:
        flags.append(how)
        return open_it(name, how)

    monkeypatch.setattr(os, "open", watched)
    with pytest.raises(OSError, match="not a regular file") as raised:
        read_regular(path)
    assert raised.value.filename == str(path)
    assert [how & os.O_PATH for how in flags] == [os.O_PATH]


def test_a_file_that_grows_while_it_is_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x")
    with opened(path) as (descriptor, status):
        assert status.st_size == 1
        path.write_bytes(b"x" * (LARGEST + 1))
        with pytest.raises(OSError, match="more than 1048576 bytes"):
            content(descriptor, path, LARGEST)


def test_absence_and_refusal_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="missing"):
        read_regular(tmp_path / "missing")
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        read_regular(tmp_path / "file" / "below")


def test_no_descriptor_is_left(wrong: Path) -> None:
    before = os.listdir("/proc/self/fd")
    for dummy in range(3):
        with pytest.raises(OSError, match=r"regular file|more than"):
            read_regular(wrong)
    assert os.listdir("/proc/self/fd") == before


# Each reader of files, in its own words.


def test_daemon_json_is_unreadable(wrong: Path) -> None:
    with pytest.raises(UnreadableError, match=r"regular file|more than"):
        read_daemon_config(str(wrong))


def test_a_file_to_change_is_refused(wrong: Path) -> None:
    with pytest.raises(OSError, match=r"regular file|more than"):
        atomic_file.read_file(str(wrong))


def test_settings_of_boot_leave_out_what_systemd_could_not_read(wrong: Path) -> None:
    assert sysctls.shell_setting(wrong, "ENABLED") == ""


def test_an_environment_file_gives_no_variables(wrong: Path) -> None:
    assert service._text(wrong) == ""


def test_a_snapshot_is_refused(wrong: Path) -> None:
    with pytest.raises(SavedSnapshotError, match=r"regular file|more than"):
        load_saved(str(wrong))


def test_name_servers_are_unknown(wrong: Path) -> None:
    (wrong.parent / "etc").mkdir()
    wrong.rename(wrong.parent / "etc/resolv.conf")
    with pytest.raises(OSError, match=r"regular file|more than"):
        read_nameservers(wrong.parent)


def test_the_state_of_a_link_is_unknown(wrong: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(managed_links, "STATES", wrong.parent)
    wrong.rename(wrong.parent / "7")
    with pytest.raises(OSError, match=r"regular file|more than"):
        managed_links._networkd({7: "eth0"})


@pytest.mark.parametrize("kind", NO_FILES)
def test_the_record_is_unreadable(kind: str, tmp_path: Path) -> None:
    NO_FILES[kind](tmp_path / journal.RECORD)
    with pytest.raises(OSError, match="regular file"):
        journal.read_record(tmp_path)
