# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The one library that changes need and readings do not, asked for before anything is changed."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import Refusal
from ansible_collections.dockernet.baseline.plugins.module_utils._host.unreadable import missing_library


def demand_pyroute2(changes: Sequence[object]) -> None:
    """Raise Refusal, naming the package, when there are changes of links to make and pyroute2 cannot be loaded."""
    if not changes:
        return
    try:
        # Loaded for real: a library that is there and does not load is of no use.
        import pyroute2  # noqa: F401
    except ImportError as error:
        raise Refusal(missing_library("pyroute2", "python3-pyroute2", sys.executable, error).reason) from error
