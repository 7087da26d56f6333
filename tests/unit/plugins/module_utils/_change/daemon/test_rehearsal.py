"""dockerd is asked about a new file without one being written."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.rehearsal import (
    rehearse,
    without_config_file,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import Refusal

DOCKERD = """#!/bin/sh
echo "$@" > {seen}
read line
[ "$line" = "good" ] && exit 0
echo "unable to configure the Docker daemon with file /dev/stdin: $line" >&2
exit 1
"""


@pytest.fixture
def dockerd(tmp_path: Path) -> Path:
    program = tmp_path / "dockerd"
    program.write_text(DOCKERD.format(seen=tmp_path / "seen"))
    program.chmod(0o755)
    return program


def test_a_good_file(dockerd: Path) -> None:
    rehearse([str(dockerd), "-H", "fd://", "--config-file=/etc/x.json"], "good\n", (26, 1))
    assert (dockerd.parent / "seen").read_text() == "--validate --config-file /dev/stdin -H fd://\n"


def test_a_bad_file(dockerd: Path) -> None:
    with pytest.raises(Refusal, match=r"dockerd --validate rejects .*: unable to configure .* bad"):
        rehearse([str(dockerd)], "bad\n", (26, 1))


def test_no_user_is_made_for_the_rehearsal(dockerd: Path) -> None:
    with pytest.raises(Refusal, match=r'/dev/stdin: \{"mtu": 1400\}'):
        rehearse([str(dockerd)], '{"userns-remap": "default", "mtu": 1400}\n', (26, 1))
    with pytest.raises(Refusal, match=r'"userns-remap": "nobody"'):
        rehearse([str(dockerd)], '{"userns-remap": "nobody", "mtu": 1400}\n', (26, 1))


def test_who_cannot_be_asked(dockerd: Path) -> None:
    rehearse([str(dockerd)], "bad\n", (20, 10))
    rehearse([str(dockerd)], "", (26, 1))
    with pytest.raises(Refusal, match="could not be asked"):
        rehearse([str(dockerd.parent / "none")], "good\n", (26, 1))


def test_without_config_file() -> None:
    words = ["-H", "fd://", "--config-file", "/a", "--config-file=/b", "--debug"]
    assert without_config_file(words) == ["-H", "fd://", "--debug"]
