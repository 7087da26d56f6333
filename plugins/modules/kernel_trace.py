#!/usr/bin/python
# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Its documentation is in kernel_trace.yml beside it, since what is in here goes to hosts.

from __future__ import annotations

from typing import Optional
from urllib.parse import quote

from ansible_collections.dockernet.baseline.plugins.module_utils import _compile_once  # noqa: F401  # pylint: disable=unused-import
from ansible_collections.dockernet.baseline.plugins.module_utils._host.engine_api import asking
from ansible_collections.dockernet.baseline.plugins.module_utils._host.host_module import HostModule
from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import to_plain
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel_trace import KernelTrace
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import CONTAINER, Packet
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import safe
from ansible_collections.dockernet.baseline.plugins.module_utils._model.unread import UnreadableError
from ansible_collections.dockernet.baseline.plugins.module_utils._trace.question import (
    SPEC,
    OptionError,
    Question,
    question_of,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._trace.run import trace

ENGINE_SECONDS = 10.0


def pid_of(docker_host: str, container: str) -> int:
    """The first process of a container. Raises UnreadableError."""
    with asking(docker_host, ENGINE_SECONDS) as engine:
        pid = engine.get(f"/containers/{quote(container, safe='')}/json")["State"]["Pid"]
    if not isinstance(pid, int) or pid <= 0:
        raise UnreadableError("error", f"the container {container} does not run")
    return pid


def in_words(question: Question, found: KernelTrace) -> str:
    """The packet and how it ended, in one line."""
    packet = Packet(question.origin, question.destination, question.protocol, question.port)
    ends = {
        "left": f"it leaves by {found.end_device}",
        "to_host": "it comes to the host itself",
        "dropped_by_rule": "a rule drops it",
        "lost": "it is lost between two hooks, without a rule",
        "not_seen": "the kernel's rules do not see it",
    }
    seen = f", its sender sees: {found.observed}" if found.observed else ""
    problem = f" ({found.problem})" if found.problem else ""
    return safe(f"{packet}: {ends[found.end]}{seen}{problem}")


def main() -> None:
    """Run the module."""
    specification = {**SPEC, "docker_host": {"type": "str", "default": "unix:///var/run/docker.sock"}}
    module = HostModule(argument_spec=specification, supports_check_mode=True)
    try:
        question = question_of(module.params)
        pid: Optional[int] = None
        if question.origin.kind == CONTAINER:
            pid = pid_of(module.params["docker_host"], question.origin.name)
    except OptionError as error:
        module.fail_json(msg=safe(str(error)))
    except UnreadableError as error:
        module.fail_json(msg=safe(error.reason))
    found = trace(question, pid)
    module.exit_json(changed=False, trace=to_plain(found), msg=in_words(question, found))


if __name__ == "__main__":
    main()
