# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What decided, as a sentence."""

from __future__ import annotations

from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.flight import Passage
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import DROP, REJECT

_WORDS = {DROP: "drops", REJECT: "rejects"}


def decision_text(passage: Passage) -> str:
    """The rule or policy that ended a packet's way in a hook."""
    last = next((step for step in reversed(passage.steps) if step.chain is not None), None)
    if passage.verdict not in _WORDS:
        return "it cannot be told what happens" + (f": {passage.doubts[-1]}" if passage.doubts else "")
    if last is None or last.chain is None:
        return f"the {passage.steps[-1].hook if passage.steps else 'ruleset'} hook {_WORDS[passage.verdict]} it"
    place = f"{last.chain.table_name}, chain {last.chain.name}"
    if last.rule is None:
        return f"the policy of {place} {_WORDS[passage.verdict]} it"
    rule = f"rule {last.rule.number} of {place}"
    if passage.steps[-1] is not last:
        return f"{rule} gives it what another connection has, so connection tracking drops it: {last.rule.text}"
    return f"{rule} {_WORDS[passage.verdict]} it: {last.rule.text}"
