"""Our remote stores beside the plain loop of MemoryStore, on real servers.

Chroma's server comes from its package, PostgreSQL with pgvector from the system's. Of Milvus and Qdrant there are milvus-lite and
the local mode of qdrant-client, behind bridges to the REST interfaces (milvus_bridge.py, qdrant_bridge.py). Exits with 77
(skipped) where none of them is installed:

    python3 -m venv build/stores && build/stores/bin/pip install chromadb milvus-lite pymilvus qdrant-client
    apt-get install postgresql-18-pgvector
    ctest --test-dir build/release -L service
"""

import os
import pathlib
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

CHROMA = pathlib.Path("build/stores/bin/chroma")
PYTHON = pathlib.Path("build/stores/bin/python")
PROBE = sys.argv[1]


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_for(is_there, server, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if server.poll() is not None:
            sys.exit(f"the server ended with {server.returncode}")
        if is_there():
            return
        time.sleep(0.3)
    sys.exit(f"no server within {seconds} s")


def probe(uri):
    return subprocess.run([PROBE, uri], timeout=120).returncode


def stop(server):
    server.terminate()
    server.wait(timeout=20)


def try_chroma():
    command = CHROMA if CHROMA.exists() else shutil.which("chroma")
    if not command:
        print("skipped: there is no chroma; install it as this file says")
        return None

    def answers():
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v2/heartbeat", timeout=2):
                return True
        except OSError:
            return False

    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        server = subprocess.Popen(
            [command, "run", "--path", folder, "--host", "127.0.0.1", "--port", str(port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_for(answers, server)
            return probe(f"chroma://127.0.0.1:{port}/probe")
        finally:
            stop(server)


def try_bridge(name, modules, uris):
    """A server in Python over what a package has of a store; `uris` are paths and options of stores to try."""
    python = str(PYTHON) if PYTHON.exists() else sys.executable
    if subprocess.run([python, "-c", f"import {modules}"], capture_output=True).returncode != 0:
        print(f"skipped: there is no {modules}; install it as this file says")
        return None

    def answers():
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", port)) == 0

    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        server = subprocess.Popen(
            [python, f"tests/service/{name}_bridge.py", str(port), folder],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_for(answers, server)
            return max(probe(f"{name}://127.0.0.1:{port}/{uri}") for uri in uris)
        finally:
            stop(server)


def try_milvus():
    return try_bridge("milvus", "milvus_lite, pymilvus", ["plain", "graph?index=hnsw"])


def try_qdrant():
    return try_bridge("qdrant", "qdrant_client", ["plain"])


def try_postgres():
    with_vectors = sorted(pathlib.Path("/usr/share/postgresql").glob("*/extension/vector.control"), reverse=True)
    programs = [pathlib.Path("/usr/lib/postgresql") / path.parts[4] / "bin" for path in with_vectors]
    programs = [path for path in programs if (path / "initdb").exists()]
    if not programs:
        print("skipped: there is no PostgreSQL with pgvector; install it as this file says")
        return None
    user = None
    if os.geteuid() == 0:  # PostgreSQL does not run as root
        user = "postgres" if any(entry.pw_name == "postgres" for entry in pwd.getpwall()) else "nobody"
    name = user or pwd.getpwuid(os.geteuid()).pw_name
    with tempfile.TemporaryDirectory() as folder:
        if user:
            shutil.chown(folder, user)
        data = f"{folder}/data"
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "user": user, "cwd": folder}
        subprocess.run([programs[0] / "initdb", "-D", data, "-A", "trust", "-E", "UTF8", "--no-sync"], check=True, **quiet)
        port = free_port()
        server = subprocess.Popen(
            [programs[0] / "postgres", "-D", data, "-p", str(port), "-h", "127.0.0.1", "-k", folder], **quiet
        )
        ready = [programs[0] / "pg_isready", "-h", "127.0.0.1", "-p", str(port)]
        try:
            wait_for(lambda: subprocess.run(ready, **quiet).returncode == 0, server)
            uri = f"postgres://{name}@127.0.0.1:{port}/postgres"
            codes = [probe(f"{uri}?table=plain"), probe(f"{uri}?table=public.indexed&index=hnsw")]
            return max(codes)
        finally:
            stop(server)


results = [result for result in (try_chroma(), try_milvus(), try_qdrant(), try_postgres()) if result is not None]
sys.exit(max(results, default=77))
