# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Install pip into an empty virtual environment of ansible-test, in place of the script it would download.

ansible-test fetches get-pip.py from a host of its own, unless a file of a certain name lies in its cache.
tools/sanity.py puts this one there, and beside it a folder for each package that it is asked for, named by the
requirement, such as "pip==25.2". A dozen environments are made in a run: to copy takes a twentieth of the time that pip
takes to install itself.
"""

from __future__ import annotations

import shutil
import sys
import sysconfig
from pathlib import Path


def main() -> int:
    """Install what the command line names. Options are for pip, and say nothing of what is installed."""
    for requirement in sys.argv[1:]:
        if not requirement.startswith("-"):
            packages = Path(__file__).with_name(requirement)
            shutil.copytree(packages, sysconfig.get_path("purelib"), dirs_exist_ok=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
