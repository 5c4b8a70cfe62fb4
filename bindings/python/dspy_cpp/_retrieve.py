"""Embedders and stores."""

from __future__ import annotations

from typing import Any, Callable

from . import _core

Store = _core.Store


def Embedder(model: str | Callable, dimensions: int | None = None) -> _core.NativeEmbedder:
    """Turns texts into vectors: a URI such as `llama:bge-small`, or a function of a list of texts, of whose vectors the
    `dimensions` are said or tried out."""
    if isinstance(model, str):
        return _core.NativeEmbedder(model)
    if dimensions is None:
        import numpy

        dimensions = int(numpy.asarray(model(["dimensions"])).shape[1])
    return _core.NativeEmbedder._function(model, getattr(model, "__name__", "function"), dimensions)
