# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this doc fragment is **PRIVATE** to the collection. It can have breaking changes at any time.
"""What the modules of this collection promise about check mode, diff mode and repeated runs."""

from __future__ import annotations


class ModuleDocFragment:
    """The attributes that each module states its support for."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description:
      - Can run in check mode and says what it would change, without changing it.
  diff_mode:
    description:
      - Returns what differs, before and after, when in diff mode.
  idempotent:
    description:
      - A second run with the same options, on a host that was not changed in between, reports no change.
  platform:
    description:
      - The operating systems that this works on.
    platforms: linux
    support: full
"""

    # Further, for modules that change the host and report in check mode what they would change.
    CHANGE = r"""
options: {}
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
"""

    ACTIONGROUP_DOCKERNET = r"""
options: {}
attributes:
  action_group:
    description:
      - Use C(group/dockernet.baseline.dockernet) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - dockernet.baseline.dockernet
"""
