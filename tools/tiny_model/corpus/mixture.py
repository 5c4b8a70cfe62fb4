"""How much of each skill the model sees, and when (a curriculum over the run's progress)."""

from __future__ import annotations

import random
from collections.abc import Callable

from .arithmetic import arithmetic
from .base import Item, RawText
from .chat import chat
from .extract import extract
from .mapping import mapping, pair_text, repeat_text, word_function
from .qa import qa, qa_turns
from .reviews import sentiment
from .tools import tool_step
from .triage import triage

Maker = Callable[[random.Random], Item | RawText]

MAKERS: dict[str, Maker] = {
    "qa": lambda r: qa(r, rivals=0.45),
    "qa turns": qa_turns,
    "long passages": lambda r: qa(r, facts=r.randint(9, 18), passages=True, shots=0),
    "triage": triage,
    "arithmetic": arithmetic,
    "one step": lambda r: arithmetic(r, steps=1),
    "tools": tool_step,
    "chat": chat,
    "sentiment": sentiment,
    "extract": extract,
    "function": word_function,
    "repeat": repeat_text,
    "pairs": pair_text,
    "key": lambda r: mapping(r, kind="key"),
    "category": lambda r: mapping(r, kind="category"),
    "true category": lambda r: mapping(r, true_labels=True, shots=r.choice((0, 0, 1, 2, 3))),
    "mood": lambda r: mapping(r, kind="mood"),
    "ticket labels": lambda r: mapping(r, kind="ticket"),
}

# Shares of documents (not of tokens) at points of the run; linear in between.
SCHEDULE: list[tuple[float, dict[str, float]]] = [
    (
        0.00,
        {"qa": 20, "triage": 8, "arithmetic": 10, "one step": 8, "tools": 4, "chat": 3, "sentiment": 2,
         "extract": 2, "repeat": 14, "pairs": 14, "key": 12, "true category": 4},
    ),
    (
        0.10,
        {"qa": 22, "triage": 10, "arithmetic": 12, "one step": 8, "tools": 5, "chat": 3, "sentiment": 2,
         "extract": 3, "repeat": 5, "pairs": 16, "key": 12, "true category": 6, "category": 3},
    ),
    (
        0.40,
        {"qa": 17, "qa turns": 7, "long passages": 1, "triage": 9, "arithmetic": 11, "one step": 3, "tools": 5,
         "chat": 3, "sentiment": 1.5, "extract": 2.5, "function": 1.5, "repeat": 1, "pairs": 16, "key": 11,
         "true category": 2, "category": 7, "mood": 1.5, "ticket labels": 0.5},
    ),
    (
        1.00,
        {"qa": 33, "qa turns": 9, "long passages": 1.5, "triage": 12, "arithmetic": 14, "one step": 3, "tools": 5,
         "chat": 4, "sentiment": 2, "extract": 3, "function": 2, "repeat": 0.5, "pairs": 1.5, "key": 2.5,
         "true category": 1, "category": 4.5, "mood": 2, "ticket labels": 1.5},
    ),
]  # fmt: skip


def shares(progress: float) -> dict[str, float]:
    """The share of each maker at a point of the run (0 to 1)."""
    for (t0, low), (t1, high) in zip(SCHEDULE, SCHEDULE[1:], strict=False):
        if progress <= t1:
            w = (progress - t0) / (t1 - t0)
            return {k: (1 - w) * low.get(k, 0) + w * high.get(k, 0) for k in MAKERS}
    return {k: SCHEDULE[-1][1].get(k, 0) for k in MAKERS}


def documents(rng: random.Random, progress: float, count: int) -> list[Item | RawText]:
    """``count`` documents as they are mixed at this point of the run."""
    mix = shares(progress)
    names = rng.choices(list(mix), weights=list(mix.values()), k=count)
    return [MAKERS[name](rng) for name in names]
