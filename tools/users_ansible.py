# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run this project's ansible-playbook with the user's settings: `make harden INVENTORY=...` is about the user's hosts.

The environment is the user's, the configuration is the one that Ansible would find anywhere but in this repository, and
this collection is found before those that the user has installed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from ansible.config.manager import ConfigManager

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / ".build"
PROGRESS = "dockernet.baseline.progress"
"""The callback that says how far a run over many hosts is."""
EMPTY = BUILD / "empty.cfg"
SYSTEM = Path("/etc/ansible/ansible.cfg")


def config_of(environment: Mapping[str, str], system: Path = SYSTEM) -> Path:
    """Return the configuration file of the user.

    Ansible looks into the working directory, too, and make runs in this repository, whose file is for work on it: where
    the user has none, an empty file keeps Ansible from that one.
    """
    named = environment.get("ANSIBLE_CONFIG")
    if named:
        return Path(named)
    own = Path(environment.get("HOME", "/")) / ".ansible.cfg"
    return next((path for path in (own, system) if path.is_file()), EMPTY)


def environment_of(config: Path) -> dict[str, str]:
    """Return the variables that are set beside those of the user; collections of the user come after this one."""
    settings = cast(Any, ConfigManager)(conf_file=str(config))
    installed = [str(path) for path in settings.get_config_value("COLLECTIONS_PATHS")]
    callbacks = [str(name) for name in settings.get_config_value("CALLBACKS_ENABLED")]
    return {
        "ANSIBLE_CONFIG": str(config),
        "ANSIBLE_COLLECTIONS_PATH": os.pathsep.join([str(BUILD), *installed]),
        "ANSIBLE_CALLBACKS_ENABLED": ",".join([*callbacks, PROGRESS] if PROGRESS not in callbacks else callbacks),
        # A name that is mistyped would otherwise be an inventory without hosts, and a success.
        "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "true",
    }


def main() -> None:
    """Become ansible-playbook."""
    EMPTY.touch()
    program = str(ROOT / ".venv" / "bin" / "ansible-playbook")
    environment = {**os.environ, **environment_of(config_of(os.environ))}
    os.execve(program, [program, *sys.argv[1:]], environment)  # noqa: S606


if __name__ == "__main__":
    main()
