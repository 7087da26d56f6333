# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Say as JSON whether this Python lacks pyroute2, whether the virtual environment in argv[1] has it, and whose it is.

Run with ``python -c`` by the interpreter that Ansible's modules run with.
"""

from __future__ import annotations

import json
import subprocess
import sys


def missing() -> dict[str, str]:
    """Return the libraries that cannot be imported, each with the reason.

    A name is imported from it, because a mere folder that is called ``pyroute2`` can be imported, too.
    """
    try:
        from pyroute2 import IPRoute  # noqa: F401
    except Exception as error:  # noqa: BLE001 # a broken library raises anything
        return {"pyroute2": f"{type(error).__name__}: {error}"}
    return {}


def can_import(python: str) -> bool:
    """Return whether another interpreter exists and has the library."""
    try:
        run = subprocess.run(
            [python, "-c", "from pyroute2 import IPRoute"],
            check=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    except OSError:
        return False
    return run.returncode == 0


if __name__ == "__main__":
    lacks = missing()
    answer = {
        "missing": lacks,
        "venv": bool(lacks) and can_import(sys.argv[1] + "/bin/python"),
        # Packages of the distribution land where only its own Python looks.
        "packaged": sys.prefix == "/usr",
    }
    print(json.dumps(answer))
