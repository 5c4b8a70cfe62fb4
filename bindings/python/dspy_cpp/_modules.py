"""Programs: the library's modules, and your own classes built from them."""

from __future__ import annotations

import copy
import os
from typing import Any, Callable, Iterable, Iterator

from . import _core
from ._errors import ConfigError


class Module:
    """A program of your own: modules as attributes, and a `forward`.

        class Rag(dspy_cpp.Module):
            def __init__(self):
                self.query = dspy_cpp.Predict("question -> search_query")
                self.answer = dspy_cpp.ChainOfThought("passages, question -> answer")

            def forward(self, question):
                passages = search(self.query(question=question).search_query)
                return self.answer(passages=passages, question=question)

    A copy is `copy.deepcopy`. Predictors are found in attributes, lists and dicts.
    """

    def forward(self, **inputs: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} has no forward(self, …)")

    def __call__(self, **inputs: Any) -> Any:
        return self.forward(**inputs)

    async def acall(self, **inputs: Any) -> Any:
        """Awaitable form: `aforward` if there is one, otherwise `forward` on a thread."""
        aforward = getattr(self, "aforward", None)
        if aforward is not None:
            return await aforward(**inputs)
        import asyncio

        return await asyncio.to_thread(self, **inputs)

    def batch(self, rows: Iterable[Any], *, concurrency: int = 32, max_errors: int | None = None) -> list:
        """Runs the program on each row (examples or dicts) concurrently. Returns a list in their order, with
        a prediction or, if a run failed, its Error.
        """
        return _core._run_rows(self, rows, concurrency, max_errors)

    def _run(self, inputs: dict[str, Any]) -> Any:
        return self(**inputs)

    def named_sub_modules(self) -> Iterator[tuple[str, Any]]:
        """Every nested module, including itself, with its path."""
        seen: set[int] = set()

        def walk(value: Any, path: str) -> Iterator[tuple[str, Any]]:
            if isinstance(value, (Module, _core.Predictor, _core.NativeProgram)):
                if id(value) in seen:
                    return
                seen.add(id(value))
                yield path, value
                if isinstance(value, Module):
                    for name, part in vars(value).items():
                        yield from walk(part, f"{path}.{name}" if path else name)
            elif isinstance(value, (list, tuple)):
                for index, part in enumerate(value):
                    yield from walk(part, f"{path}[{index}]")
            elif isinstance(value, dict):
                for key, part in value.items():
                    yield from walk(part, f"{path}['{key}']")

        yield from walk(self, "")

    def _parts(self) -> list[tuple[str, Any]]:
        return [
            (path, part)
            for path, part in self.named_sub_modules()
            if isinstance(part, (_core.Predictor, _core.NativeProgram))
        ]

    def named_predictors(self) -> list[tuple[str, Any]]:
        """The predictors with their paths, as DSPy names them."""
        return [
            (f"{path}.predict" if getattr(part, "is_chain_of_thought", False) else path, part)
            for path, part in self._parts()
            if isinstance(part, _core.Predictor)
        ]

    def predictors(self) -> list[Any]:
        return [part for _, part in self.named_predictors()]

    def set_lm(self, lm: Any) -> None:
        """Makes every predictor use this LM."""
        for _, part in self._parts():
            part.set_lm(lm)

    def deepcopy(self) -> Any:
        return copy.deepcopy(self)

    def reset_copy(self) -> Any:
        """A copy without demonstrations."""
        made = copy.deepcopy(self)
        for predictor in made.predictors():
            predictor.demos = []
        return made


