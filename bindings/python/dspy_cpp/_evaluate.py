"""Evaluating programs."""

from __future__ import annotations

import os
import sys
from typing import Any, Callable, Iterable

from . import _core


class Evaluate:
    """Runs a program on a set of examples concurrently, and scores its answers.

    `metric(example, prediction)` returns a number, a bool, or `(score, feedback)`; one with a third argument also gets
    the trace, as in DSPy. An example whose program or metric fails gets `failure_score` and keeps its error."""

    def __init__(
        self,
        *,
        devset: Iterable[Any],
        metric: Callable,
        num_threads: int = 32,
        failure_score: float = 0.0,
        max_errors: int | None = None,
        display_progress: bool = False,
        checkpoint: str | os.PathLike | None = None,
        keeps_traces: bool = False,
    ):
        self.devset = list(devset)
        self.metric = metric
        self.options = {
            "concurrency": num_threads,
            "failure_score": failure_score,
            "max_errors": max_errors,
            "checkpoint": None if checkpoint is None else os.fspath(checkpoint),
            "keeps_traces": keeps_traces,
        }
        self.display_progress = display_progress

    def __call__(self, program: Any, metric: Callable | None = None, devset: Iterable[Any] | None = None) -> Any:
        """An EvaluationResult: `score` in percent, `results`, `interval`, `usage`, `to_html()`."""
        rows = self.devset if devset is None else devset
        progress = _show if self.display_progress else None
        result = _core._evaluate(program, rows, metric or self.metric, self.options, progress)
        if self.display_progress:
            print(file=sys.stderr)
        return result


def _show(line: str) -> None:
    print(f"\r{line:<100}", end="", file=sys.stderr, flush=True)
