"""Which listener the kernel chooses."""

from __future__ import annotations

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Listener
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.namespace import Sockets
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import parse_address

ANY4, ANY6 = "0.0.0.0", "::"  # noqa: S104


@pytest.mark.parametrize(
    ("listeners", "destination", "device", "owner"),
    [
        ([Listener("tcp", ANY4, 80, owner="any")], "192.0.2.1", "eth0", "any"),
        (
            [Listener("tcp", ANY4, 80, owner="any"), Listener("tcp", "192.0.2.1", 80, owner="own")],
            "192.0.2.1",
            "eth0",
            "own",
        ),
        ([Listener("tcp", "127.0.0.1", 80, owner="lo")], "192.0.2.1", "eth0", ""),
        ([Listener("tcp", ANY6, 80, owner="dual")], "192.0.2.1", "eth0", "dual"),
        (
            [Listener("tcp", ANY6, 80, owner="dual"), Listener("tcp", ANY4, 80, owner="four")],
            "192.0.2.1",
            "eth0",
            "four",
        ),
        ([Listener("tcp", ANY6, 80, only_ipv6=True, owner="six")], "192.0.2.1", "eth0", ""),
        ([Listener("tcp", ANY6, 80, only_ipv6=True, owner="six")], "2001:db8::1", "eth0", "six"),
        ([Listener("tcp", ANY4, 80, owner="four")], "2001:db8::1", "eth0", ""),
        ([Listener("tcp", "::ffff:192.0.2.1", 80, owner="mapped")], "192.0.2.1", "eth0", "mapped"),
        ([Listener("tcp", ANY4, 80, device="eth1", owner="bound")], "192.0.2.1", "eth0", ""),
        (
            [Listener("tcp", ANY4, 80, owner="any"), Listener("tcp", ANY4, 80, device="eth1", owner="bound")],
            "192.0.2.1",
            "eth1",
            "bound",
        ),
        ([Listener("udp", ANY4, 80, owner="udp")], "192.0.2.1", "eth0", ""),
        ([Listener("tcp", ANY4, 81, owner="other")], "192.0.2.1", "eth0", ""),
    ],
)
def test_most_specific_listener(listeners: list[Listener], destination: str, device: str, owner: str) -> None:
    for order in (listeners, listeners[::-1]):
        found = Sockets(order).find("tcp", *parse_address(destination), 80, device)
        assert (found.owner if found else "") == owner
