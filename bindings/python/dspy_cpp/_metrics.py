"""Metrics as users write them, and as the library calls them."""

from __future__ import annotations

from typing import Any, Callable


def adapted(function: Callable) -> Callable:
    """`function` with the five arguments with which the library calls it: example, prediction, trace (a list of
    `(path, inputs, prediction)`, or None), the predictor that feedback is for (or None), and whether the score decides
    about a demonstration. It may take two, three or five, as in DSPy."""
    count = _arguments(function)
    if count == 2:
        return lambda example, prediction, trace, predictor, strict: function(example, prediction)
    if count < 5:
        return lambda example, prediction, trace, predictor, strict: function(
            example, prediction, (trace or []) if strict else None
        )

    def whole(example: Any, prediction: Any, trace: Any, predictor: str | None, strict: bool) -> Any:
        part = [step for step in trace or [] if step[0] == predictor] if predictor else None
        return function(example, prediction, trace, predictor, part)

    return whole


def _arguments(function: Callable) -> int:
    import inspect

    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return 2
    if any(one.kind is inspect.Parameter.VAR_POSITIONAL for one in parameters):
        return 5
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    count = sum(one.kind in positional for one in parameters)
    if count < 2:
        raise TypeError("a metric takes an example and a prediction, and optionally a trace")
    return count


def parts(said: Any) -> tuple[float, str, dict[str, float]]:
    """Score, feedback and further objectives of what a metric returned."""
    if isinstance(said, tuple) and len(said) == 2:
        return float(said[0]), str(said[1]), {}
    if isinstance(said, dict) or hasattr(said, "score"):
        get = said.get if isinstance(said, dict) else lambda name, otherwise: getattr(said, name, otherwise)
        score = get("score", None)
        if score is None:
            raise TypeError("a metric's result has no `score`")
        return float(score), str(get("feedback", "") or ""), dict(get("objective_scores", None) or {})
    try:
        return float(said), "", {}
    except (TypeError, ValueError):
        raise TypeError(
            f"a metric returned a `{type(said).__name__}`; it returns a number, a bool, (score, feedback), or a "
            "Prediction with a `score`"
        ) from None
