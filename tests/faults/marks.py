"""Which tests run where: on one kind of host each in `make test`, everywhere in `make faults`."""

from __future__ import annotations

import os

import pytest

from tests.lab.kinds import KINDS

FULL = bool(os.environ.get("KILLS"))


def short_on(*kinds: str) -> pytest.MarkDecorator:
    """These kinds of hosts in a short run, all of them in a full one."""
    return pytest.mark.kinds(*(KINDS if FULL else kinds))
