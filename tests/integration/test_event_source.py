# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The event source docker_network on real engines: over SSH, over TLS, by a socket; changed, restarted, unreachable."""

from __future__ import annotations

import asyncio
import json
import os
import runpy
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.lab.host import Host
from tests.lab.identity import ROOT
from tests.lab.lab import Lab
from tests.lab.proc import wait_for
from tests.lab.scenario import NetworkSpec, Scenario, Workload
from tests.lab.ssh import common_arguments

FILE = ROOT / "extensions/eda/plugins/event_source/docker_network.py"
FAST = {"quiet": 0.5, "interval": 1}
LIMIT = 120.0
"""Seconds until what does not come fails a test."""
PORT = 2376
CONFIDENTIAL = "label-that-stays-on-the-host"
Said = dict[str, Any]


class Watch:
    """The source, which runs in a thread with an event loop of its own, and what it has said."""

    def __init__(self, args: dict[str, Any]) -> None:
        self.events: list[dict[str, Any]] = []
        self._loop = asyncio.new_event_loop()
        self._task = self._loop.create_task(runpy.run_path(str(FILE))["main"](self, args))
        self._thread = threading.Thread(target=self._run, name="watch")
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        with suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._task)
        self._loop.close()

    async def put(self, event: dict[str, Any]) -> None:
        """As the queue that ansible-rulebook gives a source."""
        json.dumps(event)
        self.events.append(event)

    @property
    def said(self) -> list[Said]:
        return [event["docker_network"] for event in self.events]

    def wait_for(self, host: Host, wanted: Callable[[Said], object], limit: float = LIMIT) -> Said:
        """The first event that is wanted."""
        found = host.wait_for(lambda: [said for said in self.said if wanted(said)], limit, "an event")
        return dict(found[0])

    def stop(self) -> None:
        """Cancel it, and wait for its end."""
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(LIMIT)
        assert not self._thread.is_alive()


def left_over() -> list[str]:
    """Threads, programs and folders of the source."""
    threads = [thread.name for thread in threading.enumerate() if thread.name.startswith("docker_network")]
    mine = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    children = [pid for path in mine for pid in path.read_text().split()]
    programs = [Path(f"/proc/{pid}/comm").read_text().strip() for pid in children]
    return threads + [name for name in programs if name == "ssh"]


@contextmanager
def watching(args: dict[str, Any]) -> Iterator[Watch]:
    watch = Watch({**FAST, **args})
    try:
        yield watch
    finally:
        watch.stop()
        wait_for(lambda: not left_over(), LIMIT, "the end of all that belongs to the source")


def over_ssh(host: Host, lab: Lab) -> dict[str, Any]:
    options = ["-i", str(lab.identity.key), *common_arguments(lab.identity)]
    return {"engines": {host.name: f"ssh://root@{host.address}"}, "ssh_args": options}


def ready(watch: Watch, host: Host) -> None:
    """Until it is connected: it says so on request."""
    watch.wait_for(host, lambda said: said["kind"] == "resync")
    watch.events.clear()


def has(action: str, name: str) -> Callable[[Said], object]:
    kind, verb = action.split()
    return lambda said: {"type": kind, "action": verb, "name": name} in said.get("changes", [])


@pytest.mark.engines
def test_changes_of_a_host_are_events(fresh_host: Host, lab: Lab) -> None:
    host = fresh_host
    with watching({**over_ssh(host, lab), "resync_at_start": True}) as watch:
        ready(watch, host)
        host.docker("network", "create", "--label", f"com.example.key={CONFIDENTIAL}", "front")
        said = watch.wait_for(host, has("network create", "front"))
        assert (said["host"], said["engine"], said["kind"]) == (host.name, f"ssh://root@{host.address}", "changed")

        host.deploy(Scenario([NetworkSpec("back")], [Workload("web", ["back"], serve=[80])]))
        watch.wait_for(host, has("container start", "web"))
        host.docker("rename", "web", "web2")
        watch.wait_for(host, has("container rename", "web2"))
        host.docker("network", "connect", "front", "web2")
        watch.wait_for(host, has("network connect", "front"))
        host.docker("kill", "web2")
        watch.wait_for(host, has("container die", "web2"))
        host.write("/etc/docker/daemon.json", '{"live-restore": true}\n')
        host.run(["systemctl", "reload", "docker.service"])
        watch.wait_for(host, lambda said: "daemon reload" in said.get("actions", []))
        assert not [said for said in watch.said if said["kind"] != "changed"]
        assert {event["meta"]["hosts"][0] for event in watch.events} == {host.name}
        assert CONFIDENTIAL not in json.dumps(watch.events)


