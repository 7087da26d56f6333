# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Engines that are not Docker's own, or not where the readers look: what can be said of them, check by check."""

from __future__ import annotations

from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import PODMAN, Engine
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    BOOT,
    CONNTRACK,
    INNER,
    LINKS,
    LISTENERS,
    NAMESPACES,
    POLICY_RULES,
    ROUTES,
    RULESET,
    SYSCTL,
    HostSnapshot,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks import resources
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import (
    Check,
    Verdict,
    not_applicable,
    unknown,
)

# Read in the host's own network namespace, or from there.
_OF_THE_HOST = frozenset({LINKS, ROUTES, POLICY_RULES, LISTENERS, INNER, SYSCTL, BOOT, RULESET, CONNTRACK})

# About dockerd, its helper and what it does to its bridge ports: with Podman there is nothing of the kind.
_OF_DOCKERD = frozenset({"daemon", "proxy", "hairpin"})


def not_of_docker(check: Check, snapshot: HostSnapshot) -> Optional[Verdict]:
    """The verdict of a check where Podman imitates the Engine API; None for a Docker Engine.

    Its containers have networks, too, which can be open or broken: those are not judged, which is no pass.
    """
    engine = snapshot.engine
    if engine is None or engine.flavor != PODMAN:
        return None
    evidence = {"GET /version": f"Podman Engine {engine.version}"}
    if check.id.partition(".")[0] in _OF_DOCKERD:
        return not_applicable(resources.host(snapshot), f"{_podman(snapshot, engine)}: there is no dockerd", evidence)
    reason = f"{_podman(snapshot, engine)}, whose networks (netavark or CNI) this audit does not know"
    return unknown(resources.host(snapshot), reason, evidence)


def _podman(snapshot: HostSnapshot, engine: Engine) -> str:
    return f"Podman {engine.version} answers at {snapshot.docker_host}"


def in_another_namespace(check: Check, snapshot: HostSnapshot) -> Optional[Verdict]:
    """The verdict of a check that needs what a rootless engine has in a namespace of its own; None for others."""
    engine = snapshot.engine
    if engine is None or not engine.rootless:
        return None
    if _OF_THE_HOST.intersection(check.needs):
        reason = "the engine runs rootless, in a network namespace of its own, which was not read"
        return unknown(resources.host(snapshot), reason, {"rootless": True})
    if NAMESPACES in check.needs and snapshot.was_read(LINKS):
        # RootlessKit with --detach-netns: dockerd's namespace is then not what "host" means for its containers.
        reason = (
            "the engine runs rootless, and dockerd is not in the network namespace that it keeps for its containers"
        )
        return unknown(resources.host(snapshot), reason, {"rootless": True})
    return None


def unpredictable(snapshot: HostSnapshot) -> str:
    """Why no packet can be followed on this host, whatever was read; empty where there is no such reason."""
    engine = snapshot.engine
    if engine is not None and engine.flavor == PODMAN:
        return f"{_podman(snapshot, engine)}, whose networks were not read"
    if engine is not None and engine.rootless:
        return "the engine runs rootless, in a namespace of its own that was not read"
    return ""
