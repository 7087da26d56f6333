# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts without Docker, for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.lab.host import Host
from tests.lab.kinds import KINDS

HIDE = r"""
for file in $(dpkg -L docker.io | grep -E 'bin/dockerd$|init\.d/docker$|system/docker\.(service|socket)$'); do
    mv "$file" "$file.away"
done
systemctl daemon-reload
"""
BRING_BACK = r"""
for file in $(dpkg -L docker.io); do [ ! -e "$file.away" ] || mv "$file.away" "$file"; done
systemctl daemon-reload
"""


@contextmanager
def hidden_docker(host: Host) -> Iterator[None]:
    """A host without Docker's program and units; a dockerd that runs goes on. Skips the test on an engine of ENGINE."""
    if host.release != KINDS[host.kind].engine:
        pytest.skip("dockerd is mounted over the package's, and a mount cannot be moved away")
    try:
        host.run(HIDE)
        yield
    finally:
        host.run(BRING_BACK)
