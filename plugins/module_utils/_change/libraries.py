# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The one library that changes need and readings do not: whether it can be loaded, asked before anything is changed."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from ansible_collections.dockernet.baseline.plugins.module_utils._host.unreadable import missing_library

PYROUTE2 = "pyroute2"


def lacking(changes: Sequence[object]) -> dict[str, str]:
    """Return the libraries that these changes of links take and that cannot be loaded, each with a sentence on it."""
    if not changes:
        return {}
    try:
        # Loaded for real: a library that is there and does not load is of no use.
        import pyroute2  # noqa: F401
    except ImportError as error:
        return {PYROUTE2: missing_library(PYROUTE2, "python3-pyroute2", sys.executable, error).reason}
    return {}
