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


def test_arrow_columns_go_in_without_a_copy(tmp_path):
    pa = pytest.importorskip("pyarrow")
    from dspy_cpp import _arrow

    texts = ["aaa", "bbb", "ab"]
    made = dspy.Embedder(vectors)(texts)
    column = dspy.arrow_vectors(made)
    assert column.type == pa.list_(pa.float32(), 3)
    assert column.values.buffers()[1].address == made.ctypes.data
    assert _arrow.matrix(column).ctypes.data == made.ctypes.data
    table = pa.table({"id": ["0", "1", "2"], "text": texts, "metadata": [{"n": 1}, {"n": None}, {"n": 3}], "vector": column})
    store = dspy.Store(str(tmp_path / "docs.index"))
    store.upsert(table)
    hits = store.search(vector=[1, 0, 0], k=1)
    assert (hits[0]["text"], hits[0]["metadata"]) == ("aaa", {"n": 1})
    # Chunks, slices, doubles and lists of any length are taken too.
    chunked = pa.chunked_array([column.slice(0, 1), column.slice(1)])
    assert _arrow.matrix(chunked).tolist() == made.tolist()
    assert _arrow.matrix(column.slice(1)).tolist() == made[1:].tolist()
    assert _arrow.matrix(pa.array(made.tolist())).tolist() == made.tolist()
    with pytest.raises(ValueError, match="without one"):
        _arrow.matrix(pa.array([[1.0], None], pa.list_(pa.float32(), 1)))
    with pytest.raises(ValueError, match="no column `extra`"):
        store.upsert(table.append_column("extra", pa.array([1, 2, 3])))
