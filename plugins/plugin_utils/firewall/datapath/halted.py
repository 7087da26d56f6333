# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Sockets whose process lives and does not run: what is said of them, and what to do."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Container
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import Remediation
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import FROZEN, TRACED, Listener

_STATES = {FROZEN: "is frozen in its control group", TRACED: "is stopped by a debugger"}
_BY_SIGNAL = "is stopped (SIGSTOP)"


def halted_in_words(listener: Listener) -> str:
    """Which process is halted, and how: a clause."""
    state = _STATES.get(listener.halt.state, _BY_SIGNAL) if listener.halt is not None else "runs"
    return f"process {listener.pid} ({listener.owner or 'unknown'}) {state}"


def is_shared(listener: Listener, others: Iterable[Listener]) -> bool:
    """Whether another process could accept for one that is halted: on the same socket, or on one bound as it is.

    Among sockets with the same binding (SO_REUSEPORT) the kernel chooses by the client's address and port.
    """
    own = _binding(listener)
    shares = listener.halt is not None and listener.halt.shared
    return shares or any(item.halt is None and _binding(item) == own for item in others)


def _binding(listener: Listener) -> tuple[str, str, int, str]:
    return listener.protocol, listener.address, listener.port, listener.device


def continuing(listeners: Iterable[Listener], containers: Iterable[Container]) -> Remediation:
    """How the processes of halted listeners run again."""
    halted = [(item.pid, item.halt) for item in listeners if item.halt is not None]
    stopped = {str(pid): None for pid, halt in halted if halt.state not in _STATES}
    texts = [f"Find out what stopped it, then continue it: kill -CONT {' '.join(stopped)}"] if stopped else []
    for pid, halt in halted:
        if halt.state == TRACED:
            texts.append(f"Detach the debugger, or end it (TracerPid in /proc/{pid}/status is its process)")
        elif halt.state == FROZEN:
            texts.append(_thawing(halt.freezer, containers))
    return Remediation(". ".join(dict.fromkeys(texts)))


def _thawing(freezer: str, containers: Iterable[Container]) -> str:
    paused = next((item.name for item in containers if item.paused and item.id in freezer), "")
    if paused:
        return f"Resume the container: docker unpause {paused}"
    value = "0" if freezer.endswith("cgroup.freeze") else "THAWED"
    return f"Find out what froze the control group, then thaw it: echo {value} > {shlex.quote(freezer)}"
