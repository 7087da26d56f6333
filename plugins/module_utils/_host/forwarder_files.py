# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Files of settings that tell of forwarders, read within limits: what units are on, folders, sections with their lines.

They can hold private keys. So only named settings are handed on, and no text of a file is kept or shown.
"""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ansible_collections.dockernet.baseline.plugins.module_utils._host.regular_file import read_regular

LARGEST = 1 << 18
"""Bytes of one file."""
MOST_FILES = 500
"""Files of one folder."""
_UNIT_FOLDERS = ("etc/systemd/system", "run/systemd/system", "usr/lib/systemd/system", "lib/systemd/system")
_PULLED_IN = (".wants", ".requires")


@dataclass(frozen=True)
class Section:
    """A section of a file as systemd, NetworkManager and wg-quick write them; names of settings in lower case."""

    name: str
    settings: list[tuple[str, str]] = field(default_factory=list)

    def all(self, setting: str) -> list[str]:
        """Values of a setting in their order."""
        return [value for name, value in self.settings if name == setting]

    def last(self, setting: str) -> str:
        """The value that counts; empty where there is none."""
        return (self.all(setting) or [""])[-1]


class Files:
    """Files below root; what could not be read is told in ``unread``."""

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root
        self.unread: list[str] = []
        self._on = self._units_that_are_on()

    def is_on(self, *patterns: str) -> bool:
        """Whether boot starts a unit with one of the names; patterns as in fnmatch."""
        return any(fnmatch.fnmatchcase(unit, pattern) for pattern in patterns for unit in self._on)

    def folder(self, folder: str, suffix: str = "") -> list[str]:
        """Paths in a folder by name, ``/etc/wireguard/wg0.conf``; none where it is not there."""
        try:
            with os.scandir(self._root / folder) as entries:
                names = [entry.name for dummy, entry in zip(range(MOST_FILES + 1), entries)]
        except FileNotFoundError:
            return []
        except OSError as error:
            self.unread.append(f"/{folder} could not be read: {error.strerror}")
            return []
        if len(names) > MOST_FILES:
            self.unread.append(f"/{folder} has more than {MOST_FILES} files, and the rest was not read")
        return [f"/{folder}/{name}" for name in sorted(names[:MOST_FILES]) if name.endswith(suffix)]

    def text(self, path: str) -> str:
        """The text of a file; empty where there is none, or where it cannot be read, which is noted."""
        try:
            return read_regular(self._root / path.lstrip("/"), LARGEST).text
        except FileNotFoundError:
            return ""
        except OSError as error:
            self.unread.append(f"{path} could not be read: {error.strerror}")
            return ""

    def sections(self, path: str) -> list[Section]:
        """Sections of a file, in their order."""
        found: list[Section] = []
        for line in _lines(self.text(path)):
            if line.startswith("[") and line.endswith("]"):
                found.append(Section(line[1:-1].strip().lower()))
            elif found and "=" in line:
                name, dummy, value = line.partition("=")
                found[-1].settings.append((name.strip().lower(), value.strip()))
        return found

    def lines(self, path: str) -> Iterator[str]:
        """Lines without blanks at their ends, and without comments."""
        return _lines(self.text(path))

    def _units_that_are_on(self) -> set[str]:
        """What a target or another unit pulls in: the links that ``systemctl enable`` makes, and those of packages."""
        found = set()
        for folder in _UNIT_FOLDERS:
            for path in self.folder(folder):
                if path.endswith(_PULLED_IN):
                    found |= {os.path.basename(unit) for unit in self.folder(path.lstrip("/"))}
        return found


def _lines(text: str) -> Iterator[str]:
    for raw in text.splitlines():
        line = raw.strip()
        if line and line[0] not in "#;":
            yield line
