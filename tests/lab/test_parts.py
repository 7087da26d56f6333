"""What the lab's parts say by themselves; no lab is needed."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import identity, images, kinds, layouts, network, probe
from tests.lab.identity import Identity
from tests.lab.kinds import KINDS, HostName, Subnet, parse_hosts
from tests.lab.own_engine import PROGRAMS, OwnEngine
from tests.lab.proc import CommandError, LabError, run, wait_for
from tests.lab.scenario import NetworkSpec, Workload, container_command, network_command


@pytest.mark.parametrize(
    "text",
    ["debian10", "debian13-1", "debian13-0", "debian13-21", "debian13-02", "", "debian13-", "debian13-rpm", "-ce"],
)
def test_a_host_nobody_knows_is_named_with_the_allowed_ones(text: str) -> None:
    with pytest.raises(LabError, match=r"Allowed: debian11, debian12, debian13, debian13-docker28"):
        HostName.parse(text)


def test_hosts_of_one_kind_have_a_number() -> None:
    assert HostName.parse("debian13-docker28-3") == HostName("debian13-docker28-3", KINDS["debian13-docker28"], 3)


def test_a_host_of_any_kind_may_have_another_layout() -> None:
    assert HostName.parse("debian13-docker28-ce") == HostName(
        "debian13-docker28-ce", KINDS["debian13-docker28"], 1, "ce"
    )
    assert HostName.parse("debian11-legacy").layout == "legacy"
    assert set(kinds.LAYOUTS) == set(layouts.SCRIPTS)


def test_no_two_machines_have_one_address() -> None:
    names = [*KINDS, *(f"{kind}-{number}" for kind in KINDS for number in range(2, kinds.MAX_COPIES + 1))]
    names += [f"{kind}-{layout}" for kind in KINDS for layout in kinds.LAYOUTS]
    places = [HostName.parse(name).place for name in names]
    places += [kinds.GATEWAY, kinds.OUTSIDE, kinds.CONTROLLER]
    assert len(set(places)) == len(places)
    assert all(0 < place < 255 for place in places)


def test_hosts_are_named_in_any_order_and_more_than_once() -> None:
    assert [host.name for host in parse_hosts(["debian13,debian11", " debian11 "])] == ["debian11", "debian13"]
    assert [host.name for host in parse_hosts([""])] == list(KINDS)


def test_interface_names_fit_the_kernel() -> None:
    assert len(Subnet(max(network.NUMBERS)).leg) <= 15


@pytest.mark.parametrize("name", ["", "-a", "a-", "UPPER", "a" * 21, "a/b", "a b"])
def test_a_name_that_cannot_be_one_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB", name)
    if name:
        with pytest.raises(LabError, match="not a name for a lab"):
            Identity.of()
    else:
        assert Identity.of().name == identity.DEFAULT_NAME


def test_labs_of_one_name_in_two_checkouts_are_two_labs(tmp_path: Path) -> None:
    first, second = (Identity("lab", tmp_path / clone / ".build" / "lab") for clone in ("a", "b"))
    assert first.thing("lan") != second.thing("lan")


def test_the_recipe_digest_tells_kinds_apart() -> None:
    assert len({images.recipe_digest(kind) for kind in KINDS.values()}) == len(KINDS)


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        (
            [
                "Debian|Debian-Security|trixie-security|main|http://a.example/s/",
                "Debian|Debian|trixie|main|http://a.example/",
            ],
            "http://a.example/",
        ),
        (
            ["||./||file:/srv/own/", "||trixie-security|main|https://b.example/s/", "||trixie|main|https://b.example/"],
            "https://b.example/",
        ),
        (
            ["Debian|Debian|trixie|main|cdrom://disc/", "Debian|Debian|trixie|main|file:/srv/mirror/"],
            "file:/srv/mirror/",
        ),
    ],
    ids=["after an update", "before one", "a folder"],
)
def test_the_mirror_is_that_of_this_machines_apt(listed: list[str], expected: str) -> None:
    assert images.mirror_among(listed) == expected


@pytest.mark.parametrize("listed", [[], ["Ubuntu|Ubuntu|noble|main|http://a.example/"], ["||./||file:/srv/own/"]])
def test_a_machine_without_a_mirror_of_debian_is_told_what_to_do(listed: list[str]) -> None:
    with pytest.raises(LabError, match=r"/etc/apt/sources\.list\.d"):
        images.mirror_among(listed)


def test_commands_of_a_scenario() -> None:
    wanted = NetworkSpec("n", subnet="10.9.0.0/24", internal=True, options={"a": "b"}, ipv6_subnet="fd00:9::/64")
    assert " ".join(network_command(wanted)) == (
        "network create --driver bridge --subnet 10.9.0.0/24 --internal --ipv6 --subnet fd00:9::/64 --opt=a=b n"
    )
    shared = Workload("side", network_mode="container:web", serve=[81])
    assert "--hostname" not in container_command(shared)
    brief = container_command(Workload("brief", rm=True, publish=["80:80"], labels={"x": "1"}))
    assert "--restart" not in brief
    assert {"--rm", "--publish=80:80", "--label=x=1"} <= set(brief)


def test_a_program_that_fails_or_hangs_or_is_missing() -> None:
    with pytest.raises(CommandError, match="status 3 from: sh -c echo no >&2; exit 3\nno"):
        run(["sh", "-c", "echo no >&2; exit 3"])
    with pytest.raises(CommandError, match="no end within"):
        run(["sleep", "60"], timeout=0.05)
    with pytest.raises(LabError, match="program not found: /nowhere"):
        run(["/nowhere"])


def test_waiting_in_vain_says_for_what() -> None:
    with pytest.raises(LabError, match="in vain for a miracle"):
        wait_for(lambda: False, 0, "a miracle")


def an_engine(folder: Path, says: str = "Docker version 29.9.9, build x") -> Path:
    for name in PROGRAMS:
        (folder / name).write_text(f"#!/bin/sh\necho '{says}'\n")
        (folder / name).chmod(0o755)
    return folder


def test_an_engine_of_ones_own_is_known_by_its_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENGINE", str(an_engine(tmp_path)))
    own = OwnEngine.asked()
    assert own is not None
    assert own.mark.startswith(f"29.9.9 {tmp_path} ")
    assert f"{tmp_path}/dockerd:/usr/sbin/dockerd:ro" in own.volumes()


def test_an_engine_of_ones_own_lies_where_the_host_has_its_programs(tmp_path: Path) -> None:
    own = OwnEngine.in_folder(an_engine(tmp_path))
    assert f"{tmp_path}/dockerd:/usr/bin/dockerd:ro" in own.volumes("ce")
    before = own.mark
    (tmp_path / "containerd").write_text("")
    (tmp_path / "runc").write_text("")
    assert {f"{tmp_path}/containerd:/usr/bin/containerd:ro", f"{tmp_path}/runc:/usr/sbin/runc:ro"} < set(own.volumes())
    assert own.mark != before


def test_a_host_is_made_anew_when_files_of_its_engine_change(tmp_path: Path) -> None:
    own = OwnEngine.in_folder(an_engine(tmp_path))
    before = own.mark
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "one").write_text("1")
    assert own.mark != before


@pytest.mark.parametrize("left", PROGRAMS)
def test_a_directory_without_a_program_of_an_engine_is_refused(tmp_path: Path, left: str) -> None:
    (an_engine(tmp_path) / left).unlink()
    with pytest.raises(LabError, match=f"ENGINE={tmp_path}: that directory has no program {left}"):
        OwnEngine.in_folder(tmp_path)


def test_a_program_that_is_no_dockerd_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="does not say its version, but 'hello'"):
        OwnEngine.in_folder(an_engine(tmp_path, "hello"))


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def test_probe_of_a_server_that_says_nothing(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    assert probe.attempt(("tcp", "127.0.0.1", port, 0.1)) == ("timed out", "connected", "")


def test_probe_of_a_closed_port(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    listener.close()
    assert probe.attempt(("tcp", "127.0.0.1", port, 1))[0] == "refused"
    assert probe.attempt(("udp", "127.0.0.1", port, 1))[0] == "refused"
