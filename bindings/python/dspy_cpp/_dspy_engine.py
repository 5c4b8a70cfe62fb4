"""The library's models as engines of DSPy 3.4 and later."""

from __future__ import annotations

import json
import queue
import threading
from typing import Any, Iterator

import dspy
from dspy import lm15

from . import _core, _errors

_LM15_ERRORS = {
    "authentication_failed": "AuthError",
    "billing_error": "BillingError",
    "rate_limit_exceeded": "RateLimitError",
    "refused": "InvalidRequestError",
    "invalid_parameter": "InvalidRequestError",
    "bad_input": "InvalidRequestError",
    "context_too_long": "ContextLengthError",
    "timeout": "TimeoutError",
    "deadline_exceeded": "TimeoutError",
    "unavailable": "ServerError",
    "backend_error": "ServerError",
    "inference_failed": "ServerError",
    "model_not_found": "UnsupportedModelError",
    "model_load_error": "UnsupportedModelError",
    "unsupported": "UnsupportedFeatureError",
    "config_error": "NotConfiguredError",
    "stream_broken": "TransportError",
}


def _as_lm15(error: _errors.Error) -> Exception:
    """DSPy classifies by the class of an engine's error, never by its words."""
    kind = getattr(lm15, _LM15_ERRORS.get(error.kind, ""), None)
    if kind is None:
        return error
    if kind is lm15.UnsupportedFeatureError:
        return kind(str(error), feature=error.facts.get("feature") or None)
    return kind(str(error))


def _part(part: Any) -> dict:
    kind = part.type
    if kind == "text":
        return {"type": "text", "text": part.text}
    if kind == "thinking":
        return {"type": "reasoning", "text": part.text}
    if kind == "tool_call":
        return {"type": "tool_call", "id": part.id, "name": part.name, "input": dict(part.input)}
    if kind == "tool_result":
        content = [_part(one) for one in part.content]
        return {"type": "tool_result", "id": part.id, "name": part.name or "", "content": content, "is_error": part.is_error}
    if kind == "refusal":
        return {"type": "refusal", "text": part.text}
    if kind == "citation":
        return {"type": "citation", "url": part.url or "", "title": part.title or "", "text": part.text or ""}
    if kind == "data":
        return {"type": "data", "value": part.value}
    media = {"type": kind, "media_type": part.media_type}
    for name in ("data", "url", "file_id", "path", "detail"):
        value = getattr(part, name, None)
        if value:
            media[name] = str(value)
    return media


def _request(request: lm15.Request) -> dict:
    messages = []
    if request.system is not None:
        parts = request.system if isinstance(request.system, str) else [_part(one) for one in request.system]
        messages.append({"role": "system", "content": parts})
    for message in request.messages:
        messages.append({"role": message.role, "content": [_part(one) for one in message.parts]})
    config = request.config
    sampling = {
        name: getattr(config, name)
        for name in ("max_tokens", "temperature", "top_p", "top_k", "seed", "frequency_penalty", "presence_penalty", "logprobs")
        if getattr(config, name) is not None
    }
    if config.stop:
        sampling["stop"] = list(config.stop)
    out: dict[str, Any] = {"messages": messages, "sampling": sampling}
    contract = _contract(config.response_format)
    if contract is not None:
        out["contract"] = contract
    if request.tools:
        out["tools"] = [_tool(tool) for tool in request.tools]
    if config.tool_choice is not None:
        choice: dict[str, Any] = {}
        if config.tool_choice.mode != "auto":
            choice["mode"] = config.tool_choice.mode
        if config.tool_choice.allowed:
            choice["allowed"] = list(config.tool_choice.allowed)
        if config.tool_choice.parallel is not None:
            choice["parallel"] = config.tool_choice.parallel
        out["tool_choice"] = choice
    provider: dict[str, Any] = {}
    if config.reasoning is not None:
        provider["reasoning"] = {"effort": config.reasoning.effort}
        if config.reasoning.thinking_budget is not None:
            provider["reasoning"]["budget_tokens"] = config.reasoning.thinking_budget
    for name in ("service_tier", "user_id", "store", "extensions"):
        value = getattr(config, name)
        if value is not None:
            provider[name] = value
    if provider:
        out["provider"] = provider
    return out


def _contract(wanted: Any) -> dict | None:
    """DSPy asks for any JSON object, or one that matches a schema: both are contracts, which are enforced on
    a local model.
    """
    if wanted is None:
        return None
    schema = wanted.get("schema") or wanted.get("json_schema")
    if schema is None:
        return {"form": "schema", "grammar": '{"type": "object"}'}
    if "schema" in schema and "type" not in schema:
        schema = schema["schema"]
    out = {"form": "schema", "grammar": json.dumps(schema)}
    if wanted.get("name"):
        out["name"] = wanted["name"]
    if wanted.get("strict") is not None:
        out["strict"] = wanted["strict"]
    return out


def _tool(tool: Any) -> dict:
    if tool.type == "builtin":
        return {"name": tool.name, "builtin": tool.name, "options": dict(tool.config or {})}
    return {"name": tool.name, "description": tool.description or "", "parameters": dict(tool.parameters)}


def _usage(usage: dict) -> lm15.Usage:
    return lm15.Usage(
        input_tokens=usage.get("prompt_tokens"),
        output_tokens=usage.get("completion_tokens"),
        total_tokens=usage.get("reported_total"),
        cache_read_tokens=usage.get("cache_read_tokens"),
        cache_write_tokens=usage.get("cache_write_tokens"),
        reasoning_tokens=usage.get("reasoning_tokens"),
    )


