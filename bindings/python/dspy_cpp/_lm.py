"""Language models."""

from __future__ import annotations

from typing import Any, Callable, Iterable

from . import _core
from ._identity import identity

LM = _core.LM


def ScriptedLM(replies: Iterable[str] | str | Callable[[dict], Any]) -> LM:
    """A model for tests: it answers with the given replies in turn, always with the same text, or with a
    function of the request.

    The function gets the request as a dict, and returns a text, or a reply as a dict. It is called where the caller
    waits, one call after the other on a thread; for one that waits itself, use `FunctionLM`.
    """
    if callable(replies):
        return _core._function_lm(replies, "scripted", f"scripted {identity(replies)}", False)
    if isinstance(replies, str):
        return _core._repeating(replies, f"scripted {identity(replies)}")
    texts = tuple(replies)
    return _core._scripted(texts, f"scripted {identity(texts)}")


def FunctionLM(function: Callable[[dict], Any], model: str | None = None) -> LM:
    """A model that is a Python function; calls run on threads of their own, so that several can wait at once.

    Optimizers and caches hold models for the same whose `fingerprint` is: that is the name `model`, and without one the
    function's code and what it holds. Name each model whose answers depend on something else."""
    return _core._function_lm(function, model or "function", model or f"function {identity(function)}", True)


def configure(lm: Any = None, adapter: str | None = None) -> None:
    """Sets the defaults for predictors without their own: an LM (or its URI), and an adapter by name."""
    _core._configure(lm, getattr(adapter, "name", adapter) or "")


class _Settings:
    """The current defaults."""

    @property
    def lm(self) -> LM | None:
        return _core._settings()[0]

    @property
    def adapter(self) -> str | None:
        return _core._settings()[1]


settings = _Settings()
