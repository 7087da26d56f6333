# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Has a host read: the module host_reader, with the sources that it runs there, and what it is told."""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible_collections.dockernet.baseline.plugins.module_utils._host import light_dataclasses, reader_program
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import KEEP_LABELS

READER = "dockernet.baseline.host_reader"
_COLLECTION = "ansible_collections.dockernet.baseline."
PROGRAM = f"{_COLLECTION}plugins.module_utils._host.reader_program"
"""What host_reader runs on a host."""
_IMPORT = re.compile(
    rf"^\s*from ({re.escape(_COLLECTION)}plugins\.module_utils[\w.]*) import (?:\(([^)]*)\)|(.*))", re.MULTILINE
)
_NAME = re.compile(r"\w+")
_COMMENT = re.compile(r"^ *#.*$", re.MULTILINE)
_DOCSTRING = re.compile(r'^( *)r?"""(?:[^"\\]|\\.|"(?!""))*"""$', re.MULTILINE | re.DOTALL)


def sources_of(program: str) -> dict[str, str]:
    """Return the text of a module of this collection and of all that it imports of it, by paths as Python has them."""
    root = Path(reader_program.__file__).parents[3]
    found: dict[str, str] = {}
    waiting = [program]
    while waiting:
        name = waiting.pop()
        place = f"{name.replace('.', '/')}.py"
        file = root / f"{name.removeprefix(_COLLECTION).replace('.', '/')}.py"
        if place in found or not file.is_file():
            continue
        found[place] = file.read_text(encoding="utf-8")
        for package, several, one in _IMPORT.findall(found[place]):
            # What is imported of a package can be a module of its own.
            waiting += [package, *(f"{package}.{name}" for name in _NAME.findall(several or one))]
    return found


def without_words(source: str) -> str:
    """Return a source without its comments and docstrings, every statement on the line that it had."""
    return _DOCSTRING.sub(lambda found: f'{found[1]}""' + "\n" * found[0].count("\n"), _COMMENT.sub("", source))


def sent_sources() -> dict[str, str]:
    """Return what host_reader is sent: sources by the paths at which it finds them."""
    found = sources_of(PROGRAM)
    # In place of Python's own, which takes an eighth of the whole reading.
    (light,) = sources_of(light_dataclasses.__name__).values()
    return {path: without_words(source) for path, source in {**found, "dataclasses.py": light}.items()}


# Once, since Ansible makes a process for each host and task from the one that loads this file.
SOURCES = base64.b64encode(zlib.compress(json.dumps(sent_sources()).encode())).decode("ascii")
"""Its sources, as they are sent."""


def reading(
    options: Mapping[str, Any], arguments: Mapping[str, Any], *, path: str = "load", sources: str = "all"
) -> dict[str, Any]:
    """Return what a host is told to read by a task. Raises AnsibleActionFail for a time limit below one second.

    options: those of the task, checked; arguments: the same as they were written, since the engine's address and paths
    are the host's to complete. path: ``load`` or ``save`` the snapshot at the option ``snapshot_path``. sources:
    ``all``, or those for ``packets``.
    """
    seconds: int = options["read_timeout"]
    if seconds < 1:
        raise AnsibleActionFail(f"read_timeout: expected at least one second, found {seconds}")
    told: dict[str, Any] = {"sources": sources, "read_timeout": seconds, "labels": options.get("labels", KEEP_LABELS)}
    if "docker_host" in arguments:
        told["docker_host"] = options["docker_host"]
    if options.get("snapshot_path") is not None:
        told[path] = str(arguments["snapshot_path"])
    return told


def read_host(
    execute: Callable[..., dict[str, Any]],
    module: str,
    told: Mapping[str, Any],
    task_vars: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Return the result of a host that is told so, see reading(); execute is ``_execute_module`` of the action.

    module: the name of the task's module, for the host's log.
    """
    # As letters that stand for nothing in Python, into whose text Ansible writes them.
    letters = base64.b64encode(json.dumps(told).encode()).decode("ascii")
    arguments = {"module": module, "program": PROGRAM, "sources": SOURCES, "told": letters}
    return execute(module_name=READER, module_args=arguments, task_vars=task_vars)
