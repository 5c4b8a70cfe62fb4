"""Our remote stores beside the plain loop of MemoryStore, on real servers.

Chroma's server comes from its package; exits with 77 (skipped) where it is not installed:

    python3 -m venv build/stores && build/stores/bin/pip install chromadb
    ctest --test-dir build/release -L service
"""

import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

CHROMA = pathlib.Path("build/stores/bin/chroma")
PROBE = sys.argv[1]

if not CHROMA.exists() and not shutil.which("chroma"):
    print("skipped: there is no chroma; install it as this file says")
    sys.exit(77)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_for(url, server, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if server.poll() is not None:
            sys.exit(f"the server ended with {server.returncode}")
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.3)
    sys.exit(f"no server at {url} within {seconds} s")


with tempfile.TemporaryDirectory() as folder:
    port = free_port()
    command = [CHROMA if CHROMA.exists() else "chroma", "run", "--path", folder, "--host", "127.0.0.1", "--port", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(f"http://127.0.0.1:{port}/api/v2/heartbeat", server)
        code = subprocess.run([PROBE, f"chroma://127.0.0.1:{port}/probe"], timeout=120).returncode
    finally:
        server.terminate()
        server.wait(timeout=20)
sys.exit(code)
