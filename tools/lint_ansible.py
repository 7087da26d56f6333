# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run ansible-lint on the staged collection, and see to it that it examined every playbook and role.

ansible-lint passes over a file that it cannot tell the kind of, or that it takes for ignored, without a word.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from stage import collection_path

# What ansible-lint says it examines, with -vv: "DEBUG    Examining roles/audit/tasks/main.yml of type tasks".
EXAMINING = re.compile(r"^DEBUG +Examining (?P<path>\S+) of type (?P<kind>\S*)$", flags=re.MULTILINE)
# A message to its developers, with the lines that continue it.
CHATTER = re.compile(r"^(?:DEBUG|INFO) .*\n(?:(?: .*|ParseError: .*)\n)*", flags=re.MULTILINE)
# A file of one of these kinds gets no rule about tasks, variables or metadata.
KINDS_WITHOUT_RULES = {"", "yaml"}


def content_files(stage: Path) -> set[str]:
    """Return the YAML files that hold plays, tasks, variables or metadata of roles.

    Not molecule.yml: ansible-lint's schema of it does not know the section ``ansible``, and Molecule checks it itself.
    """
    folders = ("playbooks", "roles", "molecule", "extensions/eda")
    paths = (path for folder in folders for path in (stage / folder).rglob("*.yml"))
    return {path.relative_to(stage).as_posix() for path in paths if path.name != "molecule.yml"}


def main() -> int:
    """Return 0 only if nothing was found and nothing was overlooked."""
    stage = collection_path()
    command = ["ansible-lint", "--nocolor", "-vv", *sys.argv[1:]]
    result = subprocess.run(command, cwd=stage, check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    output = result.stdout + result.stderr
    print("\n".join(line for line in CHATTER.sub("", output).splitlines() if line))
    examined = {match["path"] for match in EXAMINING.finditer(output) if match["kind"] not in KINDS_WITHOUT_RULES}
    overlooked = sorted(content_files(stage) - examined)
    for name in overlooked:
        print(f"{name}: ansible-lint did not examine this file", file=sys.stderr)
    return result.returncode or bool(overlooked)


if __name__ == "__main__":
    sys.exit(main())
