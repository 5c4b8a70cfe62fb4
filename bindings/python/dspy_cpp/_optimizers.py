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

    _whole = False
    """What it makes is more than instructions and demonstrations, so the program itself is returned."""

    def compile(
        self,
        student: Any,
        *,
        trainset: Iterable[Any],
        valset: Iterable[Any] | None = None,
        teacher: Any = None,
        num_threads: int = 32,
        checkpoint: str | os.PathLike | None = None,
        on_event: Callable[[str], Any] | None = None,
        **search: Any,
    ) -> Any:
        """Searches. With a `checkpoint`, an interrupted search goes on from there and asks nothing twice.

        `search` may limit it (`max_requests`, `max_tokens`, `max_rollouts`, `time_limit` in seconds), and say what a run
        costs (`token_price` for each 1,000 tokens, `time_price` for each second), what a failed example counts
        (`failure_score`), how often a model that cannot be reached is asked (`attempts`, `retry_delay` in seconds),
        whether requests are seeded (`seeds_requests`), and whether the checkpoint outlasts a power cut (`durable`)."""
        search["concurrency"] = num_threads
        if checkpoint is not None:
            search["checkpoint"] = os.fspath(checkpoint)
        run = _core._compile_whole if self._whole else _core._compile
        found, self.report, self.report_html = run(
            type(self).__name__, self._given(), student, list(trainset), valset, teacher,
            {name: value for name, value in search.items() if value is not None}, on_event,
        )  # fmt: skip
        if self._whole:
            return _Compiled(found, student)
        made = copy.deepcopy(student)
        _core._load_text(made, found, False, True)
        return made

    def _given(self) -> dict[str, Any]:
        """The options that were set; GEPA's and MIPROv2's `auto` may be set to nothing."""
        return {name: value for name, value in self.options.items() if value is not None or name == "auto"}


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


class InstructionProposer:
    """How GEPA has instructions written: `skills` are texts that say how to write such instructions,
    `additional_instructions` what is wanted of them; one longer than `max_chars` is sent back once, and dropped if it
    stays longer."""

    def __init__(
        self,
        skills: Iterable[str] | None = None,
        additional_instructions: str | None = None,
        max_chars: int | None = None,
    ):
        self.options = {
            "skills": None if skills is None else list(skills),
            "additional_instructions": additional_instructions,
            "max_chars": max_chars,
        }


class GEPA(Optimizer):
    """Evolves instructions by reflection: the metric's feedback is what the model learns from.

    `frontier_type` (`instance`, `objective`, `hybrid` or `cartesian`) says what a program must be the best at to be gone
    on from, `component_selector` (`round_robin` or `all`) which predictors are changed at a time. An
    `instruction_proposer` is an `InstructionProposer`, or a function of DSPy's
    `(candidate, reflective_dataset, components_to_update)`."""

    def __init__(self, metric: Callable | None = None, *, instruction_proposer: Any = None, **options: Any):
        if isinstance(instruction_proposer, InstructionProposer):
            super().__init__(metric, **instruction_proposer.options, **options)
        else:
            super().__init__(metric, instruction_proposer=instruction_proposer, **options)


class COPRO(Optimizer):
    """Coordinate ascent over instructions."""


class SIMBA(Optimizer):
    """Stochastic introspective mini-batch ascent."""


class InferRules(Optimizer):
    """Has a model infer rules from the training examples."""


class KNNFewShot(Optimizer):
    """Gives each call demonstrations of its own: the training examples nearest to its inputs, as the teacher answered
    them. What it returns is a program that runs the student so."""

    _whole = True

    def __init__(self, k: int, trainset: Iterable[Any], vectorizer: Any, metric: Callable | None = None, **bootstrap: Any):
        super().__init__(metric, k=k, vectorizer=vectorizer, **bootstrap)
        self._trainset = list(trainset)

    def compile(self, student: Any, **settings: Any) -> Any:  # type: ignore[override]
        """The teacher answers every training example once. With a validation set and a metric the student is measured
        too, and returned if it is the better one. Takes what other optimizers take, but for the training set."""
        return super().compile(student, trainset=self._trainset, **settings)


class BootstrapFinetune(Optimizer):
    """Trains the model itself on what a teacher, or the student, did well. `trainer` is a command of yours, a list of
    words in which `{data}`, `{output}` and `{name}` are filled in; `folder` gets data, weights and logs; `open` makes the
    LM from a predictor's name (or `all`) and the file of weights, or gives its URI:

        BootstrapFinetune(metric, folder="lora", trainer=["python3", "train.py", "{data}", "{output}"],
                          open=lambda name, weights: f"llama:base.gguf?lora={weights}")

    What it returns is a program that asks that model."""

    _whole = True


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
            stages[name] = (type(stage).__name__, stage._given())
            self._whole = self._whole or stage._whole
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
