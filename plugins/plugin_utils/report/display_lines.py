# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Lines for people on standard output, as text where people read it as it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ansible.constants import config
from ansible.utils.display import Display

_FOR_PEOPLE = ("default", "ansible.builtin.default")
"""Callbacks for standard output whose output people read as it is; with others it may be a program that reads."""


def show(lines: Sequence[str]) -> dict[str, Any]:
    """Print the lines and return nothing, or return them as ``report`` where the output is not for people."""
    if config.get_config_value("DEFAULT_STDOUT_CALLBACK") not in _FOR_PEOPLE:
        return {"report": list(lines), "_ansible_verbose_always": True}
    Display().display("\n" + "\n".join(lines) + "\n")
    return {}
