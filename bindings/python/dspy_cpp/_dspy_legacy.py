"""The library's models as DSPy 3.3 calls models: `forward` with messages in OpenAI's form."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import dspy

from . import _core

_SAMPLING = ("temperature", "max_tokens", "top_p", "top_k", "seed", "frequency_penalty", "presence_penalty")


class LM(dspy.BaseLM):
    """A model of the library as DSPy's LM, in this process."""

    def __init__(self, lm: Any, temperature: float | None = None, max_tokens: int | None = None, **settings: Any):
        self.native = lm if isinstance(lm, _core.LM) else _core.LM(lm)
        super().__init__(f"dspy_cpp/{self.native.model}", temperature=temperature, max_tokens=max_tokens, **settings)

    def forward(self, prompt: str | None = None, messages: list[dict] | None = None, **settings: Any) -> Any:
        return _response(self.native.complete(_request(prompt, messages, {**self.kwargs, **settings})))

    async def aforward(self, prompt: str | None = None, messages: list[dict] | None = None, **settings: Any) -> Any:
        return _response(await self.native.acomplete(_request(prompt, messages, {**self.kwargs, **settings})))

    def copy(self, **settings: Any) -> Any:
        made = LM(self.native)
        made.kwargs = {**self.kwargs, **settings}
        return made


def _request(prompt: str | None, messages: list[dict] | None, settings: dict) -> dict:
    out: dict[str, Any] = {"messages": [_message(one) for one in messages or [{"role": "user", "content": prompt or ""}]]}
    sampling = {name: settings[name] for name in _SAMPLING if settings.get(name) is not None}
    stop = settings.get("stop")
    if stop:
        sampling["stop"] = [stop] if isinstance(stop, str) else list(stop)
    if settings.get("logprobs"):
        sampling["logprobs"] = settings.get("top_logprobs") or 0
    out["sampling"] = sampling
    if settings.get("n"):
        out["n"] = settings["n"]
    contract = _contract(settings.get("response_format"))
    if contract is not None:
        out["contract"] = contract
    if settings.get("tools"):
        out["tools"] = [
            {
                "name": tool["function"]["name"],
                "description": tool["function"].get("description", ""),
                "parameters": tool["function"].get("parameters", {}),
            }
            for tool in settings["tools"]
        ]
    return out


def _contract(wanted: Any) -> dict | None:
    if wanted is None:
        return None
    if isinstance(wanted, type):  # a pydantic model
        return {"form": "schema", "grammar": json.dumps(wanted.model_json_schema()), "name": wanted.__name__}
    if wanted.get("type") == "json_schema":
        return {"form": "schema", "grammar": json.dumps(wanted["json_schema"]["schema"])}
    return {"form": "schema", "grammar": '{"type": "object"}'}


def _message(message: dict) -> dict:
    content = message.get("content")
    if isinstance(content, list):
        parts = []
        for part in content:
            if part["type"] == "text":
                parts.append({"type": "text", "text": part["text"]})
            elif part["type"] == "image_url":
                url = part["image_url"]["url"] if isinstance(part["image_url"], dict) else part["image_url"]
                parts.append({"type": "image", "url": url})
            else:
                raise ValueError(f"a message has a part of the type `{part['type']}`, which has no place here")
        return {"role": message["role"], "content": parts}
    return {"role": message["role"], "content": content or ""}


class _Usage(dict):
    def __getattr__(self, name: str) -> Any:
        return self.get(name)


def _response(reply: dict) -> Any:
    choices = []
    for completion in reply["completions"]:
        message = SimpleNamespace(
            content=completion.get("text", ""),
            reasoning_content=completion.get("reasoning"),
            tool_calls=[
                SimpleNamespace(
                    id=call.get("id", ""),
                    type="function",
                    function=SimpleNamespace(name=call["name"], arguments=json.dumps(call.get("input", {}))),
                )
                for call in completion.get("tool_calls", ())
            ]
            or None,
        )
        choice = SimpleNamespace(message=message, finish_reason=completion.get("finish", "stop"))
        if completion.get("logprobs"):
            choice.logprobs = completion["logprobs"]
        choices.append(choice)
    told = reply.get("usage", {})
    usage = _Usage(
        {
            name: told[name]
            for name in ("prompt_tokens", "completion_tokens")
            if name in told
        }
    )
    if len(usage) == 2:
        usage["total_tokens"] = sum(usage.values())
    return SimpleNamespace(choices=choices, usage=usage, model=reply.get("model", ""))
