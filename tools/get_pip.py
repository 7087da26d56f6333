# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Install pip into an empty virtual environment of ansible-test, in place of the script it would download.

ansible-test fetches get-pip.py from a host of its own, unless a file of a certain name lies in its cache.
tools/sanity.py puts this one there. Python brings a pip along, and that one gets the version that ansible-test pins
from the package index.
"""

from __future__ import annotations

import subprocess
import sys

# Options of get-pip.py that pip does not know.
GET_PIP_OPTIONS = {"--no-setuptools", "--no-wheel"}


def main() -> int:
    """Install what the command line names, with pip's own options, and return pip's exit status."""
    arguments = [argument for argument in sys.argv[1:] if argument not in GET_PIP_OPTIONS]
    subprocess.run([sys.executable, "-m", "ensurepip"], check=True, stdout=subprocess.DEVNULL)
    return subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", *arguments], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
