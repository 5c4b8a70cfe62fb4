"""The library under Python DSPy: its models as DSPy's, its adapters, its retriever.

Nothing here is imported until it is used, since it needs DSPy."""

from __future__ import annotations

from typing import Any

import dspy

from . import _core, _errors

try:
    from ._dspy_engine import LM, AsyncEngine, Engine
except ImportError:  # DSPy 3.3 has no engines
    from ._dspy_legacy import LM

    Engine = AsyncEngine = None  # type: ignore[assignment,misc]

__all__ = ["LM", "Adapter", "AsyncEngine", "Engine", "Retriever", "native_signature_of"]


class Adapter(dspy.Adapter):
    """One of the library's adapters under DSPy: its prompts, and its tolerant reader."""

    def __init__(self, name: str = "chat", **settings: Any):
        super().__init__(**settings)
        self.native = _core.Adapter(name)

    def format(self, signature: Any, demos: list, inputs: dict) -> list:
        asked = native_signature_of(signature)
        wanted = {field["name"] for field in asked.inputs}
        given = {name: value for name, value in inputs.items() if name in wanted}
        messages = self.native.render(asked, given, [dict(demo) for demo in demos])
        return [{"role": one["role"], "content": one["content"]} for one in messages]

    def parse(self, signature: Any, completion: str) -> dict:
        asked = native_signature_of(signature)
        try:
            return self.native.parse(asked, completion).toDict()
        except _errors.ParseError as error:
            raise dspy.utils.exceptions.AdapterParseError(
                adapter_name=f"dspy_cpp.{self.native.name}",
                signature=signature,
                lm_response=completion,
                parsed_result=error.facts.get("partial"),
                message=str(error),
            ) from error


class Retriever:
    """A store's passages for a question, in the form of DSPy's retrieval models:
    `retriever(question).passages`.
    """

    def __init__(self, store: Any, embedder: Any = None, k: int = 5, hybrid: bool = False):
        self.store = store if isinstance(store, _core.Store) else _core.Store(store)
        self.embedder = embedder
        self.k = k
        self.hybrid = hybrid

    def __call__(self, query: str, k: int | None = None) -> Any:
        vector = self.embedder([query])[0] if self.embedder is not None else None
        text = query if self.hybrid or vector is None else ""
        hits = self.store.search(vector=vector, text=text, k=k or self.k)
        return dspy.Prediction(passages=[hit["text"] for hit in hits], scores=[hit["score"] for hit in hits])


def native_signature_of(signature: Any) -> _core.NativeSignature:
    """DSPy's signature as the library's; kept on the class, as DSPy makes a class for each change."""
    kept = signature.__dict__.get("_dspy_cpp_native")
    if kept is not None and kept[0] == signature.instructions:
        return kept[1]
    from ._signatures import _MISSING, FieldInfo, _described
    from ._types import limits_of

    fields = {}
    for is_input, side in ((True, signature.input_fields), (False, signature.output_fields)):
        for name, field in side.items():
            extra = field.json_schema_extra or {}
            desc = extra.get("desc", "")
            default = _MISSING
            if not field.is_required():
                default = field.default_factory() if field.default_factory is not None else field.default
            fields[name] = (
                _native_annotation(field.annotation),
                FieldInfo(is_input, "" if desc == f"${{{name}}}" else desc, "", default, limits_of(tuple(field.metadata))),
            )
    made = _described(signature.__name__, fields, signature.instructions)
    type.__setattr__(signature, "_dspy_cpp_native", (signature.instructions, made))
    return made


def _native_annotation(annotation: Any) -> Any:
    """DSPy's own types by the library's names for them."""
    names = {"History": "dspy.History", "Image": "dspy.Image", "Audio": "dspy.Audio", "File": "dspy.File",
             "Reasoning": "dspy.Reasoning", "ToolCalls": "dspy.ToolCalls", "Tool": "dspy.Tool",
             "Document": "dspy.Document", "Citations": "dspy.Citations"}  # fmt: skip
    if isinstance(annotation, type) and getattr(annotation, "__module__", "").startswith("dspy."):
        if hasattr(annotation, "language"):  # dspy.Code["python"]
            return f'Code["{annotation.language}"]'
        return names.get(annotation.__name__, annotation)
    return annotation
