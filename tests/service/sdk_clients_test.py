"""The official Python SDKs as clients of the mock provider: it is right if they understand all it says.

Plain replies, streams, tool calls, schemas, usage, errors and embeddings of `openai` (Chat Completions and Responses),
`anthropic`, `google-genai` and `ollama`, against `dspy mock` on 127.0.0.1.  Exits with 77 (skipped) where the SDKs are
not installed:

    python3 -m venv build/sdks && build/sdks/bin/pip install openai anthropic google-genai ollama
    DSPY_BINARY=build/release/bin/dspy build/sdks/bin/python tests/service/sdk_clients_test.py
"""

import json
import os
import pathlib
import subprocess
import sys
import traceback

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("DSPY_BINARY", str(ROOT / "build" / "release" / "bin" / "dspy"))

try:
    import anthropic
    import ollama
    import openai
    from google import genai
    from google.genai import errors as genai_errors
    from google.genai import types
except ImportError as missing:
    print(f"skipped: {missing}; install the SDKs as this file says")
    sys.exit(77)

REPLY = 'Blau, und "😀" dazu.'
SCHEMA = {
    "type": "object",
    "properties": {"colour": {"type": "string"}, "count": {"type": "integer"}},
    "required": ["colour", "count"],
    "additionalProperties": False,
}


class Mock:
    """`dspy mock` with these wishes, until the block ends."""

    def __init__(self, **wishes):
        self.wishes = wishes

    def __enter__(self):
        wishes = [f"--wish={name.replace('_', '-')}={value}" for name, value in self.wishes.items()]
        self.process = subprocess.Popen([BINARY, "mock", "--port", "0", "--quiet", *wishes], stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().strip()
        assert self.url.startswith("http://127.0.0.1:"), self.url
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(10)
        self.process.stdout.close()


def openai_at(mock):
    return openai.OpenAI(base_url=mock.url + "/v1", api_key="sk-test", max_retries=0, timeout=20)


def anthropic_at(mock):
    return anthropic.Anthropic(base_url=mock.url, api_key="sk-test", max_retries=0, timeout=20)


def gemini_at(mock):
    return genai.Client(api_key="test", http_options=types.HttpOptions(base_url=mock.url))


QUESTION = [{"role": "user", "content": "Which colour is the sky?"}]


def openai_chat():
    with Mock(reply=REPLY, piece_bytes=7) as mock:
        client = openai_at(mock)
        whole = client.chat.completions.create(model="m", messages=QUESTION)
        assert whole.choices[0].message.content == REPLY
        assert whole.choices[0].finish_reason == "stop"
        assert whole.usage.total_tokens == whole.usage.prompt_tokens + whole.usage.completion_tokens > 0
        text, usage = "", None
        for chunk in client.chat.completions.create(
            model="m", messages=QUESTION, stream=True, stream_options={"include_usage": True}
        ):
            usage = chunk.usage or usage
            text += "".join(choice.delta.content or "" for choice in chunk.choices)
        assert text == REPLY
        assert usage == whole.usage, (usage, whole.usage)


def openai_tools_and_schema():
    tools = [{"type": "function", "function": {"name": "find", "parameters": {"type": "object"}}}]
    with Mock(tool="find", arguments='{"q": "sky", "n": 2}') as mock:
        client = openai_at(mock)
        reply = client.chat.completions.create(model="m", messages=QUESTION, tools=tools)
        call = reply.choices[0].message.tool_calls[0]
        assert (call.function.name, json.loads(call.function.arguments)) == ("find", {"q": "sky", "n": 2})
        assert reply.choices[0].finish_reason == "tool_calls"
        with client.chat.completions.stream(model="m", messages=QUESTION, tools=tools) as stream:
            final = stream.get_final_completion()
        assert json.loads(final.choices[0].message.tool_calls[0].function.arguments) == {"q": "sky", "n": 2}
    with Mock() as mock:
        form = {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True}}
        reply = openai_at(mock).chat.completions.create(model="m", messages=QUESTION, response_format=form)
        value = json.loads(reply.choices[0].message.content)
        assert isinstance(value["colour"], str) and isinstance(value["count"], int)


def openai_responses():
    with Mock(reply=REPLY, reasoning="Let me see.") as mock:
        client = openai_at(mock)
        whole = client.responses.create(model="m", input="Which colour is the sky?")
        assert whole.output_text == REPLY
        assert whole.status == "completed"
        assert whole.usage.total_tokens == whole.usage.input_tokens + whole.usage.output_tokens
        with client.responses.stream(model="m", input="Which colour is the sky?") as stream:
            kinds = [event.type for event in stream]
            final = stream.get_final_response()
        assert final.output_text == REPLY
        assert kinds[0] == "response.created" and kinds[-1] == "response.completed"
        assert final.usage.output_tokens == whole.usage.output_tokens
    with Mock(finish="length", reply="half") as mock:
        cut = openai_at(mock).responses.create(model="m", input="q")
        assert (cut.status, cut.incomplete_details.reason) == ("incomplete", "max_output_tokens")