def save(self: Any, path: str | os.PathLike, *, known: str = "") -> None:
    """Writes the program's file: instructions, demonstrations, settings. Python DSPy's `load` reads it."""
    text = _core._file_text(self, known)
    temporary = f"{os.fspath(path)}.{os.getpid()}.tmp"
    with open(temporary, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def load(self: Any, path: str | os.PathLike, *, accept_changed: bool = False) -> None:
    """Loads a file, ours or one saved by Python DSPy, into the predictors of this program."""
    with open(path, encoding="utf-8") as file:
        _core._load_text(self, file.read(), accept_changed, False)


def dump_state(self: Any) -> str:
    """The text of the program's file."""
    return _core._file_text(self, "")


def load_state(self: Any, text: str) -> None:
    """Loads the text of a program's file."""
    _core._load_text(self, text, False, False)


class _Whole:
    """Common to predictors, native programs and modules."""

    save, load, dump_state, load_state = save, load, dump_state, load_state

    def set_lm(self, lm: Any) -> None:
        self.lm = lm


for _name in ("save", "load", "dump_state", "load_state"):
    setattr(Module, _name, globals()[_name])


class _Predictor(_Whole, _core.Predictor):
    _chain_of_thought = False

    def __init__(self, signature: Any, **settings: Any):
        super().__init__(signature, self._chain_of_thought, **settings)
        self._signature = signature

    @property
    def signature(self) -> Any:
        """The signature that the module was created with; `native_signature` is the one sent to the model."""
        return self._signature

    async def acall(self, **inputs: Any) -> Any:
        """The same as a call, to await. A task that is cancelled stops it."""
        return await _core.Predictor.acall(self, **inputs)

    def stream(self, **inputs: Any) -> Any:
        """Iterates over the pieces of the outputs as they are written; the last item is the Prediction."""
        return _core._stream(self, **inputs)

    async def astream(self, **inputs: Any) -> Any:
        """The same for `async for`."""
        import asyncio

        stream = self.stream(**inputs)
        end = object()
        try:
            while (piece := await asyncio.to_thread(next, stream, end)) is not end:
                yield piece
        finally:
            stream.close()

    def _parts(self) -> list[tuple[str, Any]]:
        return [("", self)]

    def named_predictors(self) -> list[tuple[str, Any]]:
        return [("predict" if self._chain_of_thought else "self", self)]

    def predictors(self) -> list[Any]:
        return [self]

    def _run(self, inputs: dict[str, Any]) -> Any:
        return self(**inputs)

    def __copy__(self) -> Any:
        made = type(self).__new__(type(self))
        _core.Predictor.__init__(made, "a -> b", False)
        made._become(self)
        made.__dict__.update(self.__dict__)
        return made

    def __deepcopy__(self, memo: dict) -> Any:
        made = self.__copy__()
        memo[id(self)] = made
        return made

    deepcopy = __copy__

    def reset_copy(self) -> Any:
        made = self.__copy__()
        made.demos = []
        return made

    def __reduce__(self) -> tuple:
        return _restored, (type(self), self._state(), self._signature)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.native_signature.notation})"


def _restored(kind: type, state: str, signature: Any) -> Any:
    made = kind.__new__(kind)
    _core.Predictor.__init__(made, "a -> b", False)
    made._become(_core.Predictor._from_state(state))
    made._signature = signature
    if not isinstance(signature, str):
        from ._signatures import native_signature

        made._same_converters(native_signature(signature))
    return made


class Predict(_Predictor):
    """Asks a model for the outputs of a signature: `Predict("question -> answer")(question="…").answer`.

    Settings: `lm`, `adapter`, `policy` (a dict: ask_again, rewrite, fallback, accept), and those of sampling
    (`temperature=0`, `max_tokens=…`)."""


class ChainOfThought(_Predictor):
    """Lets the model reason first: `Predict` with an additional first output `reasoning`."""

    _chain_of_thought = True


class _Native(_Whole, _core.NativeProgram):
    _asked: Any = None  # The signature that the whole was made for, where there is one.

    def __reduce__(self) -> tuple:
        raise ConfigError(
            f"a {type(self).__name__} cannot be pickled, as it holds functions; save its state with save(), and make it "
            "again where it is needed"
        )

    async def acall(self, **inputs: Any) -> Any:
        """The same as a call, to await. A task that is cancelled stops it."""
        return await _core.NativeProgram.acall(self, **inputs)

    def _run(self, inputs: dict[str, Any]) -> Any:
        return self(**inputs)

    batch = Module.batch

    def __deepcopy__(self, memo: dict) -> Any:
        made = type(self).__new__(type(self))
        _core.NativeProgram.__init__(made, self)
        made.__dict__.update(self.__dict__)
        memo[id(self)] = made
        return made

    __copy__ = deepcopy = lambda self: self.__deepcopy__({})

    def set_lm(self, lm: Any) -> None:
        _core.NativeProgram.set_lm(self, lm)


