# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Run on the controller before any plugin is loaded, so that Python keeps the bytecode of this collection's modules.

Ansible loads what a plugin imports from a collection with a loader of its own, which compiles every file anew in each
run (ansible.utils.collection_loader), though the bytecode of the plugin's own file is kept. Here that takes longer than
all else that a run takes to start. Managed hosts are sent an empty file in the place of this one.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import SOURCE_SUFFIXES, FileFinder, ModuleSpec, SourceFileLoader
from types import ModuleType


class BytecodeFinder(MetaPathFinder):
    """Finds the modules of one package for Python's own loader, which keeps their bytecode beside them (PEP 3147).

    Where it may not write there, or is not to, all is as without it. Packages are left to the finders after it.
    """

    def __init__(self, package: str) -> None:
        """Take the full name of the package."""
        self._within = f"{package}."

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return how to load a module of the package (importlib.abc.MetaPathFinder)."""
        if path is None or not fullname.startswith(self._within):
            return None
        found = (_finder(folder).find_spec(fullname, target) for folder in path)
        return next((spec for spec in found if spec is not None and spec.submodule_search_locations is None), None)


@functools.cache
def _finder(folder: str) -> FileFinder:
    return FileFinder(folder, (SourceFileLoader, SOURCE_SUFFIXES))


def keep_bytecode(package: str, loader: object) -> None:
    """Have the modules of a package found so ahead of the finder that brought its loader.

    Python's own are not told by the module that they are written in: where they load the package, nothing changes.
    """
    of_loader = type(loader).__module__
    places = [place for place, finder in enumerate(sys.meta_path) if type(finder).__module__ == of_loader]
    if places:
        sys.meta_path.insert(places[0], BytecodeFinder(package))


keep_bytecode(__name__, sys.modules[__name__].__loader__)
