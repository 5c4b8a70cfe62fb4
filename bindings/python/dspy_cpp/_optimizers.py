"""Optimizers: each has DSPy's name, options and defaults."""

from __future__ import annotations

import copy
import os
from typing import Any, Callable, Iterable

from . import _core
from ._modules import _Native


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
        text = self._search(
            _core._compile, student, trainset, valset, teacher, num_threads, checkpoint, max_requests, max_tokens,
            max_rollouts, on_event,
        )  # fmt: skip
        found = copy.deepcopy(student)
        _core._load_text(found, text, False, True)
        return found

    def _search(
        self, run: Callable, student: Any, trainset: Iterable[Any], valset: Any, teacher: Any, num_threads: int,
        checkpoint: Any, max_requests: Any, max_tokens: Any, max_rollouts: Any, on_event: Any,
    ) -> Any:  # fmt: skip
        search: dict[str, Any] = {"concurrency": num_threads}
        if checkpoint is not None:
            search["checkpoint"] = os.fspath(checkpoint)
        for name, value in (("max_requests", max_requests), ("max_tokens", max_tokens), ("max_rollouts", max_rollouts)):
            if value is not None:
                search[name] = value
        options = {name: value for name, value in self.options.items() if value is not None or name == "auto"}
        found, self.report, self.report_html = run(
            type(self).__name__, options, student, list(trainset), valset, teacher, search, on_event
        )
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


class KNNFewShot(Optimizer):
    """Gives each call demonstrations of its own: the training examples nearest to its inputs, as the teacher answered
    them. What it returns is a program that runs the student so."""

    def __init__(self, k: int, trainset: Iterable[Any], vectorizer: Any, metric: Callable | None = None, **bootstrap: Any):
        super().__init__(metric, k=k, vectorizer=vectorizer, **bootstrap)
        self._trainset = list(trainset)

    def compile(  # type: ignore[override]
        self,
        student: Any,
        *,
        teacher: Any = None,
        valset: Iterable[Any] | None = None,
        num_threads: int = 32,
        max_requests: int | None = None,
        max_tokens: int | None = None,
        on_event: Callable[[str], Any] | None = None,
    ) -> Any:
        """The teacher answers every training example once. With a validation set and a metric the student is measured
        too, and returned if it is the better one."""
        found = self._search(
            _core._compile_whole, student, self._trainset, valset, teacher, num_threads, None, max_requests, max_tokens,
            None, on_event,
        )  # fmt: skip
        return _Compiled(found, student)


class BetterTogether(Optimizer):
    """Applies optimizers one after the other, and returns the best stage by the validation set:
    `BetterTogether(metric, strategy="p -> q", p=GEPA(…), q=MIPROv2(…))`."""

    def __init__(
        self,
        metric: Callable,
        *,
        strategy: str,
        valset_ratio: float | None = None,
        shuffle_trainset_between_steps: bool | None = None,
        seed: int | None = None,
        **optimizers: Optimizer,
    ):
        stages = {}
        for name, stage in optimizers.items():
            if not isinstance(stage, Optimizer):
                raise TypeError(f"`{name}` is not an optimizer of dspy_cpp, but a {type(stage).__name__}")
            if isinstance(stage, (KNNFewShot, BetterTogether)):
                raise TypeError(f"`{name}`: a {type(stage).__name__} cannot be one of several stages")
            options = {key: value for key, value in stage.options.items() if value is not None or key == "auto"}
            stages[name] = (type(stage).__name__, options)
        super().__init__(
            metric,
            strategy=strategy,
            valset_ratio=valset_ratio,
            shuffle_trainset_between_steps=shuffle_trainset_between_steps,
            seed=seed,
            optimizers=stages,
        )


class ReAnchor(Optimizer):
    """Fits how a program decides: thresholds, weights and cuts of decided outputs."""


BootstrapRS = BootstrapFewShotWithRandomSearch


class _Compiled(_Native):
    """A program that an optimizer made whole."""

    def __init__(self, made: Any, student: Any):
        super().__init__(made)
        self._asked = getattr(student, "_asked", None) or getattr(student, "signature", None)