def _parts(completion: dict) -> list:
    parts: list[Any] = []
    if completion.get("reasoning"):
        parts.append(lm15.ThinkingPart(completion["reasoning"]))
    if completion.get("text") or not completion.get("tool_calls"):
        parts.append(lm15.TextPart(completion.get("text", "")))
    for call in completion.get("tool_calls", ()):
        parts.append(lm15.ToolCallPart(id=call.get("id", ""), name=call["name"], input=call.get("input", {})))
    if completion.get("refusal"):
        parts.append(lm15.RefusalPart(completion["refusal"]))
    return parts


def _response(reply: dict, model: str) -> lm15.Response:
    completion = reply["completions"][0]
    finish = {"tool_calls": "tool_call"}.get(completion.get("finish", "stop"), completion.get("finish", "stop"))
    logprobs = None
    if completion.get("logprobs"):
        logprobs = tuple(
            lm15.TokenLogprob(
                token=one["text"],
                logprob=one["logprob"],
                top=tuple(lm15.TopLogprob(token=other["text"], logprob=other["logprob"]) for other in one.get("top", ())),
            )
            for one in completion["logprobs"]
        )
    return lm15.Response(
        id=reply.get("id") or None,
        model=reply.get("model") or model,
        message=lm15.Message.assistant(_parts(completion)),
        finish_reason=finish,
        usage=_usage(reply.get("usage", {})),
        logprobs=logprobs,
        adaptations=tuple(
            lm15.Adaptation(
                field=one["field"],
                action=one["action"],
                reason=one.get("reason", ""),
                asked=one.get("asked"),
                applied=one.get("applied"),
            )
            for one in reply.get("adaptations", ())
        ),
    )


class Engine:
    """What `dspy.LM(engine=…)` of DSPy 3.4 and later asks: `complete(Request)`, and `stream(Request)`."""

    def __init__(self, lm: Any):
        self.native = lm if isinstance(lm, _core.LM) else _core.LM(lm)
        can = self.native.capabilities
        self.supports_function_calling = bool(can["tools"])
        self.supports_reasoning = False
        self.supports_response_schema = bool(can["enforces_contract"])
        self.supported_params = {"max_tokens", "temperature", "top_p", "stop", "seed", "logprobs"} | (
            {"response_format"} if can["enforces_contract"] else set()
        ) | ({"tools", "tool_choice"} if can["tools"] else set())

    def complete(self, request: lm15.Request) -> lm15.Response:
        try:
            return _response(self.native.complete(_request(request)), request.model)
        except _errors.Error as error:
            raise _as_lm15(error) from error

    def stream(self, request: lm15.Request) -> Iterator[Any]:
        said: queue.SimpleQueue = queue.SimpleQueue()

        def run() -> None:
            try:
                said.put(("end", self.native.stream(_request(request), lambda kind, text: said.put((kind, text)))))
            except BaseException as error:  # noqa: BLE001: raised again where the stream is read
                said.put(("error", error))

        threading.Thread(target=run, daemon=True).start()
        yield lm15.StreamStartEvent(id=None, model=request.model)
        seen: list[str] = []
        while True:
            kind, what = said.get()
            if kind == "error":
                raise _as_lm15(what) if isinstance(what, _errors.Error) else what
            if kind == "end":
                break
            if kind not in seen:
                seen.append(kind)
            delta = lm15.TextDelta if kind == "text" else lm15.ThinkingDelta
            yield lm15.StreamDeltaEvent(delta(text=what, part_index=seen.index(kind)))
        response = _response(what, request.model)
        # Text and thoughts were told; what else there is comes whole.
        for event in lm15.response_to_events(response):
            if event.type == "start" or (event.type == "delta" and event.delta.type in ("text", "thinking")):
                continue
            yield event

    def close(self) -> None:
        pass

    def dump_state(self) -> dict:
        return {"uri": getattr(self, "uri", self.native.model)}

    @classmethod
    def load_state(cls, state: dict) -> Any:
        return cls(state["uri"])


class AsyncEngine:
    """The same for DSPy's coroutines."""

    def __init__(self, engine: Engine):
        self._engine = engine
        self.supports_function_calling = engine.supports_function_calling
        self.supports_reasoning = engine.supports_reasoning
        self.supports_response_schema = engine.supports_response_schema
        self.supported_params = engine.supported_params

    async def complete(self, request: lm15.Request) -> lm15.Response:
        try:
            return _response(await self._engine.native.acomplete(_request(request)), request.model)
        except _errors.Error as error:
            raise _as_lm15(error) from error

    async def stream(self, request: lm15.Request) -> Any:
        import asyncio

        events, end = self._engine.stream(request), object()
        while (event := await asyncio.to_thread(next, events, end)) is not end:
            yield event

    async def aclose(self) -> None:
        pass


class LM(dspy.LM):
    """A model of the library as DSPy's LM.

        dspy.configure(lm=dspy_cpp.under_dspy.LM("llama:model.gguf"))

    `native` is the library's own LM. DSPy's cache is on by default, as with any DSPy LM."""

    def __init__(self, lm: Any, **settings: Any):
        engine = lm if isinstance(lm, Engine) else Engine(lm)
        if isinstance(lm, str):
            engine.uri = lm
        name = engine.native.model
        super().__init__(f"dspy_cpp/{name}", engine=engine, async_engine=AsyncEngine(engine), **settings)

    @property
    def native(self) -> _core.LM:
        return self.engine.native
