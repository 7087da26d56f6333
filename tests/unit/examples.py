"""How many examples the tests of properties try: few in `make test` (SHARE=short), more in `make test-long`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from tests.lab.shares import SHORT, wanted_share


def examples(few: int, many: int) -> int:
    """The number of examples for Hypothesis."""
    return few if wanted_share() == SHORT else many


def seeds(few: int, values: Sequence[int]) -> list[Any]:
    """Parameters for a test, of which all but the first few are marked `long`."""
    return [*values[:few], *(pytest.param(value, marks=pytest.mark.long) for value in values[few:])]
