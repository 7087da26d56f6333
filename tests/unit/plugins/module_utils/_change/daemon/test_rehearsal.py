"""dockerd is asked about a new file without one being written."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon import rehearsal
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.rehearsal import (
    is_rehearsed,
    obstacle_to_rehearsal,
    rehearse,
    without_config_file,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import Refusal
from ansible_collections.dockernet.baseline.plugins.module_utils._host import child_process

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
    rehearse([str(dockerd), "-H", "fd://", "--config-file=/etc/x.json"], "good\n")
    assert (dockerd.parent / "seen").read_text() == "--validate --config-file /dev/stdin -H fd://\n"


def test_a_bad_file(dockerd: Path) -> None:
    with pytest.raises(Refusal, match=r"--validate rejects .*: unable .*bad"):
        rehearse([str(dockerd)], "bad\n")


def test_no_user_is_made_for_the_rehearsal(dockerd: Path) -> None:
    with pytest.raises(Refusal, match=r'/dev/stdin: \{"mtu": 1400\}'):
        rehearse([str(dockerd)], '{"userns-remap": "default", "mtu": 1400}\n')
    with pytest.raises(Refusal, match=r'"userns-remap": "nobody"'):
        rehearse([str(dockerd)], '{"userns-remap": "nobody", "mtu": 1400}\n')


def test_a_dockerd_that_never_stops_talking_is_ended(dockerd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dockerd.write_text("#!/bin/sh\nexec yes >&2\n")
    monkeypatch.setattr(child_process, "MOST_OUTPUT", 1 << 20)
    with pytest.raises(Refusal, match=r"be run.*more than 1 MiB"):
        rehearse([str(dockerd)], "good\n")


def test_a_file_larger_than_a_pipe_holds(dockerd: Path) -> None:
    dockerd.write_text('#!/bin/sh\n[ "$(wc -c < /dev/stdin)" = 1000000 ]\n')
    rehearse([str(dockerd)], "x" * 1_000_000)


def test_what_no_engine_can_be_asked_about() -> None:
    assert is_rehearsed("{}", (23, 0))
    assert not is_rehearsed("{}", (20, 10))
    assert not is_rehearsed("", (26, 1))


def test_a_program_that_cannot_be_run(dockerd: Path) -> None:
    with pytest.raises(Refusal, match="could not be run"):
        rehearse([str(dockerd.parent / "none")], "good\n")


def test_the_program_of_the_unit_is_asked_if_it_is_roots_alone(dockerd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    doubts = {str(dockerd): "", "/opt/dockerd": "users other than root can write to /opt (mode 0777)"}
    monkeypatch.setattr(rehearsal, "doubt_about", doubts.__getitem__)
    assert obstacle_to_rehearsal([str(dockerd), "-H", "fd://"]) == ""
    assert obstacle_to_rehearsal(["/opt/dockerd"]) == doubts["/opt/dockerd"]


@pytest.mark.parametrize(
    ("unit", "words"),
    [
        ([], "no service shows which program"),
        (["/usr/local/bin/start-docker.sh"], "its service starts /usr/local/bin/start-docker.sh"),
        (["/snap/docker/1/bin/dockerd"], "a snap's dockerd"),
        (["dockerd", "-H", "fd://"], "dockerd is not an absolute path"),
        (["/proc/self/cwd/none/dockerd"], "none"),
    ],
)
def test_who_is_not_asked(unit: list[str], words: str) -> None:
    assert words in obstacle_to_rehearsal(unit)


def test_without_config_file() -> None:
    words = ["-H", "fd://", "--config-file", "/a", "--config-file=/b", "--debug"]
    assert without_config_file(words) == ["-H", "fd://", "--debug"]
