#!/usr/bin/python
# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Its documentation is in container_probe.yml beside it, since what is in here goes to hosts.

from __future__ import annotations

from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils import _compile_once  # noqa: F401  # pylint: disable=unused-import
from ansible_collections.dockernet.baseline.plugins.module_utils._host.host_module import HostModule
from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import to_plain
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import safe
from ansible_collections.dockernet.baseline.plugins.module_utils._probe.question import (
    PROTOCOLS,
    BadQuestionError,
    origin_of,
    questions_of,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._probe.run import (
    CannotProbeError,
    Found,
    Wanted,
    line_of,
    listing_of,
    run_probes,
)

ALL = "all"
TARGET = "target"

_QUESTION: dict[str, dict[str, Any]] = {
    "to": {"type": "str"},
    "port": {"type": "int"},
    "protocol": {"type": "str", "choices": list(PROTOCOLS)},
    "name": {"type": "str"},
}
SPEC: dict[str, dict[str, Any]] = {
    "from": {"type": "str", "required": True},
    **_QUESTION,
    "probes": {
        "type": "list",
        "elements": "dict",
        "options": {**_QUESTION, "to": {"type": "str", "required": True}},
    },
    "timeout": {"type": "float", "default": 3.0},
    "layers": {"type": "str", "choices": [ALL, TARGET], "default": ALL},
    "docker_host": {"type": "str", "default": "unix:///var/run/docker.sock"},
}


def wanted_of(options: dict[str, Any]) -> Wanted:
    """Return what the options ask for. Raises BadQuestionError."""
    return Wanted(
        origin=origin_of(options["from"]),
        questions=questions_of(options),
        docker_host=options["docker_host"],
        seconds=options["timeout"],
        all_layers=options["layers"] == ALL,
    )


def result_of(found: Found) -> dict[str, Any]:
    """Return the module's result."""
    first = found.probes[0].first_failed
    return {
        "changed": False,
        "msg": safe(line_of(found.probes[0])),
        "probes": to_plain(found.probes),
        "process": to_plain(found.process),
        "target_processes": to_plain(found.target_processes),
        "failed_layer": "" if first is None else first.layer,
        "listing": listing_of(found.probes),
    }


def main() -> None:
    """Run the module."""
    module = HostModule(
        argument_spec=SPEC,
        required_one_of=[["to", "probes"]],
        mutually_exclusive=[["probes", name] for name in _QUESTION],
        supports_check_mode=True,
    )
    try:
        found = run_probes(wanted_of(module.params))
    except (BadQuestionError, CannotProbeError) as error:
        module.fail_json(msg=safe(str(error)))
    module.exit_json(**result_of(found))


if __name__ == "__main__":
    main()