def test_a_burst_is_few_events(fresh_host: Host, lab: Lab) -> None:
    host = fresh_host
    with watching({**over_ssh(host, lab), "quiet": 3, "interval": 10, "resync_at_start": True}) as watch:
        ready(watch, host)
        # What starts nothing that matters makes none.
        host.docker("volume", "create", "data")
        script = "for n in 1 2 3 4 5 6 7 8 9 10 11 12; do docker network create n$n; done >/dev/null"
        host.run(script)
        host.run("docker network rm n1 n2 n3 n4 n5 n6 n7 n8 n9 n10 n11 n12 >/dev/null")
        host.wait_for(lambda: sum(said["count"] for said in watch.said) >= 24, 2 * LIMIT, "24 changes")
        assert sum(said["count"] for said in watch.said) == 24
        # A slow host takes several intervals.
        assert len(watch.said) <= 12
        assert all(len(said["changes"]) <= 20 for said in watch.said)
        assert {action for said in watch.said for action in said["actions"]} == {"network create", "network destroy"}


@pytest.mark.engines
def test_a_restart_of_the_daemon_is_a_loss_and_a_resync(fresh_host: Host, lab: Lab) -> None:
    host = fresh_host
    with watching({**over_ssh(host, lab), "resync_at_start": True}) as watch:
        ready(watch, host)
        host.restart_docker()
        watch.wait_for(host, lambda said: said["kind"] == "resync")
        states = [said.get("connection", said["kind"]) for said in watch.said if said["kind"] != "changed"]
        assert states == ["lost", "restored", "resync"]
        assert "the engine closed it" in next(said["reason"] for said in watch.said if said["kind"] == "connection")
        host.docker("network", "create", "after")
        watch.wait_for(host, has("network create", "after"))


def test_a_host_that_goes_and_comes_back(fresh_host: Host, lab: Lab) -> None:
    """Its packets vanish: only the time says that it is gone."""
    host = fresh_host
    args = {**over_ssh(host, lab), "resync_at_start": True}
    # Of two options ssh takes the first.
    args["ssh_args"] = ["-o", "ServerAliveInterval=2", "-o", "ServerAliveCountMax=3", *args["ssh_args"]]
    with watching(args) as watch:
        ready(watch, host)
        rule = ["-p", "tcp", "--dport", "22", "-j", "DROP"]
        host.run(["iptables", "-I", "INPUT", *rule])
        try:
            said = watch.wait_for(host, lambda said: said["kind"] == "connection")
            assert said["connection"] == "lost"
            host.docker("network", "create", "meanwhile")
        finally:
            host.run(["iptables", "-D", "INPUT", *rule])
        said = watch.wait_for(host, lambda said: said["kind"] == "resync")
        # The engine ran on, and remembers what was missed.
        assert {"type": "network", "action": "create", "name": "meanwhile"} in said["changes"]


@pytest.mark.long
@pytest.mark.engines
def test_a_request_that_is_renewed_loses_nothing(fresh_host: Host, lab: Lab) -> None:
    host = fresh_host
    with watching({**over_ssh(host, lab), "renew": 10}) as watch:
        for number in range(25):
            host.docker("network", "create", f"n{number}")
            time.sleep(1)
        host.docker("network", "create", "last")
        watch.wait_for(host, has("network create", "last"))
        assert sum(said["count"] for said in watch.said) == 26
        assert {said["kind"] for said in watch.said} == {"changed"}


def test_it_ends_at_once_in_each_state(fresh_host: Host, lab: Lab) -> None:
    for seconds in (0.0, 0.1, 0.3, 1.0, 2.0):
        # Whoever waits for an engine does so for longer than the test.
        with watching({**over_ssh(fresh_host, lab), "timeout": 300}):
            time.sleep(seconds)


