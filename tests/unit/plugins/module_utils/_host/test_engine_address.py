# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""docker_host names a socket of this host, whole, or nothing at all."""

from __future__ import annotations

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.dockernet.baseline.plugins.module_utils._host import engine_api
from ansible_collections.dockernet.baseline.plugins.module_utils._host.engine_api import (
    EngineAddress,
    parse_engine_address,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.host_module import HostModule
from ansible_collections.dockernet.baseline.plugins.module_utils._model.unread import UnreadableError


@pytest.mark.parametrize(
    ("docker_host", "address"),
    [
        ("unix:///var/run/docker.sock", EngineAddress("/var/run/docker.sock")),
        ("http+unix:///run/docker.sock", EngineAddress("/run/docker.sock")),
        # No part of a path means anything else.
        ("unix:///run/a?b#c@d:1", EngineAddress("/run/a?b#c@d:1")),
        ("tcp://127.0.0.1:2376", EngineAddress(host="127.0.0.1", port=2376)),
        ("tcp://127.200.0.9:1", EngineAddress(host="127.200.0.9", port=1)),
        ("tcp://127.0.0.1", EngineAddress(host="127.0.0.1", port=2375)),
        ("tcp://localhost:65535/", EngineAddress(host="localhost", port=65535)),
        ("tcp://[::1]:2375", EngineAddress(host="::1", port=2375)),
        ("tcp://[::1]", EngineAddress(host="::1", port=2375)),
    ],
)
def test_sockets_of_this_host(docker_host: str, address: EngineAddress) -> None:
    assert parse_engine_address(docker_host) == address


@pytest.mark.parametrize(
    "docker_host",
    [
        *("tcp://127.evil.example", "tcp://127.evil.example:2375", "tcp://127.0.0.1.evil.example", "tcp://127.1"),
        *("tcp://localhost@evil.example", "tcp://127.0.0.1@evil.example:2375", "tcp://u:p@localhost:2375"),
        *("tcp://localhost.evil.example", "tcp://localhostile", "tcp://LOCALHOST", "tcp://127.0.0.01:2375"),
        *("tcp://[::1]evil", "tcp://[::1].evil.example:2375", "tcp://[::2]:2375", "tcp://::1:2375", "tcp://[::1"),
        *(
            "tcp://[127.0.0.1]:2375",
            "tcp://[::ffff:127.0.0.1]:2375",
            "tcp://[localhost]",
            "tcp://[]:1",
            "tcp://[::1%1]",
        ),
        *("tcp://127.0.0.1:0", "tcp://127.0.0.1:65536", "tcp://127.0.0.1:", "tcp://127.0.0.1:-1", "tcp://127.0.0.1:x"),
        *("tcp://127.0.0.1:2375/path", "tcp://127.0.0.1:2375?a", "tcp://127.0.0.1:2375#a", "tcp://127.0.0.1:2375\n"),
        *("tcp://127.0.0.1:\u0662375", "tcp://\uff11\uff12\uff17.0.0.1", "tcp://192.0.2.1:2375", "tcp://0.0.0.0:2375"),
        *(
            "tcp://",
            "tcp:///run/docker.sock",
            "ssh://localhost",
            "http://localhost:2375",
            "fd://",
            "npipe:////./pipe/x",
        ),
        *("unix://", "unix://run/docker.sock", "unix://@name", "unix:///run/\0docker.sock", "UNIX:///run/docker.sock"),
        *("", "/var/run/docker.sock", " unix:///run/docker.sock", "127.0.0.1:2375", "localhost"),
    ],
)
def test_whatever_else_is_refused_by_name(docker_host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_api, "EngineConnection", None)
    for ask in (parse_engine_address, engine_api.fetch):
        with pytest.raises(UnreadableError, match=r"docker_host \(or DOCKER_HOST\) is '.*', .*allowed: unix:///"):
            ask(docker_host)


def test_a_password_is_not_shown() -> None:
    with pytest.raises(UnreadableError) as raised:
        parse_engine_address("tcp://user:geheim@192.0.2.1:2375")
    assert "geheim" not in raised.value.reason


@pytest.mark.parametrize(
    ("given", "environment", "effective"),
    [
        (None, None, "unix:///var/run/docker.sock"),
        (None, "", "unix:///var/run/docker.sock"),
        (None, "tcp://127.0.0.1:2375", "tcp://127.0.0.1:2375"),
        # Refused by its name when the engine is asked.
        (None, "ssh://user@other", "ssh://user@other"),
        ("unix:///run/mine.sock", "ssh://user@other", "unix:///run/mine.sock"),
    ],
)
def test_the_environment_of_the_host_is_asked_where_no_option_is_given(
    given: str | None, environment: str | None, effective: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if environment is None:
        monkeypatch.delenv("DOCKER_HOST", raising=False)
    else:
        monkeypatch.setenv("DOCKER_HOST", environment)
    spec = {"docker_host": {"type": "str", "default": "unix:///var/run/docker.sock"}}
    with patch_module_args({} if given is None else {"docker_host": given}):
        assert HostModule(spec).params["docker_host"] == effective
    # The controller reads the same specification, and has another environment.
    assert "fallback" not in spec["docker_host"]
