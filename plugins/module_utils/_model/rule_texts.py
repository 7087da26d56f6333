# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Takes secrets out of what people wrote into rules: comments, prefixes of log lines, and texts that packets have.

Nothing of it decides what a rule does to a packet. The rest of a ruleset stays as it was read, to the letter.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace

from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Ruleset
from ansible_collections.dockernet.baseline.plugins.module_utils._model.secrets import mask_text

_QUOTED = r'"(?:[^"\\]|\\.)*"'
# As iptables-save and ipset save write them: in quotes if there is a blank in it, with backslashes before what counts.
_OF_SAVE = re.compile(
    rf"(?P<name> --(?:comment|log-prefix|nflog-prefix|string)| comment(?= \")) (?P<text>{_QUOTED}|[^\s\"]\S*)",
    re.DOTALL,
)
_OF_JSON = re.compile(rf'(?P<name>"(?:comment|prefix)"\s*:\s*)(?P<text>{_QUOTED})', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_TO_ESCAPE = re.compile(r"([\"'\\])")


def without_secrets(rules: Ruleset) -> Ruleset:
    """Return the rules with secrets in their texts masked."""
    return replace(
        rules,
        save={name: masked_save(text) for name, text in rules.save.items()},
        listed={name: masked_save(text) for name, text in rules.listed.items()},
        ipsets=None if rules.ipsets is None else masked_save(rules.ipsets),
        nft_json=None if rules.nft_json is None else masked_json(rules.nft_json),
    )


def masked_save(text: str) -> str:
    """Return what a save command wrote with secrets masked."""
    return _OF_SAVE.sub(_mask_save, text)


def masked_json(text: str) -> str:
    """Return what ``nft -j list ruleset`` wrote with secrets masked."""
    return _OF_JSON.sub(_mask_json, text)


def _mask_save(found: re.Match[str]) -> str:
    written = found["text"]
    quoted = written.startswith('"')
    text = _ESCAPED.sub(r"\1", written[1:-1] if quoted else written)
    masked = mask_text(text)
    if masked == text:
        return found.group()
    escaped = _TO_ESCAPE.sub(r"\\\1", masked)
    return f'{found["name"]} "{escaped}"' if quoted else f"{found['name']} {escaped}"


def _mask_json(found: re.Match[str]) -> str:
    try:
        text = json.loads(found["text"], strict=False)
    except ValueError:
        return found.group()
    masked = mask_text(text)
    return found.group() if masked == text else found["name"] + json.dumps(masked)
