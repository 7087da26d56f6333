# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Runs the programs that the readers need: no shell, a time limit, messages in English."""

from __future__ import annotations

import os
import subprocess
from typing import Callable

Run = Callable[[list[str]], tuple[int, str, str]]
"""Runs a command given as a list of words and returns its exit status, output and error output."""

TIME_LIMIT = 20.0
"""Seconds."""

NOT_FOUND = 127
TIMED_OUT = 124

# Programs of the system lie in the sbin directories too, which the PATH of a plain user lacks.
PROGRAM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/snap/bin"


def run_command(argv: list[str]) -> tuple[int, str, str]:
    """Run a command and return its exit status, output and error output.

    The status is 127 when there is no such program and 124 when it was ended after TIME_LIMIT seconds, as in a shell
    and with timeout(1). Bytes that are not UTF-8 are kept as surrogates replaced by U+FFFD. Raises nothing.
    """
    environment = {**os.environ, "LC_ALL": "C", "LANGUAGE": "C", "PATH": PROGRAM_PATH}
    try:
        # There is no AnsibleModule here to ask: this is plain Python.
        done = subprocess.run(  # pylint: disable=ansible-bad-function
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIME_LIMIT,
            env=environment,
            check=False,
        )
    except FileNotFoundError:
        return NOT_FOUND, "", f"{argv[0]}: not found"
    except subprocess.TimeoutExpired:
        return TIMED_OUT, "", f"{argv[0]}: no end after {TIME_LIMIT:.0f} seconds"
    except OSError as error:
        return 126, "", f"{argv[0]}: {error.strerror}"
    return done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")
