# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Text of strangers in Markdown."""

from __future__ import annotations

import re

from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import safe

# The colon of an address, which would be a link without any brackets, too.
_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~&]|:(?=//))")
# A backslash keeps no @ from naming a user who is then notified; a comment after it does, and shows nothing.
_MENTION = re.compile(r"@(?=\w)")


def escaped(text: str) -> str:
    """Return text on one line that means nothing to Markdown, to the HTML that it may hold, or to GitHub and GitLab."""
    return _MENTION.sub("@<!-- -->", _SPECIAL.sub(r"\\\1", " ".join(safe(text).split())))
