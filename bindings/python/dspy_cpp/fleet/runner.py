"""Runs a program on rows, in a separate process that exchanges one JSON object per line."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from typing import Any, Iterable

Row = dict[str, Any]


class RunnerError(RuntimeError):
    """The program cannot be run: its file, its model or the command line `dspy` is at fault."""


def find_binary() -> str:
    """The command line: `$DSPY_BINARY`, else `dspy` on the path."""
    found = os.environ.get("DSPY_BINARY") or shutil.which("dspy")
    if not found:
        raise RunnerError("the program `dspy` was not found; install it, or set DSPY_BINARY to its path")
    return found


class ProgramRunner:
    """Runs a saved program on rows concurrently; answers come in the order of the rows.

    A flow runs in this process where the package's engine is installed, unless `options` (flags of `dspy run`) are
    given; anything else in a process of its own, which starts with the first row, and again where it died: in a child
    that was forked, after it was killed.  Pickles as its options.  Thread-safe; rows of different threads wait for
    each other.
    """

    def __init__(
        self,
        program: str,
        model: str | None = None,
        *,
        concurrency: int = 16,
        options: Iterable[str] = (),
        restarts: int = 2,
    ) -> None:
        if not 1 <= concurrency <= 256:
            raise ValueError(f"concurrency is {concurrency}; allow 1 to 256 rows at a time")
        self.program = os.fspath(program)
        self.model = model
        self.concurrency = concurrency
        self.options = tuple(options)
        self.restarts = restarts
        self._forget()

    def _forget(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0
        self._native: Any = None
        self._native_owner = 0
        self._lock = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if not name.startswith("_")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._forget()

    def fields(self) -> tuple[list[str], list[str]]:
        """Names of the program's inputs and outputs."""
        command = [find_binary(), "bulk", "fields", self.program]
        found = subprocess.run(command, capture_output=True, text=True, check=False)
        if found.returncode != 0:
            raise RunnerError(found.stderr.strip() or found.stdout.strip())
        names = json.loads(found.stdout)
        return names["inputs"], names["outputs"]

    def run(self, rows: Iterable[Row]) -> list[Row]:
        """An answer for each row: `{"outputs", "usage", …}`, or `{"error": {"kind", "message", …}}`."""
        waiting = list(rows)
        if not waiting:
            return []
        with self._lock:
            native = self._in_process()
            if native is not None:
                return [_answer_of(each) for each in native.batch(waiting, concurrency=self.concurrency)]
            answers: list[Row] = []
            for attempt in range(self.restarts + 1):
                try:
                    self._exchange(waiting[len(answers) :], answers)
                    return answers
                except (BrokenPipeError, EOFError) as failure:
                    said = self._bury()
                    if attempt == self.restarts:
                        raise RunnerError(
                            f"the program `{self.program}` ended {attempt + 1} times after {len(answers)} of "
                            f"{len(waiting)} rows: {said or failure}"
                        ) from failure
            raise AssertionError("unreachable")

    def _in_process(self) -> Any:
        """The flow in this process, or None where there can be none."""
        if self._native_owner != os.getpid():
            self._native, self._native_owner = None, os.getpid()
            try:
                from dspy_cpp import LM, Error, Flow
            except ImportError:
                return None
            if self.options:
                return None
            try:
                flow = Flow(self.program)
            except Error:
                return None  # no plan: a program of one predictor, or what the command line tells better
            if self.model:
                flow.set_lm(LM(self.model))
            self._native = flow
        return self._native

    def _exchange(self, rows: list[Row], answers: list[Row]) -> None:
        process = self._running()
        assert process.stdin is not None and process.stdout is not None
        lines = b"".join(json.dumps(row, ensure_ascii=False, allow_nan=False).encode() + b"\n" for row in rows)
        broken: list[BaseException] = []

        def write() -> None:
            try:
                process.stdin.write(lines)
                process.stdin.flush()
            except (OSError, ValueError) as failure:
                broken.append(failure)

        writer = threading.Thread(target=write, daemon=True)
        writer.start()
        try:
            for _ in rows:
                line = process.stdout.readline()
                if not line.endswith(b"\n"):
                    raise EOFError("it closed its output")
                answers.append(json.loads(line))
        finally:
            writer.join(timeout=10)
        if broken:
            raise BrokenPipeError(str(broken[0]))

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._owner != os.getpid():
            self._process = None  # the parent's, not ours to end
        if self._process is not None and self._process.poll() is not None:
            self._bury()
        if self._process is None:
            command = [find_binary(), "run", self.program, "--inputs", "/dev/stdin", "--jobs", str(self.concurrency)]
            if self.model:
                command += ["--model", self.model]
            command += self.options
            # What it says goes to the worker's own log.
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            self._owner = os.getpid()
        return self._process

    def _bury(self) -> str:
        process, self._process = self._process, None
        if process is None:
            return ""
        process.kill()
        code = process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:
                    pass
        return f"exit status {code}; its log says why"

    def close(self) -> None:
        """Ends the process.  The next row starts another."""
        with self._lock:
            if self._owner == os.getpid():
                self._bury()
            self._process = None

    def __enter__(self) -> ProgramRunner:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_process", None) is not None and self._owner == os.getpid():
            self._bury()


def _answer_of(result: Any) -> Row:
    """What `dspy run` prints of a row."""
    if isinstance(result, Exception):
        return {"error": {"kind": getattr(result, "kind", "error"), "message": str(result)}}
    return {"outputs": dict(result.items()), "usage": result.get_lm_usage()}
