# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What nobody in the lab answers, though machines outside are predicted to answer whatever they are asked."""

from __future__ import annotations

from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import REQUEST, Path
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.reply_path import PASSED_ON

from tests.differential.far_machine import DEVICE, LAB_RANGES, OWN_RANGES


def leaves_for_nobody(path: Path) -> bool:
    """Whether a request leaves the host for a machine that is beyond the other uplink: rules chose the way.

    The one that stands for the internet holds whole ranges, some of those among them.
    """
    sent = [step for step in path.steps if (step.leg, step.place, step.action) == (REQUEST, "wire", "send")]
    return any(
        step.destination.lstrip("[").startswith(LAB_RANGES if step.outgoing == DEVICE else OWN_RANGES) for step in sent
    )


def is_lost_by_another_uplink(path: Path) -> bool:
    """Whether all that is not known of a path is if machines hand its answer on: those of the lab do not."""
    return bool(path.undetermined) and all(doubt.startswith(PASSED_ON) for doubt in path.undetermined)
