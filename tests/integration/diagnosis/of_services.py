# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of what answers: services, their processes, and docker-proxy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.differential.answering import ANY4, Server, Servers
from tests.integration.diagnosis.fault import (
    ANSWERED_BY_ANOTHER,
    CLOSED,
    REFUSED,
    Fault,
)
from tests.integration.diagnosis.questions import NEIGHBOUR, PUBLISHED, TO_NEIGHBOUR
from tests.integration.diagnosis.scene import PORT, Scene
from tests.integration.freezing import freeze, thaw

SERVER = "ps -o pid,comm | grep httpd | while read pid name; do kill -9 $pid; done"
START = "httpd -p 80 -h /www/80"


@contextmanager
def server_ended(scene: Scene) -> Iterator[None]:
    """The container lives on without it."""
    _in_web(scene, SERVER)
    try:
        yield
    finally:
        _in_web(scene, START)


@contextmanager
def server_on_loopback(scene: Scene) -> Iterator[None]:
    """As many programs are configured by default."""
    with server_ended(scene):
        _in_web(scene, START.replace("80 ", "127.0.0.1:80 ", 1))
        try:
            yield
        finally:
            _in_web(scene, SERVER)


def _in_web(scene: Scene, text: str) -> None:
    scene.host.docker("exec", "web", "sh", "-c", text)


@contextmanager
def processes_stopped(scene: Scene) -> Iterator[None]:
    """All of the container, as a debugger or a terminal leaves them."""
    pids = scene.host.docker("top", "web", "-o", "pid").out.split()[1:]
    scene.host.run(["kill", "-STOP", *pids])
    try:
        yield
    finally:
        scene.host.run(["kill", "-CONT", *pids])


@contextmanager
def server_stopped(scene: Scene) -> Iterator[None]:
    """The one that accepts connections alone; the container's first process runs."""
    rows = scene.host.docker("top", "web", "-o", "pid,comm").out.splitlines()[1:]
    pids = [row.split()[0] for row in rows if "httpd" in row]
    scene.host.run(["kill", "-STOP", *pids])
    try:
        yield
    finally:
        scene.host.run(["kill", "-CONT", *pids])


@contextmanager
def container_paused(scene: Scene) -> Iterator[None]:
    """By the engine."""
    scene.host.docker("pause", "web")
    try:
        yield
    finally:
        scene.host.docker("unpause", "web")


@contextmanager
def container_frozen(scene: Scene) -> Iterator[None]:
    """Behind the engine's back: docker inspect says running."""
    freeze(scene.host, "web")
    try:
        yield
    finally:
        thaw(scene.host, "web")


@contextmanager
def proxy_stopped(scene: Scene) -> Iterator[None]:
    """All of the port."""
    pattern = f"[d]ocker-proxy.*-host-port {PORT} "
    scene.host.run(["pkill", "-STOP", "--full", pattern])
    try:
        yield
    finally:
        scene.host.run(["pkill", "-CONT", "--full", pattern])


@contextmanager
def proxy_killed(scene: Scene) -> Iterator[None]:
    """Those of the port; dockerd does not start them again while the container runs."""
    scene.host.run(f"pkill --full '[d]ocker-proxy.*-host-port {PORT} '")
    scene.host.wait_for(lambda: PORT not in scene.host.listening(), 120, "the port to be free")
    try:
        yield
    finally:
        scene.restart("web")


@contextmanager
def another_program_on_the_port(scene: Scene) -> Iterator[None]:
    """On the host, where docker-proxy is gone."""
    with proxy_killed(scene), Servers([Server(scene.host.path, "another", "tcp", PORT, ANY4)]):
        yield


FAULTS = (
    Fault("nothing listens", "nothing_listens", PUBLISHED, server_ended, seen=(REFUSED,)),
    Fault(
        "nothing listens, behind docker-proxy", "nothing_listens", TO_NEIGHBOUR, server_ended, seen=(CLOSED,), long=True
    ),
    Fault(
        "server listens on 127.0.0.1",
        "listens_on_loopback",
        PUBLISHED,
        server_on_loopback,
        seen=(REFUSED,),
    ),
    Fault("processes stopped", "process_stopped", PUBLISHED, processes_stopped, long=True),
    Fault("server stopped", "process_stopped", NEIGHBOUR, server_stopped, also=("accept_queue_full",), long=True),
    Fault("container paused", "process_paused", PUBLISHED, container_paused),
    Fault("container frozen", "process_paused", NEIGHBOUR, container_frozen, long=True),
    Fault("docker-proxy stopped", "process_stopped", TO_NEIGHBOUR, proxy_stopped, long=True),
    Fault("docker-proxy killed", "proxy_missing", TO_NEIGHBOUR, proxy_killed, seen=(REFUSED,), everywhere=True),
    Fault(
        "another program has the port",
        "wrong_service",
        TO_NEIGHBOUR,
        another_program_on_the_port,
        seen=(ANSWERED_BY_ANOTHER,),
        also=("proxy_missing",),
        long=True,
    ),
)
