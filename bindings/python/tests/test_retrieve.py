"""Embedders and stores, with vectors of NumPy."""

import numpy
import pytest

import dspy_cpp as dspy


def vectors(texts):
    return [[float(text.count("a")), float(text.count("b")), 1.0] for text in texts]


def test_an_embedder_of_python():
    embed = dspy.Embedder(vectors)
    made = embed(["aa", "b"])
    assert made.dtype == numpy.float32 and made.shape == (2, 3)
    assert made.tolist() == [[2, 0, 1], [0, 1, 1]]


def test_an_embedder_that_returns_something_else_is_an_error():
    embed = dspy.Embedder(lambda texts: [[1.0, 2.0]], dimensions=2)
    with pytest.raises(dspy.BadInput, match="1 vectors"):
        embed(["a", "b"])


def test_a_store(tmp_path):
    store = dspy.Store(str(tmp_path / "docs.index"))
    texts = ["aaa", "bbb", "ab"]
    store.upsert([{"id": str(i), "text": text, "metadata": {"n": i}} for i, text in enumerate(texts)], numpy.array(vectors(texts)))
    assert len(store) == 3
    assert [hit["text"] for hit in store.search(vector=[1, 0, 0], k=2)] == ["aaa", "ab"]
    assert [hit["id"] for hit in store.search(text="bbb")] == ["1"]
    assert store.remove(["0"]) in (1, None)
    assert len(store) == 2
    with pytest.raises(dspy.InvalidParameter, match="2 vectors for 1"):
        store.upsert([{"id": "x", "text": "x"}], numpy.zeros((2, 3), numpy.float32))
