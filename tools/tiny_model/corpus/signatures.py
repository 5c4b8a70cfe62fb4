"""Helpers shared by the skills: default instructions and demonstrations."""

from __future__ import annotations

import random
from collections.abc import Callable

from .base import Field, Record

Example = tuple[Record, Record]


def default_instructions(inputs: list[Field], outputs: list[Field]) -> str:
    """The instructions a signature in arrow notation gets when it has none of its own."""
    given = ", ".join(f"`{f.name}`" for f in inputs)
    wanted = ", ".join(f"`{f.name}`" for f in outputs)
    return f"Given the fields {given}, produce the fields {wanted}."


def demonstrations(
    rng: random.Random, example: Callable[[], Example], shots: int | None
) -> list[Example]:
    """Zero to three demonstrations (mostly zero) or exactly ``shots``, then the question."""
    count = rng.choice((0, 0, 0, 0, 0, 0, 1, 2, 3)) if shots is None else shots
    return [example() for _ in range(count + 1)]
