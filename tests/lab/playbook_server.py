"""A program that runs ansible-playbook again and again, in forks of a process that has imported it.

Importing Ansible costs more processor time than most runs of one module do. So does importing what the collection has
for the controller, which Ansible compiles each time, and packing its module_utils for a host, which Ansible keeps in
its process's temporary folder: the forks share that folder. Apart from this each run is a process of its own that
starts from the same untouched state. playbook_runs.py is the other side.

Requests come from the socket that is standard input, until it is closed. Each is a message, JSON of
{"argv": [...], "environment": {...}}, with three descriptors: standard output and standard error of the run, and a
stream on which it tells its process id and, at its end, its exit status, a line each.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

MAX_REQUEST = 128 * 1024
DESCRIPTORS = 3
UNEXPECTED = 250
"""ansible-playbook's exit status when it ends by an exception that it did not expect."""
KINDS = ("inventory", "cache", "connection", "shell", "become", "callback", "strategy")
"""Of the plugins that each run of ansible-playbook loads; those for variables would find no group_vars later on."""
COLLECTION = "dockernet.baseline"
ACTIONS = ("docker_netcheck", "packet_trace", "bridge_network", "audit_report", "audit_host", "audit_summary")


def serve() -> None:
    """Fork for every request, until the other side closes the socket."""
    from ansible.cli.playbook import PlaybookCLI

    _import_plugins()
    # What the forks do not look through stays one copy in memory.
    gc.freeze()
    requests = socket.socket(fileno=os.dup(0))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    # Runs that have ended leave no zombies.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        message, descriptors, dummy_flags, dummy_address = socket.recv_fds(requests, MAX_REQUEST, DESCRIPTORS)
        if not message:
            return
        if os.fork() == 0:
            requests.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _run(json.loads(message), descriptors, PlaybookCLI.cli_executor)
        for descriptor in descriptors:
            os.close(descriptor)


def _import_plugins() -> None:
    """Import Ansible's plugins and the collection's, as a run does; none has a state of its own yet."""
    from ansible.plugins import loader
    from ansible.utils.collection_loader._collection_config import AnsibleCollectionConfig

    loader.init_plugin_loader()
    for kind in KINDS:
        list(getattr(loader, f"{kind}_loader").all(class_only=True))
    for name in ACTIONS:
        loader.action_loader.get(f"{COLLECTION}.{name}", class_only=True)
    # Each run installs its own.
    AnsibleCollectionConfig.collection_finder._remove()


def _run(request: dict[str, Any], descriptors: Sequence[int], main: Callable[[list[str]], object]) -> NoReturn:
    """Be ansible-playbook. What the forks share stays: nothing is run that a process does at its end."""
    out, err, told = descriptors
    status = UNEXPECTED
    os.dup2(out, 1)
    os.dup2(err, 2)
    os.set_inheritable(told, False)
    os.write(told, f"{os.getpid()}\n".encode())
    os.environ.update(request["environment"])
    sys.argv = request["argv"]
    try:
        main(sys.argv)
    except SystemExit as end:
        status = int(end.code or 0)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os.write(told, f"{status}\n".encode())
        os._exit(status)


if __name__ == "__main__":
    serve()
