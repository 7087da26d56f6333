"""Sums of samples, and whether this collection loses more than a bare restart. Pure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from tests.prober.measure import PHASES, WITH_PROXY_OFF, Sample
from tests.prober.paths import STRANGER

ALLOWED = 2.0
"""Lost connections a restart that are not told from chance: the first and the last one, since a restart begins and ends
anywhere between two connections."""
SIGMAS = 3.0
"""With some forty comparisons, two would be exceeded by chance in every run."""


@dataclass(frozen=True)
class Comparison:
    """Mean losses a restart on one way: ours, the bare restart's, and how much more is within the noise."""

    phase: str
    way: str
    ours: float
    bare: float
    noise: float

    @property
    def worse(self) -> bool:
        return self.ours > self.bare + self.noise


def losses(samples: Sequence[Sample], phase: str, way: str) -> list[int]:
    """Lost connections, one number a restart."""
    return [sample.count.lost for sample in samples if (sample.phase, sample.way) == (phase, way)]


def compare(samples: Sequence[Sample]) -> list[Comparison]:
    """Ours against the bare restart, on every way that the mode of docker-proxy leaves open."""
    sigma = _spread(samples)
    compared = []
    for phase in PHASES:
        for way in dict.fromkeys(sample.way for sample in samples):
            if not phase.bare or (way == STRANGER and phase.name in WITH_PROXY_OFF):
                continue
            ours, bare = losses(samples, phase.name, way), losses(samples, phase.bare, way)
            noise = max(ALLOWED, SIGMAS * sigma * math.sqrt(1 / len(ours) + 1 / len(bare)))
            compared.append(Comparison(phase.name, way, statistics.mean(ours), statistics.mean(bare), noise))
    return compared


def _spread(samples: Sequence[Sample]) -> float:
    """Standard deviation of the bare restarts' losses: how alike two restarts are on this machine."""
    groups = [
        losses(samples, phase.name, way)
        for phase in PHASES
        for way in {sample.way for sample in samples}
        if not phase.bare and not (way == STRANGER and phase.name in WITH_PROXY_OFF)
    ]
    freedom = sum(len(group) - 1 for group in groups)
    squares = sum((value - statistics.mean(group)) ** 2 for group in groups for value in group)
    return math.sqrt(squares / freedom) if freedom else 0.0
