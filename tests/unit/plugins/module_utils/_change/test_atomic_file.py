"""Files are replaced whole, with all that belongs to them."""

from __future__ import annotations

import errno
import os
import random
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._change.atomic_file import read_file, replace_file
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.daemon_file import mode_for
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import ChangeFailed

WRITER = """
import sys
sys.path[:0] = {path!r}
from ansible_collections.dockernet.baseline.plugins.module_utils._change.atomic_file import read_file, replace_file
print("ready", flush=True)
while True:
    for letter in "ab":
        replace_file(read_file({file!r}), letter.encode() * 100000)
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "daemon.json"
    path.write_bytes(b"old\n")
    path.chmod(0o640)
    return path


def test_content_is_replaced_and_mode_kept(file: Path) -> None:
    replace_file(read_file(str(file)), b"new\n")
    assert file.read_bytes() == b"new\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert os.listdir(file.parent) == ["daemon.json"]


def test_owner_is_kept(file: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("requires root")
    os.chown(file, 12345, 54321)
    replace_file(read_file(str(file)), b"new\n")
    assert (file.stat().st_uid, file.stat().st_gid) == (12345, 54321)


def test_extended_attributes_are_kept(file: Path) -> None:
    try:
        os.setxattr(file, "user.label", b"x")
    except OSError:
        pytest.skip("the file system has no extended attributes")
    replace_file(read_file(str(file)), b"new\n")
    assert os.getxattr(file, "user.label") == b"x"


def test_a_link_is_followed(file: Path) -> None:
    link = file.parent / "link.json"
    link.symlink_to(file.name)
    replace_file(read_file(str(link)), b"new\n")
    assert os.readlink(link) == "daemon.json"
    assert file.read_bytes() == b"new\n"


def test_a_missing_file_and_its_folder_are_made(tmp_path: Path) -> None:
    path = tmp_path / "docker" / "daemon.json"
    replace_file(read_file(str(path)), b"new\n")
    assert path.read_bytes() == b"new\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_removal(file: Path) -> None:
    replace_file(read_file(str(file)), None)
    assert not file.exists()


def test_somebody_elses_edit_is_not_overwritten(file: Path) -> None:
    before = read_file(str(file))
    file.write_bytes(b"theirs\n")
    with pytest.raises(ChangeFailed, match="another program"):
        replace_file(before, b"new\n")
    assert file.read_bytes() == b"theirs\n"


@pytest.mark.parametrize("step", ["fchown", "fchmod", "fsync", "replace"])
def test_a_failure_at_any_step_leaves_the_old_file_alone(
    file: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def fail(*dummy: Any) -> None:
        raise OSError(28, "No space left on device")

    before = read_file(str(file))
    monkeypatch.setattr(os, step, fail)
    with pytest.raises(ChangeFailed, match="No space left"):
        replace_file(before, b"new\n")
    monkeypatch.undo()
    assert file.read_bytes() == b"old\n"
    assert os.listdir(file.parent) == ["daemon.json"]


def fail_with(monkeypatch: pytest.MonkeyPatch, number: int, step: str) -> None:
    def fail(*dummy: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, step, fail)


@pytest.mark.parametrize(
    ("number", "word"),
    [(errno.EPERM, "immutable"), (errno.EBUSY, "a mount point"), (errno.EROFS, "Read-only file system")],
)
def test_what_the_file_system_refuses_is_said_in_words(
    file: Path, monkeypatch: pytest.MonkeyPatch, number: int, word: str
) -> None:
    before = read_file(str(file))
    fail_with(monkeypatch, number, "replace")
    with pytest.raises(ChangeFailed, match=rf"is unchanged: .*{word}") as caught:
        replace_file(before, b"new\n")
    assert ".dockernet-" not in str(caught.value)


@pytest.mark.parametrize("data", [b"new\n", None])
def test_a_failure_after_the_change_does_not_claim_that_all_is_as_it_was(
    file: Path, monkeypatch: pytest.MonkeyPatch, data: bytes | None
) -> None:
    before = read_file(str(file))
    opened = os.open

    def only_files(path: str, flags: int, *more: Any) -> int:
        if flags & os.O_DIRECTORY:
            raise OSError(errno.EIO, "Input/output error")
        return opened(path, flags, *more)

    monkeypatch.setattr(os, "open", only_files)
    with pytest.raises(ChangeFailed, match="has its new content"):
        replace_file(before, data)
    monkeypatch.undo()
    assert read_file(str(file)).data == data


def test_a_name_with_the_signs_of_patterns(tmp_path: Path) -> None:
    path = tmp_path / "daemon[1]*.json"
    path.write_bytes(b"old\n")
    (tmp_path / ".daemon1x.json.dockernet-abc").write_bytes(b"another's")
    (tmp_path / ".daemon[1]*.json.dockernet-abc").write_bytes(b"half")
    replace_file(read_file(str(path)), b"new\n")
    assert sorted(os.listdir(tmp_path)) == [".daemon1x.json.dockernet-abc", "daemon[1]*.json"]


def test_leftovers_of_a_killed_run_are_cleared(file: Path) -> None:
    (file.parent / ".daemon.json.dockernet-abc").write_bytes(b"half")
    replace_file(read_file(str(file)), b"new\n")
    assert os.listdir(file.parent) == ["daemon.json"]


def test_killed_at_any_instant_the_file_is_whole(file: Path) -> None:
    file.write_bytes(b"a" * 100000)
    program = WRITER.format(path=sys.path, file=str(file))
    instants = random.Random(1)  # noqa: S311
    for dummy in range(10):
        with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            time.sleep(instants.uniform(0.0, 0.05))
            writer.kill()
        assert file.read_bytes() in (b"a" * 100000, b"b" * 100000)
    replace_file(read_file(str(file)), b"end")
    assert os.listdir(file.parent) == ["daemon.json"]


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ('{"proxies": {"http-proxy": "http://u:p@proxy.example"}}', 0o600),
        ('{"log-opts": {"splunk-token": "abc"}}', 0o600),
        ('{"labels": ["password=abc"]}', 0o600),
        ('{"debug": true, "proxies": {"no-proxy": ""}}', 0o644),
        (None, 0o644),
    ],
)
def test_a_new_file_with_secrets_is_for_its_owner_alone(tmp_path: Path, text: str | None, mode: int) -> None:
    path = tmp_path / "daemon.json"
    assert mode_for(read_file(str(path)), text) == mode
    path.write_text("{}")
    path.chmod(0o640)
    assert mode_for(read_file(str(path)), text) == 0o640
