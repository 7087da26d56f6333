# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Which engine a host has, whether it could be asked, and the one finding in place of all that hang on it.

How each is recognized:

* Podman: ``Components`` of its GET /version names ``Podman Engine`` (containers/podman pkg/api/handlers/compat/
  version.go); where it does not run, the socket is a link to its own, or its program is installed and no dockerd.
* rootless: ``SecurityOptions`` of GET /info has ``name=rootless`` (moby daemon/info_unix.go).
* snap: the data root is below /var/snap/docker, the only place that the snap may write to.
* Docker Desktop: ``OperatingSystem`` of GET /info is ``Docker Desktop``, which its virtual machine says of itself; or
  a program of it serves the socket (``docker-desktop-user-distro proxy`` in distributions of WSL2), or it is installed
  in /opt/docker-desktop, and no other engine is there.
* WSL2: the kernel's release names WSL or ``microsoft-standard``, as /proc/version does (microsoft/WSL issue 423, and
  systemd src/basic/virt.c). Other kernels of Microsoft's name neither.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import PODMAN, SNAP, Engine
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import (
    HIGH,
    INFO,
    NOT_APPLICABLE,
    UNKNOWN,
    Finding,
    Remediation,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import ENGINE, HostSnapshot, Source
from ansible_collections.dockernet.baseline.plugins.module_utils._model.unread import DEFECT, DESKTOP
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.resources import host

ENGINE_CHECK = "audit.engine"
"""What a finding is called that stands for all checks of a host whose engine was not asked."""

ANSWERS = "answers"
ABSENT = "absent"
STOPPED = "stopped"
DENIED = "denied"
UNREACHABLE = "unreachable"
UNREAD = "unread"
STATES = (ANSWERS, ABSENT, PODMAN, STOPPED, DENIED, UNREACHABLE, UNREAD)
WITHOUT_DOCKER = (ABSENT, PODMAN)
"""States of a host on which no check applies."""

_WSL = re.compile(r"Microsoft|WSL|microsoft-standard")

# By the kind of the source; others are errors of the host's or of this collection.
_STATES = {
    "absent": ABSENT,
    PODMAN: PODMAN,
    DESKTOP: UNREACHABLE,
    "stopped": STOPPED,
    "denied": DENIED,
    "error": UNREACHABLE,
}
_LABELS = {
    ABSENT: "no Docker Engine",
    PODMAN: "Podman, no Docker Engine",
    STOPPED: "Docker Engine not running",
    DENIED: "Docker Engine: permission denied",
    UNREACHABLE: "Docker Engine not reached",
    UNREAD: "not evaluated",
}
_REMEDIATIONS = {
    STOPPED: "Start dockerd, or find out why it does not start (journalctl -u docker). Where the host is to have no "
    "Docker, remove the package",
    DENIED: "Run the audit with become (as root), or as a user that may read what docs/privileges.md lists",
    UNREACHABLE: "Make the engine answer (docker -H {docker_host} version shows the error), or set docker_host to "
    "where it listens",
    UNREAD: "Find out what does not return on the host (docker version, say), or raise read_timeout and judge_timeout",
}
_OF_DESKTOP = (
    "Leave the host out of the audit: engine and networks of Docker Desktop are in a virtual machine that this host "
    "does not show"
)
_OF_ROOTLESS = (
    "Leave these checks out (exclude), or examine manually what they are about, in the engine's namespaces (nsenter(1) "
    "with the process in $XDG_RUNTIME_DIR/docker.pid as target)"
)
_OF_DEFECTS = "Report it as a defect of dockernet.baseline, with the result of docker_netcheck"
_NAMES = {SNAP: "snap", DESKTOP: "Docker Desktop"}
_NOTES = {
    SNAP: "Docker from a snap (daemon.json below /var/snap/docker, unit snap.docker.dockerd.service): evaluated as any "
    "other engine",
    DESKTOP: "the virtual machine of Docker Desktop: evaluated is that machine, not the one around it",
    "rootless": "rootless: evaluated is what the engine declares (daemon.json, networks, published ports, modes), not "
    "what is in its own network namespace (forwarding, rules, bridges, where packets go)",
    "wsl2": "WSL2: evaluated is the Linux side, not how Windows forwards ports to it",
    PODMAN: "Podman manages its own networks, which are not evaluated",
}


@dataclass(frozen=True)
class Platform:
    """Which engine a host has, and whether it could be asked."""

    state: str
    """One of STATES."""
    label: str
    """In a few words, as reports name it: ``Docker 26.1.5 (rootless)``."""
    flavor: str = ""
    """``docker``, ``snap``, ``desktop`` or ``podman``; empty where that is not known."""
    rootless: bool = False
    wsl2: bool = False
    note: str = ""
    """What is to be known of an audit of such a host: a sentence; empty where there is nothing."""


def platform_of(snapshot: HostSnapshot) -> Platform:
    """Return the platform of a host, by what was read of it."""
    source = snapshot.sources.get(ENGINE, Source(read=False, kind="error", reason=""))
    is_wsl = bool(_WSL.search(snapshot.kernel))
    engine = snapshot.engine if source.read else None
    if engine is None:
        # Of a host that was not read at all nothing is known of the engine either.
        return _unasked(source, is_wsl=is_wsl, was_read=any(item.read for item in snapshot.sources.values()))
    if engine.flavor == PODMAN:
        label = f"Podman {engine.version}, no Docker Engine"
        return Platform(PODMAN, label, PODMAN, engine.rootless, is_wsl, _NOTES[PODMAN])
    flavor = _flavor(engine)
    said = [*([flavor] if flavor in _NAMES else []), *(["rootless"] if engine.rootless else [])]
    said += ["wsl2"] if is_wsl else []
    names = [_NAMES.get(word, "WSL2" if word == "wsl2" else word) for word in said]
    label = f"Docker {engine.version}" + (f" ({', '.join(names)})" if names else "")
    return Platform(ANSWERS, label, flavor, engine.rootless, is_wsl, "; ".join(_NOTES[word] for word in said))


def _flavor(engine: Engine) -> str:
    return DESKTOP if engine.operating_system == "Docker Desktop" else engine.flavor


def _unasked(source: Source, *, is_wsl: bool, was_read: bool) -> Platform:
    state = _STATES.get(source.kind, UNREAD) if was_read else UNREAD
    if state == UNREACHABLE and source.kind == DESKTOP:
        return Platform(state, "Docker Desktop, whose engine is in a virtual machine", DESKTOP, wsl2=is_wsl)
    note = _NOTES[PODMAN] if state == PODMAN else ""
    return Platform(state, _LABELS[state], PODMAN if state == PODMAN else "", wsl2=is_wsl, note=note)


def engine_finding(snapshot: HostSnapshot, platform: Platform, not_evaluated: int) -> Finding:
    """Return the one finding in place of so many checks that were not evaluated for want of the engine."""
    source = snapshot.sources.get(ENGINE, Source(read=False))
    evidence: dict[str, Any] = {"docker_host": snapshot.docker_host, "checks not evaluated": not_evaluated}
    if platform.state in WITHOUT_DOCKER:
        engine = snapshot.engine if source.read else None
        summary = f"{podman_at(snapshot, engine) if engine else source.reason}: no check applies"
        said = f"{summary}. {platform.note}" if platform.note else summary
        return Finding(ENGINE_CHECK, NOT_APPLICABLE, INFO, host(snapshot), said, evidence)
    reason = source.reason or platform.label
    if platform.state == ANSWERS:
        reason = "the engine runs rootless, in a network namespace of its own, which was not read"
    return Finding(
        ENGINE_CHECK,
        UNKNOWN,
        HIGH,
        host(snapshot),
        f"Not evaluated: {reason}",
        evidence,
        f"What is broken or open on this host is not known: {not_evaluated} checks were not evaluated",
        Remediation(_advice(snapshot, platform, source)),
    )


def _advice(snapshot: HostSnapshot, platform: Platform, source: Source) -> str:
    if source.kind == DEFECT:
        return _OF_DEFECTS
    if platform.state == ANSWERS:
        return _OF_ROOTLESS
    if platform.flavor == DESKTOP:
        return _OF_DESKTOP
    return _REMEDIATIONS[platform.state].format(docker_host=snapshot.docker_host)


def podman_at(snapshot: HostSnapshot, engine: Engine) -> str:
    """Which Podman answers, and where."""
    return f"Podman {engine.version} answers at {snapshot.docker_host}"
