"""Search by vector beside numpy, faiss, sqlite-vec, usearch and Chroma, on vectors such as those of bench-retrieve (384 numbers, 32 hidden
dimensions, k = 10), one thread. Times are CPU time a query; our own come from bench-retrieve in the same run.

    python3 -m venv build/peers && build/peers/bin/pip install numpy faiss-cpu apsw sqlite-vec usearch chromadb
    cmake --build build/release --target bench-retrieve
    build/peers/bin/python benchmarks/python/stores.py [ROWS]        # 100,000; a peer that is not installed is named, and left out
"""

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import json
import subprocess
import sys
import tempfile
import time

import numpy

ROWS = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
SIZE, HIDDEN, QUERIES, K, PARTS = 384, 32, 50, 10, 20
BENCH = "build/release/bin/bench-retrieve"


def draw(count, seed):
    mix = numpy.random.default_rng(1).standard_normal((HIDDEN, SIZE))
    vectors = numpy.random.default_rng(seed).standard_normal((count, HIDDEN)) @ mix
    return (vectors / numpy.linalg.norm(vectors, axis=1, keepdims=True)).astype(numpy.float32)


DATA, ASKED = draw(ROWS, 2), draw(QUERIES, 3)
TRUTH = [set(numpy.argsort(-(DATA @ query))[:K].tolist()) for query in ASKED]
PART = numpy.arange(ROWS) % PARTS
TRUTH_OF_PART = [set(numpy.flatnonzero(PART == i % PARTS)[numpy.argsort(-(DATA[PART == i % PARTS] @ q))[:K]].tolist()) for i, q in enumerate(ASKED)]


def measured(name, search, truth=TRUTH):
    """`search(i)` gives the ids for query `i`."""
    search(0)
    wall, start = time.perf_counter(), time.process_time()
    found = [search(i) for i in range(QUERIES)]
    each = (time.process_time() - start) / QUERIES * 1e3
    clock = (time.perf_counter() - wall) / QUERIES * 1e3
    recall = sum(len(truth[i] & {int(x) for x in ids}) for i, ids in enumerate(found)) / (QUERIES * K)
    print(f"{name:42} {each:9.3f} ms {clock:9.3f} ms by the clock   recall {recall:.3f}", flush=True)
    return each


def try_numpy():
    def search(i):
        scores = DATA @ ASKED[i]
        best = numpy.argpartition(-scores, K)[:K]
        return best

    measured("numpy, all vectors", search)


def try_faiss():
    import faiss

    faiss.omp_set_num_threads(1)
    index = faiss.IndexFlatIP(SIZE)
    index.add(DATA)
    measured("faiss Flat", lambda i: index.search(ASKED[i : i + 1], K)[1][0])


def try_sqlite_vec():
    import apsw  # Python's own sqlite3 is often built without extensions
    import sqlite_vec

    database = apsw.Connection(":memory:")
    database.enable_load_extension(True)
    database.load_extension(sqlite_vec.loadable_path())
    database.execute(f"CREATE VIRTUAL TABLE v USING vec0(part integer, vector float[{SIZE}] distance_metric=cosine)")
    rows = ((i, int(PART[i]), DATA[i].tobytes()) for i in range(ROWS))
    with database:
        database.executemany("INSERT INTO v(rowid, part, vector) VALUES (?, ?, ?)", rows)
    ask = "SELECT rowid FROM v WHERE vector MATCH ? AND k = ?"
    measured("sqlite-vec, all vectors", lambda i: [r[0] for r in database.execute(ask, (ASKED[i].tobytes(), K))])
    ask += " AND part = ?"
    measured(
        "sqlite-vec, a filter of 5 %",
        lambda i: [r[0] for r in database.execute(ask, (ASKED[i].tobytes(), K, i % PARTS))],
        TRUTH_OF_PART,
    )


def try_usearch():
    from usearch.index import Index

    index = Index(ndim=SIZE, metric="ip", dtype="f32", connectivity=16, expansion_add=128)
    index.add(numpy.arange(ROWS), DATA, threads=1)
    for breadth in (64, 128, 256):
        index.expansion_search = breadth
        measured(f"usearch, approximate, breadth {breadth}", lambda i: index.search(ASKED[i], K, threads=1).keys)


def try_chroma():
    import chromadb

    with tempfile.TemporaryDirectory() as folder:
        client = chromadb.PersistentClient(folder)
        made = client.create_collection("passages", metadata={"hnsw:space": "cosine", "hnsw:num_threads": 1})
        most = min(5_000, client.get_max_batch_size())
        for start in range(0, ROWS, most):
            end = min(ROWS, start + most)
            made.add(
                ids=[str(i) for i in range(start, end)],
                embeddings=DATA[start:end],
                metadatas=[{"part": int(PART[i])} for i in range(start, end)],
            )
        measured(
            "chromadb, a filter of 5 %",
            lambda i: made.query(query_embeddings=[ASKED[i]], n_results=K, where={"part": i % PARTS}, include=[])["ids"][0],
            TRUTH_OF_PART,
        )
        code = (
            "import chromadb, sys, time; start = time.perf_counter(); c = chromadb.PersistentClient(sys.argv[1]).get_collection('passages'); "
            "n = c.count(); middle = time.perf_counter(); c.query(query_embeddings=[[0.1] * %d], n_results=1); "
            "print((middle - start) * 1e3, (time.perf_counter() - start) * 1e3)" % SIZE
        )
        run = subprocess.run([sys.executable, "-c", code, folder], capture_output=True, text=True, check=True)
        print("chromadb, opening: %s ms to the count, %s to the first answer" % tuple(f"{float(x):.1f}" for x in run.stdout.split()))


def ours():
    run = subprocess.run(
        [BENCH, "--benchmark_format=json", "--benchmark_filter=read_memory|scan|graph|filtered|open"],
        env={**os.environ, "DSPY_BENCH_ROWS": str(ROWS)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for row in json.loads(run.stdout)["benchmarks"]:
        milliseconds = row["cpu_time"] * {"ns": 1e-6, "us": 1e-3, "ms": 1}[row["time_unit"]]
        clock = row["real_time"] * {"ns": 1e-6, "us": 1e-3, "ms": 1}[row["time_unit"]]
        recall = f"   recall {row['recall']:.3f}" if "recall" in row else ""
        print(f"ours: {row['name']:36} {milliseconds:9.3f} ms {clock:9.3f} ms by the clock{recall}", flush=True)


print(f"{ROWS} vectors of {SIZE} numbers")
for peer in (try_numpy, try_faiss, try_sqlite_vec, try_usearch, try_chroma):
    try:
        peer()
    except ImportError as missing:
        print(f"not measured: {missing}; install it as this file says")
if os.path.exists(BENCH):
    ours()
else:
    print(f"not measured: {BENCH} was not built")
