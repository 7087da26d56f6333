# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ways to break something and leave it as it was: all are context managers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from tests.integration.diagnosis.fault import Broken
from tests.integration.diagnosis.scene import Scene

Break = Callable[[Scene], Broken]


def commands(do: str, undo: str) -> Break:
    """Shell text that breaks the host, and one that restores it."""

    @contextmanager
    def broken(scene: Scene) -> Iterator[None]:
        try:
            scene.host.run(do)
            yield
        finally:
            scene.host.run(undo)

    return broken


def inside(container: str, do: str, undo: str) -> Break:
    """The same in a container's network namespace, with the machine's own programs."""

    @contextmanager
    def broken(scene: Scene) -> Iterator[None]:
        try:
            scene.inside(container, "sh", "-c", do)
            yield
        finally:
            scene.inside(container, "sh", "-c", undo)

    return broken


def rule(words: str, program: str = "iptables") -> Break:
    """A rule at the head of a chain."""
    table, chain = _place(words)
    match = words.partition(chain)[2]
    return commands(f"{program} {table} -I {chain}{match}", f"{program} {table} -D {chain}{match}")


def _place(words: str) -> tuple[str, str]:
    """``-t TABLE`` or nothing, and the chain."""
    parts = words.split()
    return (" ".join(parts[:2]), parts[2]) if parts[0] == "-t" else ("", parts[0])


def sysctl(key: str, value: str) -> Break:
    """A setting of the host."""

    @contextmanager
    def broken(scene: Scene) -> Iterator[None]:
        before = scene.host.sysctl(key)
        try:
            scene.host.set_sysctl(key, value)
            yield
        finally:
            scene.host.set_sysctl(key, before)

    return broken


def settings_of_all_interfaces(do: str) -> Break:
    """Shell text after which every setting of every interface is set to what it was: some set others."""

    @contextmanager
    def broken(scene: Scene) -> Iterator[None]:
        places = "/proc/sys/net/ipv4/conf/*/forwarding /proc/sys/net/ipv6/conf/*/forwarding"
        before = scene.host.run(f"grep . {places}").out.splitlines()
        try:
            scene.host.run(do)
            yield
        finally:
            lines = (line.rpartition(":") for line in before)
            # That of all interfaces first, as it sets the others.
            ordered = sorted(lines, key=lambda line: "/all/" not in line[0])
            scene.host.run("\n".join(f"echo {value} > {path}" for path, dummy, value in ordered))

    return broken


def rules_changed(do: str) -> Break:
    """Shell text that changes rules of iptables; all of them are restored from what iptables-save said before."""

    @contextmanager
    def broken(scene: Scene) -> Iterator[None]:
        saved = {name: scene.host.run([f"{name}-save"]).out for name in ("iptables", "ip6tables")}
        try:
            scene.host.run(do)
            yield
        finally:
            for name, text in saved.items():
                scene.host.run([f"{name}-restore"], stdin=text)

    return broken


def both(*breaks: Break) -> Break:
    """One after the other, restored in the other order."""

    @contextmanager
    def broken(scene: Scene) -> Iterator[None]:
        with ExitStack() as stack:
            for item in breaks:
                stack.enter_context(item(scene))
            yield

    return broken


@contextmanager
def neighbours_forgotten(scene: Scene) -> Iterator[None]:
    """Host and containers have to ask for hardware addresses again, so that a break takes effect at once."""
    scene.forget_neighbours()
    try:
        yield
    finally:
        scene.forget_neighbours()
