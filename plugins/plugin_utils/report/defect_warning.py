# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What is said where an error of this collection kept something from being read or judged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import listed

_NAMED = 5


def warning_of(defect: Mapping[str, Any]) -> str:
    """Return the warning for an entry of ``defects`` of the document."""
    parts = listed(defect["parts"], _NAMED)
    return (
        f"An error of dockernet.baseline itself, please report it: {defect['error']} at {defect['place']}. "
        f"Because of it unknown: {parts}"
    )