class ReAct(_Native):
    """An agent: it thinks, calls a tool and reads the result, until it can give the outputs. Tools are Python
    functions or `Tool`s; they run on their own threads.
    """

    def __init__(self, signature: Any, tools: Iterable[Any], max_iters: int = 20, **settings: Any):
        super().__init__(_core._react(signature, list(tools), max_iters=max_iters, **settings))
        self._asked = signature


class ProgramOfThought(_Native):
    """Lets the model write a Python program that computes the outputs, and runs it in a sandbox."""

    def __init__(self, signature: Any, max_iters: int = 3, **settings: Any):
        super().__init__(_core._program_of_thought(signature, max_iters, **settings))
        self._asked = signature


class CodeAct(_Native):
    """An agent that acts by writing Python, in which its tools are functions."""

    def __init__(self, signature: Any, tools: Iterable[Any], max_iters: int = 5, **settings: Any):
        super().__init__(_core._code_act(signature, list(tools), max_iters, **settings))
        self._asked = signature


class RLM(_Native):
    """Explores inputs far longer than any context: they are variables of a sandboxed Python, which the model
    examines with code. The code may call a model with `llm_query` and `llm_query_batched`, and tools by
    name.
    """

    def __init__(
        self,
        signature: Any,
        max_iterations: int = 20,
        max_llm_calls: int = 50,
        max_output_chars: int = 10_000,
        tools: Iterable[Any] = (),
        sub_lm: Any = None,
        **settings: Any,
    ):
        super().__init__(
            _core._rlm(
                signature,
                list(tools or ()),
                max_iterations=max_iterations,
                max_llm_calls=max_llm_calls,
                max_output_chars=max_output_chars,
                sub_lm=sub_lm,
                **settings,
            )
        )
        self._asked = signature


class Flow(_Native):
    """A program as data: a plan as a dict, or its file. Its steps run without Python, independent ones
    concurrently.
    """

    def __init__(self, plan: dict | str | os.PathLike):
        super().__init__(_core.flow(plan) if isinstance(plan, dict) else _core.load_flow(os.fspath(plan)))


def _asking(module: Any, inputs: dict[str, Any]) -> Any:
    """`module`, or a copy with the LM passed to the call as `lm`, which is removed from the inputs."""
    lm = inputs.get("lm")
    if not (isinstance(lm, _core.LM) or hasattr(lm, "native")):
        return module
    del inputs["lm"]
    made = copy.deepcopy(module)
    made.set_lm(lm)
    return made


class BestOfN(Module):
    """Runs a module up to `N` times and returns the answer with the highest reward. `reward_fn(inputs, prediction)`
    returns a number."""

    def __init__(self, module: Any, N: int, reward_fn: Callable, threshold: float = 1.0, fail_count: int = 0):  # noqa: N803
        self.module = module
        self._n = N
        self._reward = reward_fn
        self._threshold = threshold
        self._fail_count = fail_count

    def forward(self, **inputs: Any) -> Any:
        module = _asking(self.module, inputs)
        return _core._best_of_n(module, self._n, self._reward, self._threshold, self._fail_count, inputs)


class Refine(BestOfN):
    """Like `BestOfN`, but between runs a model is asked what each module should do differently. The reward
    may also be `(number, feedback)`."""

    def __init__(
        self,
        module: Any,
        N: int,  # noqa: N803
        reward_fn: Callable,
        threshold: float = 1.0,
        fail_count: int = 0,
        advice_lm: Any = None,
    ):
        super().__init__(module, N, reward_fn, threshold, fail_count)
        self._advice_lm = advice_lm

    def forward(self, **inputs: Any) -> Any:
        module = _asking(self.module, inputs)
        return _core._refine(
            module, self._n, self._reward, self._threshold, self._fail_count, self._advice_lm, inputs
        )

