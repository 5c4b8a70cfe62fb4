"""Programs over HTTP, from this process."""

from __future__ import annotations

import atexit
import threading
from typing import Any

from . import _core
from ._errors import ConfigError


class Server:
    """A running server: `address` (`127.0.0.1:8080`), `url`, `stop()`. As a context manager it stops at the
    end of the block, otherwise when the process ends.
    """

    def __init__(self, native: Any):
        self._native = native
        self._stopped = threading.Event()
        _running.add(self)
        # Again, so that it runs before what ends the library, which was registered when that was imported.
        atexit.unregister(_stop_all)
        atexit.register(_stop_all)

    @property
    def address(self) -> str:
        """The address it listens on, with the actual port."""
        return self._native.address

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    def stop(self, patience: float = 10.0) -> bool:
        """Accepts no more requests, finishes those in progress, and returns whether all finished within the
        given seconds. A second call does nothing.
        """
        _running.discard(self)
        try:
            return self._native.stop(patience)
        finally:
            self._stopped.set()

    def wait(self) -> None:
        """Blocks until the server is stopped; Ctrl-C stops it."""
        try:
            while not self._stopped.wait(0.5):
                pass
        except KeyboardInterrupt:
            self.stop()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: Any) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"Server('{self.url}')"


_running: set[Server] = set()  # A server works until it is stopped, whether anybody holds it or not.


def _stop_all() -> None:
    for server in list(_running):
        server.stop(2.0)


def serve(
    program: Any = None,
    *,
    name: str = "program",
    signature: Any = None,
    programs: dict[str, Any] | None = None,
    models: dict[str, Any] | None = None,
    address: str = "127.0.0.1:0",
    key: str | None = None,
    concurrency: int = 256,
) -> Server:
    """Serves programs and models over HTTP, and returns at once.

        server = dspy_cpp.serve(program, address="127.0.0.1:8000")
        server.url, server.stop()

    `POST /v1/programs/NAME` runs one (also `:stream`, `:batch`); programs and models are models of the APIs of OpenAI,
    Anthropic and Ollama as well. `programs` are more of them by name; a class of your own needs its `signature`, as
    what it takes and returns is not known otherwise: `programs={"rag": (program, "question -> answer")}`. Each is a
    copy of what it is now.

    With a `key`, requests must show it (`Authorization: Bearer …`); an address that other machines can reach needs
    one."""
    offered: dict[str, tuple[Any, Any]] = {}
    if program is not None:
        offered[name] = (program, signature)
    for each, given in (programs or {}).items():
        if each in offered:
            raise ConfigError(f"two programs are called `{each}`; give one of them another name")
        offered[each] = given if isinstance(given, tuple) else (given, None)
    if not offered and not models:
        raise ConfigError("there is nothing to serve; give a program, or `programs`, or `models`")
    native = _core._serve(
        [(each, given, _signature_of(each, given, asked)) for each, (given, asked) in offered.items()],
        list((models or {}).items()),
        address,
        key,
        concurrency,
    )
    return Server(native)


def _signature_of(name: str, program: Any, asked: Any) -> Any:
    if asked is not None:
        return asked
    if isinstance(program, _core.Predictor):
        return program.native_signature
    known = getattr(program, "_asked", None)
    if known is None and hasattr(program, "module"):  # BestOfN, Refine
        return _signature_of(name, program.module, None)
    if known is None:
        raise ConfigError(
            f"what `{name}` takes and returns is not known of a {type(program).__name__}; say its `signature`, such as "
            "'question -> answer'"
        )
    return known
