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


def show(lines: Sequence[str]) -> dict[str, Any]:
    """Print the lines, apart from others, and return nothing, or return them as ``report`` for what is no person."""
    return show_toned([Line(""), *(Line(text) for text in lines), Line("")])


def show_toned(lines: Sequence[Line]) -> dict[str, Any]:
    """Do the same with lines that have a tone, in colours, and with no empty line that is not among them."""
    if not lines:
        return {}
    if config.get_config_value("DEFAULT_STDOUT_CALLBACK") not in _FOR_PEOPLE:
        texts = "\n".join(line.text for line in lines).strip("\n")
        return {"report": texts.split("\n"), "_ansible_verbose_always": True}
    Display().display("\n".join(_coloured(lines)))
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
