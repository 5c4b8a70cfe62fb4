"""Optimizers: each has DSPy's name, options and defaults."""

from __future__ import annotations

import copy
import os
from typing import Any, Callable, Iterable

from . import _core


class Optimizer:
    """Takes a program and examples, and returns the best program that it measured; the one it was given stays as it is.

        better = dspy_cpp.BootstrapFewShot(metric=exact).compile(program, trainset=examples)

    What was tried is in `optimizer.report` (a dict) and `optimizer.report_html`."""

    def __init__(self, metric: Callable | None = None, **options: Any):
        self.options = dict(options)
        if metric is not None:
            self.options["metric"] = metric
        self.report: dict[str, Any] = {}
        self.report_html = ""

    def compile(
        self,
        student: Any,
        *,
        trainset: Iterable[Any],
        valset: Iterable[Any] | None = None,
        teacher: Any = None,
        num_threads: int = 32,
        checkpoint: str | os.PathLike | None = None,
        max_requests: int | None = None,
        max_tokens: int | None = None,
        max_rollouts: int | None = None,
        on_event: Callable[[str], Any] | None = None,
    ) -> Any:
        """Searches. With a `checkpoint`, an interrupted search goes on from there and asks nothing twice."""
        search: dict[str, Any] = {"concurrency": num_threads}
        if checkpoint is not None:
            search["checkpoint"] = os.fspath(checkpoint)
        for name, value in (("max_requests", max_requests), ("max_tokens", max_tokens), ("max_rollouts", max_rollouts)):
            if value is not None:
                search[name] = value
        options = {name: value for name, value in self.options.items() if value is not None or name == "auto"}
        text, self.report, self.report_html = _core._compile(
            type(self).__name__, options, student, list(trainset), valset, teacher, search, on_event
        )
        found = copy.deepcopy(student)
        _core._load_text(found, text, False, True)
        return found


class LabeledFewShot(Optimizer):
    """Gives each predictor training examples as demonstrations, as they are."""


class BootstrapFewShot(Optimizer):
    """Makes demonstrations of every step from training examples that the teacher answers well."""


class BootstrapFewShotWithRandomSearch(Optimizer):
    """Bootstraps from many orders of the training set, and returns what is best on the validation set."""


class BootstrapFewShotWithOptuna(Optimizer):
    """Bootstraps one pool of demonstrations, and searches which of them each predictor should have."""


class MIPROv2(Optimizer):
    """Searches instructions and demonstrations of all predictors together."""


class GEPA(Optimizer):
    """Evolves instructions by reflection: the metric's feedback is what the model learns from."""


class COPRO(Optimizer):
    """Coordinate ascent over instructions."""


class SIMBA(Optimizer):
    """Stochastic introspective mini-batch ascent."""


class InferRules(Optimizer):
    """Has a model infer rules from the training examples."""


class ReAnchor(Optimizer):
    """Fits how a program decides: thresholds, weights and cuts of decided outputs."""


BootstrapRS = BootstrapFewShotWithRandomSearch