def test_ssh_ends_where_the_source_is_killed(fresh_host: Host, lab: Lab) -> None:
    args = {**FAST, **over_ssh(fresh_host, lab), "resync_at_start": True}
    argv = [sys.executable, str(FILE), json.dumps(args)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["docker_network"]["kind"] == "resync"
        threads = Path(f"/proc/{process.pid}/task").glob("*/children")
        (ssh,) = {pid for path in threads for pid in path.read_text().split()}
        process.kill()
    fresh_host.wait_for(lambda: not Path(f"/proc/{ssh}").exists(), 120, "ssh to end")


def certificates(folder: Path, host: Host) -> None:
    """Two that sign themselves: the server's and the client's, each of which the other side trusts."""
    for name, more in (("server", f"subjectAltName=IP:{host.address}"), ("client", "extendedKeyUsage=clientAuth")):
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", f"{name}.key"]
        use = ["-addext", more, "-addext", "keyUsage=critical,digitalSignature,keyCertSign"]
        argv = ["openssl", "req", "-x509", "-days", "2", *key, "-out", f"{name}.pem", "-subj", f"/CN={name}", *use]
        subprocess.run(argv, cwd=folder, check=True, capture_output=True)


@pytest.mark.engines
def test_over_tls(fresh_host: Host, tmp_path: Path) -> None:
    host = fresh_host
    certificates(tmp_path, host)
    for name in ("server.pem", "server.key", "client.pem"):
        host.write(f"/etc/docker/{name}", (tmp_path / name).read_bytes(), mode=0o600)
    files = "--tlscacert /etc/docker/client.pem --tlscert /etc/docker/server.pem --tlskey /etc/docker/server.key"
    host.write("/etc/default/docker", f'DOCKER_OPTS="-H tcp://0.0.0.0:{PORT} --tlsverify {files}"\n')
    host.restart_docker()
    engine = {"engines": {host.name: f"tcp://{host.address}:{PORT}"}, "tls_ca": str(tmp_path / "server.pem")}
    known = {"tls_cert": str(tmp_path / "client.pem"), "tls_key": str(tmp_path / "client.key")}
    with watching({**engine, **known, "resync_at_start": True}) as watch:
        ready(watch, host)
        host.docker("network", "create", "front")
        watch.wait_for(host, has("network create", "front"))
    with watching(engine) as watch:
        said = watch.wait_for(host, lambda said: said["kind"] == "connection")
        assert "certificate" in said["reason"].lower()
    with watching({**engine, **known, "tls_ca": str(tmp_path / "client.pem")}) as watch:
        said = watch.wait_for(host, lambda said: said["kind"] == "connection")
        assert "certificate" in said["reason"].lower()


def test_by_a_socket(fresh_host: Host) -> None:
    host = fresh_host
    url = f"unix:///proc/{host.pid}/root/run/docker.sock"
    with watching({"engines": {host.name: url}, "resync_at_start": True}) as watch:
        ready(watch, host)
        host.docker("network", "create", "front")
        watch.wait_for(host, has("network create", "front"))


@pytest.mark.long
@pytest.mark.kinds("debian13")
@pytest.mark.skipif(
    "ANSIBLE_RULEBOOK" not in os.environ, reason="takes ANSIBLE_RULEBOOK, the path of a program that needs Java"
)
def test_the_rulebook_audits_the_host_that_changed(fresh_host: Host, lab: Lab, tmp_path: Path) -> None:
    """The program needs the SDK in its own Python; ansible-playbook is that of the tests."""
    host, program = fresh_host, Path(os.environ["ANSIBLE_RULEBOOK"])
    options = " ".join(["-i", str(lab.identity.key), *common_arguments(lab.identity)])
    (tmp_path / "ssh").write_text(f'#!/bin/sh\nexec /usr/bin/ssh {options} "$@"\n')
    (tmp_path / "ssh").chmod(0o755)
    variables = {"docker_engines": {host.name: f"ssh://root@{host.address}"}, "docker_quiet": 1, "docker_interval": 5}
    (tmp_path / "vars.yml").write_text(yaml.safe_dump({**variables, "docker_resync_at_start": True}))
    path = f"{tmp_path}:{program.parent}:{ROOT}/.venv/bin:/usr/bin:/bin"
    environment = {"PATH": path, "HOME": str(tmp_path), "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".build")}
    argv = [str(program), "-i", str(lab.identity.inventory), "-e", str(tmp_path / "vars.yml")]
    log = tmp_path / "log"
    with (
        log.open("w") as out,
        subprocess.Popen(
            [*argv, "-r", "dockernet.baseline.audit_changed_host"],
            cwd=tmp_path,
            env=environment,
            stdout=out,
            stderr=out,
        ) as process,
    ):
        try:
            host.wait_for(lambda: log.read_text().count("PLAY RECAP") == 1, 600, "the first audit")
            host.docker("network", "create", "front")
            host.wait_for(lambda: log.read_text().count("PLAY RECAP") == 2, 600, "the second audit")
        finally:
            process.terminate()
    recap = log.read_text().split("PLAY RECAP")[-1]
    assert host.name in recap
    assert "failed=0" in recap
