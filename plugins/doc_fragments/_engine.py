# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this doc fragment is **PRIVATE** to the collection. It can have breaking changes at any time.
"""What modules need that ask the Docker Engine and the kernel."""

from __future__ import annotations


class ModuleDocFragment:
    """The engine's address, and the library of modules that change links."""

    DOCUMENTATION = r"""
options:
  docker_host:
    description:
      - Where the Docker Engine of this host listens. V(unix:///PATH), or V(tcp://ADDRESS:PORT) with V(localhost) or an
        address of the loopback interface (127.0.0.0/8, V([::1])). An engine elsewhere (V(ssh://HOST), another address)
        is refused, since the kernel and the files of this host say nothing about it; run the module there.
      - Where it is not given, E(DOCKER_HOST) of the environment on the host holds, as for Docker's own client. With
        C(become), sudo usually does not hand that variable on.
    type: str
    default: unix:///var/run/docker.sock
"""

    READING = r"""
options:
  read_timeout:
    description:
      - Seconds for all of the reading of the host. What has not been read by then is unknown, with the reason, and the
        rest is judged; the host's own file systems, kernel, programs and engine can make no module wait for longer.
      - A host with 1,000 containers takes two or three seconds.
    type: int
    default: 60
  judge_timeout:
    description:
      - Seconds for judging, on the controller, what was read of the host. Without an answer by then all of it is
        unknown, with the reason, so that what one host says cannot hold up a fleet. The same goes for memory, of which
        judging takes 1 GiB at most.
      - A host with 1,000 containers takes two or three seconds.
    type: int
    default: 60
"""

    CHANGES_LINKS = r"""
options: {}
requirements:
  - pyroute2 (Debian package python3-pyroute2), where bridge ports or links of containers are to be changed
"""
