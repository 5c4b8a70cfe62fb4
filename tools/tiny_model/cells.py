"""The held-out cells that are measured: name, targets and how an item of each is made.

Every cell uses held-out names, cities, label combinations and operands (``TEST``); the cells called
"new wording" also use statement, question and ticket templates that training never sees; those
called "familiar names" use the listed names and cities, in texts that are new.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from corpus.arithmetic import arithmetic
from corpus.base import TEST, TEST_WORDING, TRAIN, Item, Split
from corpus.chat import chat
from corpus.extract import extract
from corpus.mapping import mapping, word_function
from corpus.qa import qa
from corpus.reviews import sentiment
from corpus.tools import tool_step
from corpus.triage import FIELDS, triage


@dataclass(frozen=True)
class Cell:
    """One row of the table. ``target`` is the accuracy asked for, if one was set."""

    name: str
    make: Callable[[random.Random], Item]
    target: float | None = None
    monitor: bool = False

    def items(self, count: int, seed: int = 5) -> list[Item]:
        """The cell's items, the same for the same seed."""
        rng = random.Random(f"{self.name}/{seed}")
        made = [self.make(rng) for _ in range(count)]
        for item in made:
            item.cell = self.name
        return made


def _ask(split: Split = TEST, **options) -> Callable[[random.Random], Item]:
    settings = {"shots": 0, "plain_labels": True, "reasoned": False, "style": None, "known": True}
    return lambda rng: qa(rng, split, **(settings | options))


def _sort(split: Split = TEST, **options) -> Callable[[random.Random], Item]:
    return lambda rng: triage(
        rng, split, **({"shots": 0, "plain_labels": True, "fields": FIELDS} | options)
    )


def _sum(reasoned: bool, **options) -> Callable[[random.Random], Item]:
    settings = {"shots": 0, "plain_labels": True, "reasoned": reasoned, "kind": "int"}
    return lambda rng: arithmetic(rng, TEST, **(settings | options))


def _map(kind: str, count: int, shots: int) -> Callable[[random.Random], Item]:
    return lambda rng: mapping(
        rng, TEST, kind=kind, count=count, shots=shots, listed=True, plain_labels=True
    )


def _step(kind: str, stage: int) -> Callable[[random.Random], Item]:
    return lambda rng: tool_step(rng, TEST, kind=kind, stage=stage, plain_labels=True)


def cells() -> list[Cell]:
    """All cells, in the order of the table."""
    demo = ["category", "priority", "refund_requested"]
    out = [
        Cell("triage: five fields", _sort(), 0.97, True),
        Cell("triage: five fields, new wording", _sort(TEST_WORDING), 0.60, True),
        Cell("triage: category, priority, refund", _sort(fields=demo), 0.97),
        Cell(
            "triage: category, priority, refund, new wording",
            _sort(TEST_WORDING, fields=demo),
            0.60,
        ),
    ]
    for n in (1, 2, 3, 4, 6):
        out.append(
            Cell(
                f"answer from {n} fact{'s' * (n > 1)}", _ask(passages=False, facts=n), 0.90, n == 4
            )
        )
    out += [
        Cell(
            "answer from 1-6 facts, with reasoning", _ask(passages=False, reasoned=True), 0.90, True
        ),
        Cell("answer from 1-6 facts, new wording", _ask(TEST_WORDING, passages=False), 0.60, True),
        Cell("unknown, 1-6 facts", _ask(passages=False, known=False), 0.80, True),
        Cell(
            "unknown, with reasoning", _ask(passages=False, known=False, reasoned=True), 0.80, True
        ),
        Cell("passages, 3-8 facts", _ask(passages=True), 0.80, True),
        Cell("passages, with reasoning", _ask(passages=True, reasoned=True), 0.80),
        Cell("passages, new wording", _ask(TEST_WORDING, passages=True), 0.60),
        Cell("passages, unknown", _ask(passages=True, known=False), 0.80, True),
        Cell("answer from 4 facts, familiar names", _ask(TRAIN, passages=False, facts=4)),
        Cell("passages, familiar names", _ask(TRAIN, passages=True)),
        Cell("unknown, familiar names", _ask(TRAIN, passages=False, known=False)),
        Cell("passages, 12 facts", _ask(passages=True, facts=12)),
    ]
    for style in ("sentence", "word", "lower", "upper"):
        make = _ask(passages=False, style=style)
        out.append(Cell(f"format: {style}", make, 0.80, style in ("sentence", "upper")))
    for label, worded, steps in (
        ("expression, 1 step", False, 1),
        ("expression, 2 steps", False, 2),
        ("word problem, 1 step", True, 1),
        ("word problem, 2 steps", True, 2),
        ("word problem, 3 steps", True, 3),
    ):
        options = {"worded": worded, "steps": steps}
        out.append(Cell(f"{label}, direct", _sum(False, **options), None, steps == 2 and worded))
        out.append(Cell(f"{label}, reasoned", _sum(True, **options), 0.70, steps == 2 and worded))
    for shots in (0, 1, 2, 4, 8):
        target = 0.85 if shots == 8 else None
        out.append(
            Cell(f"key labels, 2 labels, {shots} demos", _map("key", 2, shots), target, shots == 8)
        )
    for shots in (0, 1, 2, 4, 8):
        target = 0.85 if shots == 8 else None
        make = _map("category", 2, shots)
        out.append(Cell(f"category labels, 2 labels, {shots} demos", make, target, shots in (4, 8)))
    for shots in (0, 4, 8):
        out.append(Cell(f"category labels, 3 labels, {shots} demos", _map("category", 3, shots)))
    for kind in ("mood", "ticket"):
        for shots in (0, 4, 8):
            make = _map(kind, 2, shots)
            out.append(Cell(f"{kind} labels, 2 labels, {shots} demos", make, None, shots == 8))
    for kind, stages in (("calculate", 2), ("look", 2), ("price", 3)):
        for stage in range(stages):
            name = f"tool step: {kind} {stage + 1}"
            out.append(Cell(name, _step(kind, stage), 0.90, stage == 0))
    plain = {"shots": 0, "plain_labels": True}
    out += [
        Cell("sentiment, word", lambda r: sentiment(r, TEST, form="word", **plain)),
        Cell("sentiment, new wording", lambda r: sentiment(r, TEST_WORDING, form="word", **plain)),
        Cell(
            "extract name and 3 fields", lambda r: extract(r, TEST, fields=3, **plain), None, True
        ),
        Cell(
            "closed book: capitals",
            lambda r: chat(r, TEST, kind="capital", reasoned=False, **plain),
        ),
        Cell(
            "closed book: other facts",
            lambda r: chat(r, TEST, kind="fact", reasoned=False, **plain),
        ),
        Cell(
            "closed book: unanswerable",
            lambda r: chat(r, TEST, kind="unanswerable", reasoned=False, **plain),
        ),
        Cell("word function, named", lambda r: word_function(r, TEST, named=True, **plain)),
        Cell(
            "word function, 4 demos",
            lambda r: word_function(r, TEST, named=False, shots=4, plain_labels=True),
        ),
    ]
    return out
