# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Connection tracking: the checks, in the order in which reports show them."""

from __future__ import annotations

from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import Check
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.conntrack import stale

CHECKS: tuple[Check, ...] = (stale.CHECK,)
