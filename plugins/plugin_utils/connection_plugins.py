# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Has the command ansible load the plugins with which hosts are reached once, and not for each host.

ansible-playbook loads them before it makes processes for hosts and tasks, which know them then. With the command
ansible each of these processes loads them, and reads their options from their documentation, in YAML: two fifths of
what such a process takes to reach a host.
"""

from __future__ import annotations

from typing import Any, cast

from ansible import constants, context
from ansible.plugins.loader import become_loader, connection_loader, shell_loader

_OF_OWN_ACTIONS = "local"
"""What Ansible gives to an action plugin that needs no connection."""
_SHELL = "sh"


def load_connection_plugins() -> None:
    """Load those that hosts are reached with unless their variables name others.

    An action plugin's file calls this: the process that makes all others loads it first.
    """
    arguments, settings = cast(Any, context).CLIARGS, cast(Any, constants)
    connection = arguments.get("connection") or settings.DEFAULT_TRANSPORT
    become = arguments.get("become_method") or settings.DEFAULT_BECOME_METHOD
    wanted = ((connection_loader, connection), (connection_loader, _OF_OWN_ACTIONS), (shell_loader, _SHELL))
    for loader, name in (*wanted, (become_loader, become)):
        cast(Any, loader).get(name, class_only=True)
