# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run every sanity test of ansible-test on the staged collection, and see to it that they really ran.

Needs .venv's Python (ansible-core is imported). Arguments are handed to ``ansible-test sanity``.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import types
import typing as t
from pathlib import Path

from ansible_test._internal.python_requirements import get_venv_packages

from stage import BUILD, collection_path

HOME = BUILD / "home"
PYTHON_VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"


def install_get_pip() -> None:
    """Put our get_pip.py where ansible-test looks for the script of the pip it pins, and that pip beside it."""
    python = t.cast("t.Any", types.SimpleNamespace(version=PYTHON_VERSION))
    pinned = get_venv_packages(python)["pip"]
    cache = HOME / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(Path(__file__).with_name("get_pip.py"), cache / f"get_pip_{pinned.replace('.', '_')}.py")
    if not (cache / f"pip=={pinned}").is_dir():
        fetch(f"pip=={pinned}", cache)


def fetch(requirement: str, folder: Path) -> None:
    """Install a package into a folder of its own, named by the requirement, from the package index."""
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        place = Path(scratch) / requirement
        command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "install", "--no-deps"]
        subprocess.run([*command, "--target", str(place), requirement], check=True)
        # Its programs begin with the path of this Python.
        shutil.rmtree(place / "bin")
        place.rename(folder / requirement)


def pip_settings(listing: str) -> str:
    """Return as the text of a pip.conf what ``pip config list`` printed, environment variables included."""
    # Lines like "global.cert='...'" and ":env:.cert='...'"; the environment comes first there, and is the stronger.
    options = dict(reversed(re.findall(r"^[^=]*\.([a-z-]+)='(.*)'$", listing, flags=re.MULTILINE)))
    options["quiet"] = "1"
    # A value of several lines is printed with "\n" in it, and continues on indented lines in the file.
    lines = [name + " = " + value.replace("\\n", "\n    ") for name, value in sorted(options.items())]
    return "\n".join(["[global]", *lines, ""])


def write_pip_settings() -> None:
    """Hand on pip's settings, such as the index: ansible-test hides the environment, and we the home directory."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    listing = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    target = HOME / ".config" / "pip" / "pip.conf"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.touch(mode=0o600)
    target.write_text(pip_settings(listing), encoding="utf-8")


def run(arguments: list[str]) -> tuple[int, str]:
    """Run ansible-test in the stage, show its output as it comes, and return its exit status and output."""
    command = ["ansible-test", "sanity", "--venv", "--python", PYTHON_VERSION, "--color", "no", *arguments]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    environment["HOME"] = str(HOME)
    with subprocess.Popen(
        command,
        cwd=collection_path(),
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        lines = []
        for line in process.stdout or ():
            print(line, end="", flush=True)
            lines.append(line)
    return process.returncode, "".join(lines)


def main() -> int:
    """Return 0 only if tests ran and all of them passed."""
    install_get_pip()
    write_pip_settings()
    status, output = run(sys.argv[1:])
    if "All targets skipped" in output:
        print("sanity: ansible-test found no files to test; the stage is broken", file=sys.stderr)
        return 1
    return status


if __name__ == "__main__":
    sys.exit(main())
