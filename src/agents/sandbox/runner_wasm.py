# How an interpreter in WebAssembly (Pyodide) reaches its host; runner_code.py follows it.  runner_wasm.mjs has the other
# side of `dspy_host`, and says what is limited before the first piece of code is read.
import dspy_host as host
import json, os, random, sys

config = json.loads(host.config)


def send(message):
    host.send(json.dumps(message, allow_nan=False, separators=(",", ":")))


def receive():
    return json.loads(host.receive())


def clock(seconds):
    host.clock(seconds)


def limit():
    random.seed()  # all interpreters that begin from one image of the memory have the same numbers
    os.environ.clear()
    os.environ.update(HOME="/tmp", TMPDIR="/tmp", LANG="C.UTF-8")
    os.chdir("/tmp")
    sys.meta_path[:] = [each for each in sys.meta_path if type(each).__module__ != "_pyodide._importhook"]
    for name in ("js", "pyodide_js", "_pyodide_core", "dspy_host"):
        sys.modules[name] = None
    return json.loads(host.layers)


