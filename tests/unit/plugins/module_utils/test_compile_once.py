# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How often Python compiles a file that it imports from an archive."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils import _compile_once

# Counts what the interpreter is asked to compile, by file name (audit event "compile").
PROGRAM = """
import sys
sys.path.insert(0, {archive!r})
{first}
names = []
sys.addaudithook(lambda event, args: names.append(args[1]) if event == "compile" else None)
import one, two
assert (one.NAME, two.NAME) == ("one", "two")
print(*(sum(str(name).endswith(f"{{module}}.py") for name in names) for module in ("one", "two")))
"""


@pytest.mark.parametrize(("first", "times"), [("", "2 2"), (Path(str(_compile_once.__file__)).read_text(), "1 1")])
def test_each_file_of_an_archive_is_compiled_once(tmp_path: Path, first: str, times: str) -> None:
    archive = tmp_path / "sent.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("one.py", "import two\nNAME = 'one'\n")
        file.writestr("two.py", "NAME = 'two'\n")
    program = PROGRAM.format(archive=str(archive), first=first.replace("from __future__ import annotations", ""))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == (times, "")
