# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Takes passwords out of what goes into a snapshot or a report."""

from __future__ import annotations

import re
from typing import Any

MASK = "********"

# The user's part of a URL ends at the last "@" before the path (RFC 3986, section 3.2.1). A mistyped scheme makes what
# follows no less of a secret.
_CREDENTIALS = re.compile(r"://[^/?#\s]*@")
_SECRET_NAME = re.compile(r"token|passw|secret|credential|api-?key|private-?key", re.IGNORECASE)
_SECRET_FLAG = re.compile(r"(?P<name>--(?:http|https)-proxy=|(?:^|=)[\w.-]*(?:token|passw|secret)[\w.-]*=).+", re.I)


def mask_text(text: str) -> str:
    """Return text with the credentials of every URL in it masked."""
    return _CREDENTIALS.sub(f"://{MASK}@", text)


def mask_argv(argv: list[str]) -> list[str]:
    """Return a command line with credentials, proxies and options named like secrets masked."""
    masked = []
    hide_next = False
    for word in argv:
        if hide_next:
            masked.append(MASK)
        else:
            masked.append(_SECRET_FLAG.sub(lambda found: f"{found.group('name')}{MASK}", mask_text(word)))
        hide_next = word in ("--http-proxy", "--https-proxy")
    return masked


def mask_values(values: dict[str, Any]) -> dict[str, Any]:
    """Return daemon.json's values with all of ``proxies``, values named like secrets and URL credentials masked."""
    return {key: _mask_all(item) if key == "proxies" else _mask(key, item) for key, item in values.items()}


def _mask(key: str, value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _mask(name, item) for name, item in value.items()}
    if isinstance(value, list):
        return [_mask(key, item) for item in value]
    if isinstance(value, str):
        return MASK if value and _SECRET_NAME.search(key) else mask_text(value)
    return value


def _mask_all(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _mask_all(item) for name, item in value.items()}
    return MASK if value else value
