# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""docker-proxy on or off, as a goal for daemon.json. Pure."""

from __future__ import annotations

from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.daemon_file import CurrentConfig
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.daemon_goal import (
    Goal,
    KeyWish,
    Target,
    flag_conflict,
    keys_goal,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import Refusal
from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_json import flattened
from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_keys import reload_blockers
from ansible_collections.dockernet.baseline.plugins.module_utils._model.proxy_state import KEY


def proxy_goal(*, enabled: bool) -> Goal:
    """Return the goal that has the next start use docker-proxy, or not.

    On is the default, so the key goes then; a true that is written out stays where it does no harm.
    """

    def goal(config: CurrentConfig) -> Target:
        if not enabled:
            return keys_goal([KeyWish(KEY, value=False)])(config)
        if config.flags.get(KEY) is False:
            raise Refusal(flag_conflict(config, KEY))
        harmless = flattened(config.values).get(KEY) is True and not reload_blockers(config.values, {}, config.release)
        wishes = [] if harmless else [KeyWish(KEY, present=False)]
        return Target(keys_goal(wishes)(config).text, frozenset({KEY}))

    return goal
