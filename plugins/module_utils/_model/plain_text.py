# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Makes data fit to leave the host as JSON in UTF-8."""

from __future__ import annotations

from typing import Any


def encodable(data: Any) -> Any:
    r"""Return plain data in which bytes that were no UTF-8 (PEP 383) are written out, as in ``\udcff``."""
    if isinstance(data, str):
        return data.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(data, dict):
        return {encodable(key): encodable(value) for key, value in data.items()}
    if isinstance(data, list):
        return [encodable(item) for item in data]
    return data
