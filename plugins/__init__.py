# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""On the controller, before any plugin of the collection is loaded; managed hosts are sent an empty file instead."""

from __future__ import annotations

import sys

from ansible_collections.dockernet.baseline.plugins.plugin_utils.bytecode_cache import keep_bytecode

keep_bytecode(__name__, sys.modules[__name__].__loader__)