def openai_errors():
    kinds = {401: openai.AuthenticationError, 404: openai.NotFoundError, 429: openai.RateLimitError, 500: openai.InternalServerError}
    for status, kind in kinds.items():
        with Mock(status=status, error_code="some_code") as mock:
            try:
                openai_at(mock).chat.completions.create(model="m", messages=QUESTION)
                raise AssertionError("no error")
            except kind as error:
                assert error.status_code == status
                assert error.code == "some_code", error.code
    with Mock(error_after=2) as mock:
        try:
            list(openai_at(mock).chat.completions.create(model="m", messages=QUESTION, stream=True))
            raise AssertionError("no error")
        except openai.APIError:
            pass


def openai_embeddings():
    with Mock() as mock:
        reply = openai_at(mock).embeddings.create(model="m", input=["a cat", "a dog", "a cat"])
        vectors = [each.embedding for each in reply.data]
        assert len(vectors) == 3 and vectors[0] == vectors[2] != vectors[1]
        assert [each.index for each in reply.data] == [0, 1, 2]


def anthropic_messages():
    with Mock(reply=REPLY, piece_bytes=5) as mock:
        client = anthropic_at(mock)
        arguments = {"model": "m", "max_tokens": 100, "messages": QUESTION}
        whole = client.messages.create(**arguments)
        assert whole.content[0].text == REPLY
        assert whole.stop_reason == "end_turn"
        with client.messages.stream(**arguments) as stream:
            text = "".join(stream.text_stream)
            final = stream.get_final_message()
        assert text == REPLY
        assert final.usage.output_tokens == whole.usage.output_tokens
        assert final.usage.input_tokens == whole.usage.input_tokens
    tools = [{"name": "find", "input_schema": {"type": "object"}}]
    with Mock(tool="find", arguments='{"q": "sky"}') as mock:
        client = anthropic_at(mock)
        arguments["tools"] = tools
        reply = client.messages.create(**arguments)
        assert (reply.stop_reason, reply.content[-1].name, reply.content[-1].input) == ("tool_use", "find", {"q": "sky"})
        with client.messages.stream(**arguments) as stream:
            assert stream.get_final_message().content[-1].input == {"q": "sky"}
    for status, kind in {401: anthropic.AuthenticationError, 429: anthropic.RateLimitError, 529: anthropic.APIStatusError}.items():
        with Mock(status=status) as mock:
            try:
                anthropic_at(mock).messages.create(model="m", max_tokens=9, messages=QUESTION)
                raise AssertionError("no error")
            except kind as error:
                assert error.status_code == status


def gemini_content():
    with Mock(reply=REPLY) as mock:
        client = gemini_at(mock)
        whole = client.models.generate_content(model="m", contents="Which colour is the sky?")
        assert whole.text == REPLY
        assert whole.candidates[0].finish_reason == types.FinishReason.STOP
        pieces = list(client.models.generate_content_stream(model="m", contents="Which colour is the sky?"))
        assert "".join(piece.text or "" for piece in pieces) == REPLY
        assert pieces[-1].usage_metadata.total_token_count == whole.usage_metadata.total_token_count
    with Mock(tool="find", arguments='{"q": "sky"}') as mock:
        tool = types.Tool(function_declarations=[types.FunctionDeclaration(name="find")])
        client = gemini_at(mock)
        reply = client.models.generate_content(
            model="m", contents="q", config=types.GenerateContentConfig(
                tools=[tool], automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True)))
        assert (reply.function_calls[0].name, reply.function_calls[0].args) == ("find", {"q": "sky"})
    with Mock(status=429) as mock:
        client = gemini_at(mock)  # kept: one that nobody holds is closed
        try:
            client.models.generate_content(model="m", contents="q")
            raise AssertionError("no error")
        except genai_errors.ClientError as error:
            assert error.code == 429 and error.status == "RESOURCE_EXHAUSTED", (error.code, error.status)


def ollama_chat():
    with Mock(reply=REPLY, comments=0) as mock:
        client = ollama.Client(host=mock.url)
        whole = client.chat(model="m", messages=QUESTION)
        assert whole.message.content == REPLY
        assert whole.done and whole.done_reason == "stop" and whole.eval_count > 0
        pieces = list(client.chat(model="m", messages=QUESTION, stream=True))
        assert "".join(piece.message.content for piece in pieces) == REPLY
        assert pieces[-1].done and pieces[-1].eval_count == whole.eval_count
        vectors = client.embed(model="m", input=["a", "b"]).embeddings
        assert len(vectors) == 2
    with Mock(status=404) as mock:
        try:
            ollama.Client(host=mock.url).chat(model="m", messages=QUESTION)
            raise AssertionError("no error")
        except ollama.ResponseError as error:
            assert error.status_code == 404


failed = 0
checks = [openai_chat, openai_tools_and_schema, openai_responses, openai_errors, openai_embeddings, anthropic_messages, gemini_content, ollama_chat]
for check in checks:
    try:
        check()
        print(f"ok    {check.__name__}")
    except Exception:
        failed += 1
        print(f"FAIL  {check.__name__}")
        traceback.print_exc()
versions = {"openai": openai.__version__, "anthropic": anthropic.__version__, "google-genai": genai.__version__}
print(f"{len(checks) - failed} of {len(checks)} passed, with {versions}")
sys.exit(1 if failed else 0)
