"""Embedders and stores."""

from __future__ import annotations

from typing import Any, Callable

from . import _arrow, _core


class Store(_core.Store):
    """Stores and finds passages: a path for the embedded store, or a URI. Passages are dicts (`id`, `text`,
    `source`, `metadata`), or an Arrow table with such columns and, optionally, vectors in `vector`.
    """

    def upsert(self, passages: Any, vectors: Any = None) -> None:
        """Stores passages with their vectors: NumPy rows or an Arrow column, passed to C++ without
        copying.
        """
        if _arrow.is_table(passages):
            if vectors is None and "vector" in passages.column_names:
                vectors = passages.column("vector")
            passages = _arrow.passages(passages)
        super().upsert(passages, _arrow.matrix(vectors) if _arrow.is_column(vectors) else vectors)


def Embedder(model: str | Callable, dimensions: int | None = None) -> _core.NativeEmbedder:
    """Turns texts into vectors: a URI such as `llama:bge-small`, or a function of a list of texts, whose
    `dimensions` are given or determined by a trial call. `arrow_vectors` turns its result into an Arrow
    column.
    """
    if isinstance(model, str):
        return _core.NativeEmbedder(model)
    if dimensions is None:
        import numpy

        dimensions = int(numpy.asarray(model(["dimensions"])).shape[1])
    return _core.NativeEmbedder._function(model, getattr(model, "__name__", "function"), dimensions)
