"""Metrics that compare texts and values, as DSPy's do. They run without entering Python."""

from __future__ import annotations

from ._core import Metric, equal, exact_match, f1, hotpot_f1, normalize_text, passage_match

#: DSPy's names for two of them.
answer_exact_match = exact_match()
answer_passage_match = passage_match()

__all__ = [
    "Metric",
    "answer_exact_match",
    "answer_passage_match",
    "equal",
    "exact_match",
    "f1",
    "hotpot_f1",
    "normalize_text",
    "passage_match",
]
