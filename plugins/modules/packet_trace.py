#!/usr/bin/python
# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Its documentation is in packet_trace.yml beside it, since what is in here goes to hosts.

# What it does is done by the action plugin of the same name, on the controller.

from __future__ import annotations
