# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Lines for a person on Ansible's standard output: as text where people read it, in the result where programs do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ansible.constants import config
from ansible.utils.color import stringc
from ansible.utils.display import Display
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.findings_table import WAIVED, Line

_FOR_PEOPLE = ("default", "ansible.builtin.default")
"""Callbacks for standard output whose output people read as it is; with others it may be a program that reads."""
_COLOURS = {
    "high": "COLOR_ERROR",
    "medium": "COLOR_CHANGED",
    "low": "COLOR_SKIP",
    "unknown": "COLOR_WARN",
    WAIVED: "COLOR_DEBUG",
}
"""Ansible's own settings for colours, which users may have changed, by the tone of a line."""


def shown(display: Display, lines: Sequence[Line]) -> dict[str, Any]:
    """Show the lines as text, or return what a result needs for them to be shown in it."""
    if config.get_config_value("DEFAULT_STDOUT_CALLBACK") not in _FOR_PEOPLE:
        return {"report": [line.text for line in lines], "_ansible_verbose_always": True}
    display.display("\n".join(_coloured(lines)))
    return {}


def _coloured(lines: Sequence[Line]) -> list[str]:
    """Colour the lines by their kind on a terminal, unless a log is written, which would get the colours, too."""
    if config.get_config_value("DEFAULT_LOG_PATH"):
        return [line.text for line in lines]
    return [_coloured_line(line) for line in lines]


def _coloured_line(line: Line) -> str:
    if line.tone not in _COLOURS or not line.text:
        return line.text
    return str(stringc(line.text, config.get_config_value(_COLOURS[line.tone])))
