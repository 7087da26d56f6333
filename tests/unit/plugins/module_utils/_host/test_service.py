"""Units and init scripts, as systemctl and files show them."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._host import service
from ansible_collections.dockernet.baseline.plugins.module_utils._model.unread import UnreadableError

SHOWN = """\
ExecStart={ path=/usr/sbin/dockerd ; argv[]=/usr/sbin/dockerd -H fd:// $DOCKER_OPTS ; ignore_errors=no ; start_time=[n/a] ; pid=0 }
Environment=A=1 "B=two words"
EnvironmentFiles=%s (ignore_errors=yes)
LoadState=loaded
ActiveState=active
IPAddressDeny=0.0.0.0/0 ::/0
IPAddressAllow=
RestrictNetworkInterfaces=~
FragmentPath=/usr/lib/systemd/system/docker.service
DropInPaths=/etc/systemd/system/docker.service.d/a.conf /etc/systemd/system/docker.service.d/b.conf
Slice=system.slice

LoadState=loaded
IPAddressDeny=127.0.0.0/8
IPAddressAllow=
Slice=-.slice

LoadState=loaded
IPAddressDeny=
IPAddressAllow=
Slice=
"""  # noqa: E501


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(service, "SYSTEMD_RUNS", tmp_path)
    return tmp_path


def test_a_unit(systemd: Path) -> None:
    defaults = systemd / "docker"
    defaults.write_text('# flags\nDOCKER_OPTS="--icc=false --log-opt splunk-token=t"\n')
    unit = service.read_service(lambda argv: (0, SHOWN % defaults, ""), None)
    assert (unit.manager, unit.name, unit.active) == ("systemd", "docker.service", "active")
    assert unit.argv == ["/usr/sbin/dockerd", "-H", "fd://", "--icc=false", "--log-opt", "splunk-token=********"]
    assert unit.fragment.endswith("/docker.service")
    assert unit.filters == {"IPAddressDeny": ["0.0.0.0/0", "::/0"]}
    assert unit.slices == {"system.slice": {"IPAddressDeny": ["127.0.0.0/8"]}}
    assert [Path(path).name for path in unit.drop_ins] == ["a.conf", "b.conf"]


@pytest.mark.parametrize(
    ("above", "asked", "denying"),
    [
        ("system.slice", [], ["system.slice", "-.slice"]),
        ("-.slice", [], ["-.slice"]),
        ("a.slice", ["a.slice"], ["a.slice", "-.slice"]),
        ("a-b-c.slice", ["a-b-c.slice", "a-b.slice", "a.slice"], ["a-b-c.slice", "a-b.slice", "a.slice", "-.slice"]),
        ("system-x.slice", ["system-x.slice"], ["system-x.slice", "system.slice", "-.slice"]),
        ("", [], None),
    ],
)
def test_systemd_is_asked_for_the_slices_above_a_unit(
    systemd: Path, above: str, asked: list[str], denying: Optional[list[str]]
) -> None:
    further: list[list[str]] = []

    def run(argv: list[str]) -> tuple[int, str, str]:
        names = [argv[2], *argv[5:]]
        if names[0] != "docker.service":
            further.append(names)
            return 0, "\n".join(f"IPAddressDeny={name}\n" for name in names), ""
        # The command has an empty line.
        texts = [f"ExecStart=a\n\nb\nSlice={above}\nIPAddressDeny=docker.service\n"]
        return 0, "\n".join([*texts, *(f"IPAddressDeny={name}\n" for name in names[1:])]), ""

    unit = service.read_service(run, None)
    assert unit.filters == {"IPAddressDeny": ["docker.service"]}
    assert unit.slices == (None if denying is None else {name: {"IPAddressDeny": [name]} for name in denying})
    assert further == ([asked] if asked else [])


def test_slices_that_systemd_does_not_show(systemd: Path) -> None:
    unit = service.read_service(lambda argv: (0, "LoadState=loaded\nSlice=system.slice\n", ""), None)
    assert unit.slices is None


def test_no_unit(systemd: Path) -> None:
    unit = service.read_service(lambda argv: (0, "LoadState=not-found\nActiveState=inactive\n", ""), None)
    assert unit.manager == "none"


def test_a_systemd_that_does_not_answer(systemd: Path) -> None:
    with pytest.raises(UnreadableError, match="Failed to connect to bus"):
        service.read_service(lambda argv: (1, "", "Failed to connect to bus: No such file\n"), None)


def test_an_init_script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "SYSTEMD_RUNS", tmp_path / "none")
    monkeypatch.setattr(service, "INIT_SCRIPT", tmp_path / "docker")
    monkeypatch.setattr(service, "INIT_DEFAULTS", tmp_path / "defaults")
    assert service.read_service(lambda argv: (1, "", ""), None).manager == "none"
    (tmp_path / "docker").touch()
    (tmp_path / "defaults").write_text("#DOCKER_OPTS=no\nDOCKER_OPTS='--mtu 1400'\n")
    unit = service.read_service(lambda argv: (1, "", ""), None)
    assert (unit.manager, unit.name, unit.argv) == ("sysvinit", "docker", ["dockerd", "--mtu", "1400"])


@pytest.mark.parametrize(
    ("word", "words"),
    [
        ("$OPTS", ["--a", "--b=c"]),
        ("${OPTS}", ["--a  --b=c"]),
        ("--x=$OPTS", ["--x=--a  --b=c"]),
        ("$NONE", []),
        ("${NONE}", [""]),
        ("$$OPTS", ["$OPTS"]),
        ("plain", ["plain"]),
    ],
)
def test_variables(word: str, words: list[str]) -> None:
    assert service.expand([word], {"OPTS": "--a  --b=c"}) == words


def test_files_of_assignments() -> None:
    text = "A=1\nexport B='x y'\n C = no\n; D=no\n# E=no\nF=\"q\\\"r\"\nG=a \\\nb\nH=it's\nI=\n"
    assert service.parse_environment(text) == {"A": "1", "B": "x y", "F": 'q"r', "G": "a b", "H": "it's", "I": ""}


@pytest.mark.parametrize(
    ("cgroup", "unit"),
    [
        ("0::/system.slice/docker.service\n", "docker.service"),
        ("12:cpu:/x.service\n1:name=systemd:/system.slice/docker.service\n0::/\n", "docker.service"),
        ("0::/system.slice/snap.docker.dockerd.service\n", "snap.docker.dockerd.service"),
        ("0::/user.slice/user-1000.slice/user@1000.service/app.slice/docker.service\n", ""),
        ("0::/user.slice/session-1.scope\n", ""),
        ("", ""),
    ],
)
def test_the_unit_of_a_process(cgroup: str, unit: str) -> None:
    assert service.parse_cgroup(cgroup) == unit


@pytest.mark.parametrize("end", ["\x0b", "\x1c", "\x85", "\u2028"])
def test_the_name_of_a_control_group_writes_no_line(end: str) -> None:
    # Made of three folders by a user to whom systemd delegated a group.
    mine = f"0::/user.slice/user-1000.slice/user@1000.service/mine{end}0::/system.slice/docker.service\n"
    assert service.parse_cgroup(mine) == ""


@pytest.mark.parametrize(
    ("answer", "pid"),
    [
        ((0, "MainPID=42\n", ""), 42),
        ((0, "MainPID=0\n", ""), 0),
        ((0, "", ""), 0),
        ((0, "MainPID=\u0664\n", ""), 0),
        ((0, f"MainPID={'9' * 5000}\n", ""), 0),
        ((1, "MainPID=42\n", "no"), 0),
    ],
)
def test_the_main_process_of_a_unit(systemd: Path, answer: tuple[int, str, str], pid: int) -> None:
    assert service.main_pid(lambda argv: answer, "docker.service") == pid


def test_without_systemd_nothing_has_a_main_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "SYSTEMD_RUNS", tmp_path / "none")
    assert service.main_pid(lambda argv: (0, "MainPID=42\n", ""), "docker.service") == 0
