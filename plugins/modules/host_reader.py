#!/usr/bin/python
# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Its documentation is in host_reader.yml beside it, since what is in here goes to hosts.

# It is a program of its own, whose arguments Ansible writes into it ("JSONARGS"). The archive in which Ansible sends
# other modules has to be unpacked, brings Ansible's own code, and has Python compile each of its files twice: that took
# more of a host than the reading does.

from __future__ import annotations

import base64
import gc
import importlib
import json
import sys
import zlib
from importlib.machinery import ModuleSpec, SourceFileLoader
from typing import Any, NoReturn, Optional

ARGUMENTS = r"""<<INCLUDE_ANSIBLE_MODULE_JSON_ARGS>>"""
OPTIONS = ("module", "program", "sources", "told")
OLDEST = (3, 9)


class SentLoader(SourceFileLoader):
    """Loads a module from its source, of which the host has no file."""

    def __init__(self, name: str, path: str, source: str) -> None:
        """Take its name, its path on the controller below ansible_collections, and its source."""
        super().__init__(name, path)
        self.source = source

    def path_stats(self, path: Any) -> NoReturn:
        """Have Python look for no compiled form, and keep none."""
        raise OSError

    def get_data(self, path: Any) -> bytes:
        """Return the source."""
        return self.source.encode()


class SentFinder:
    """Finds the modules that were sent, ahead of others that the host has by their names."""

    def __init__(self, sources: dict[str, str]) -> None:
        """Take sources by paths."""
        self.sources = sources

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Optional[ModuleSpec]:
        """Return what importlib.abc.MetaPathFinder says."""
        place = name.replace(".", "/")
        if f"{place}.py" in self.sources:
            return ModuleSpec(name, SentLoader(name, f"{place}.py", self.sources[f"{place}.py"]))
        if any(other.startswith(f"{place}/") for other in self.sources):
            return ModuleSpec(name, None, is_package=True)
        return None


def main() -> None:
    """Run the program that the arguments name."""
    arguments = json.loads(ARGUMENTS)
    if sys.version_info < OLDEST:
        problem = f"Python 3.9 or newer is needed on the host; {sys.executable} is {sys.version.split()[0]}"
        sys.stdout.write(json.dumps({"failed": True, "msg": problem}))
        raise SystemExit(1)
    # What is loaded and read lives until the end, which comes soon: to search it for garbage takes a tenth of the time.
    gc.disable()
    # http.client loads it where it can; the engine is asked over sockets of this host.
    sys.modules.setdefault("ssl", None)  # type: ignore[arg-type]
    sources = json.loads(zlib.decompress(base64.b64decode(arguments["sources"])))
    sys.meta_path.insert(0, SentFinder(sources))
    program: Any = importlib.import_module(arguments["program"])
    program.main(arguments)


def state_options() -> None:
    """Say what it takes, to tools that run modules without arguments to find that out (validate-modules)."""
    basic: Any = importlib.import_module("ansible.module_utils.basic")
    one = {"type": "str", "required": True}
    basic.AnsibleModule(argument_spec=dict.fromkeys(OPTIONS, one), supports_check_mode=True)


if __name__ == "__main__":
    if ARGUMENTS.startswith("{"):
        main()
    else:
        state_options()
