"""Has a host's own dockerd judge many configurations: tar on standard input, one line of JSON for each to the output.

Runs on the lab host, with nothing but its standard library. Arguments: the words of dockerd's command line.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path


def judge(path: Path, command: list[str]) -> dict[str, object]:
    """The answer of dockerd --validate to one file."""
    argv = [command[0], "--validate", "--config-file", str(path), *command[1:]]
    done = subprocess.run(argv, capture_output=True, timeout=60, check=False, env={"PATH": "/usr/sbin:/usr/bin"})
    return {"name": path.name, "rc": done.returncode, "words": done.stderr.decode("utf-8", "replace").strip()[-600:]}


def main(command: list[str]) -> None:
    """Judge each file of the archive."""
    with tempfile.TemporaryDirectory(prefix="dockernet-validate-") as folder:
        with tarfile.open(fileobj=sys.stdin.buffer, mode="r|") as archive:
            archive.extractall(folder)  # noqa: S202  # made by ask(), a line ago
        for path in sorted(Path(folder).iterdir()):
            print(json.dumps(judge(path, command)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
