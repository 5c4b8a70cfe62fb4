"""Embedders and stores."""

from __future__ import annotations

from typing import Any, Callable

from . import _arrow, _core


class Store(_core.Store):
    """Where passages are kept and found: a path of the embedded store, or a URI.

    Passages are dicts (`id`, `text`, `source`, `metadata`), or a table of Arrow with such columns and, if there are
    any, their vectors in `vector`."""

    def upsert(self, passages: Any, vectors: Any = None) -> None:
        """Keeps passages with their vectors: rows of NumPy, or a column of Arrow, which go into C++ without a copy."""
        if _arrow.is_table(passages):
            if vectors is None and "vector" in passages.column_names:
                vectors = passages.column("vector")
            passages = _arrow.passages(passages)
        super().upsert(passages, _arrow.matrix(vectors) if _arrow.is_column(vectors) else vectors)


def Embedder(model: str | Callable, dimensions: int | None = None) -> _core.NativeEmbedder:
    """Turns texts into vectors: a URI such as `llama:bge-small`, or a function of a list of texts, of whose vectors the
    `dimensions` are said or tried out. `arrow_vectors` makes a column of Arrow of what it returns."""
    if isinstance(model, str):
        return _core.NativeEmbedder(model)
    if dimensions is None:
        import numpy

        dimensions = int(numpy.asarray(model(["dimensions"])).shape[1])
    return _core.NativeEmbedder._function(model, getattr(model, "__name__", "function"), dimensions)
