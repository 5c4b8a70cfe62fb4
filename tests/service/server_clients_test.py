"""The official clients against `dspy serve`: OpenAI (Python and Node), Anthropic, Ollama, and DSPy's own System One client.

The server runs on 127.0.0.1 with the embedded model and two programs; replies at temperature 0 must be the same through
every API, streamed or not.  A client that is not installed is left out; with none of them it exits with 77 (skipped):

    python3 -m venv build/sdks && build/sdks/bin/pip install openai anthropic ollama
    (mkdir -p build/sdks/node && cd build/sdks/node && npm init -y && npm install openai)
    python3 -m venv build/dspy34 && build/dspy34/bin/pip install "dspy>=3.4.1"     # for System One alone
    DSPY_BINARY=build/release/bin/dspy build/sdks/bin/python tests/service/server_clients_test.py
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import traceback
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("DSPY_BINARY", str(ROOT / "build" / "release" / "bin" / "dspy"))
MODEL = "dspy-tiny"
QUESTION = "Which colour is the sky?"
SCHEMA = {
    "type": "object",
    "properties": {"colour": {"type": "string", "enum": ["blue", "green"]}, "count": {"type": "integer", "minimum": 0, "maximum": 9}},
    "required": ["colour", "count"],
    "additionalProperties": False,
}
TOOL = {"type": "object", "properties": {"place": {"type": "string", "enum": ["Rome", "Oslo"]}}, "required": ["place"], "additionalProperties": False}


def optional(name):
    try:
        return __import__(name)
    except ImportError:
        return None


openai, anthropic, ollama = optional("openai"), optional("anthropic"), optional("ollama")
NODE = ROOT / "build" / "sdks" / "node"
has_node = shutil.which("node") and (NODE / "node_modules" / "openai").is_dir()
DSPY_PYTHON = ROOT / "build" / "dspy34" / "bin" / "python"


class Server:
    """`dspy serve` with the embedded model and two programs, until the block ends."""

    def __enter__(self):
        programs = ["qa=question -> answer", 'triage=ticket, tier: int -> team: Literal["billing", "support"], urgent: bool']
        model = f"{MODEL}={ROOT}/models/dspy-tiny.gguf?temperature=0"
        self.process = subprocess.Popen(
            [BINARY, "serve", *programs, "--model", model, "--listen", "127.0.0.1:0", "--json"], stdout=subprocess.PIPE, text=True
        )
        self.url = json.loads(self.process.stdout.readline())["listening"]
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(20)
        self.process.stdout.close()

    def post(self, path, body):
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=60) as reply:
                return reply.status, json.loads(reply.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())


def messages(text=QUESTION):
    return [{"role": "user", "content": text}]


def openai_chat(server, said):
    client = openai.OpenAI(base_url=server.url + "/v1", api_key="none", max_retries=0, timeout=60)
    whole = client.chat.completions.create(model=MODEL, messages=messages(), max_tokens=12, logprobs=True, top_logprobs=2)
    said("chat", whole.choices[0].message.content)
    assert whole.usage.total_tokens == whole.usage.prompt_tokens + whole.usage.completion_tokens > 0
    tokens = whole.choices[0].logprobs.content
    assert bytes(b for token in tokens for b in token.bytes).decode().startswith(whole.choices[0].message.content)
    assert all(token.logprob <= 0 and len(token.top_logprobs) == 2 for token in tokens)

    text, usage, finish = "", None, None
    for chunk in client.chat.completions.create(model=MODEL, messages=messages(), max_tokens=12, stream=True, stream_options={"include_usage": True}):
        usage = chunk.usage or usage
        for choice in chunk.choices:
            text += choice.delta.content or ""
            finish = choice.finish_reason or finish
    said("chat", text)
    assert finish == whole.choices[0].finish_reason
    assert usage.completion_tokens == whole.usage.completion_tokens

    several = client.chat.completions.create(model=MODEL, messages=messages(), max_tokens=12, n=2, temperature=1, seed=7)
    again = client.chat.completions.create(model=MODEL, messages=messages(), max_tokens=12, n=2, temperature=1, seed=7)
    assert len(several.choices) == 2
    assert [c.message.content for c in several.choices] == [c.message.content for c in again.choices]
    assert client.chat.completions.create(model=MODEL, messages=messages(), max_tokens=2).choices[0].finish_reason in ("length", "stop")


def openai_schema_and_tools(server, said):
    client = openai.OpenAI(base_url=server.url + "/v1", api_key="none", max_retries=0, timeout=60)
    form = {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True}}
    value = json.loads(client.chat.completions.create(model=MODEL, messages=messages(), response_format=form, max_tokens=60).choices[0].message.content)
    assert value["colour"] in ("blue", "green") and 0 <= value["count"] <= 9
    said("schema", value)
    value = json.loads(client.chat.completions.create(model=MODEL, messages=messages(), response_format={"type": "json_object"}, max_tokens=60).choices[0].message.content)
    assert isinstance(value, dict)
    tools = [{"type": "function", "function": {"name": "weather", "description": "The weather", "parameters": TOOL}}]
    reply = client.chat.completions.create(model=MODEL, messages=messages(), tools=tools, tool_choice="required", max_tokens=80)
    call = reply.choices[0].message.tool_calls[0]
    arguments = json.loads(call.function.arguments)
    assert call.function.name == "weather" and arguments["place"] in ("Rome", "Oslo")
    said("tool", arguments)
    assert reply.choices[0].finish_reason == "tool_calls"
    with client.chat.completions.stream(model=MODEL, messages=messages(), tools=tools, tool_choice="required", max_tokens=80) as stream:
        final = stream.get_final_completion()
    said("tool", json.loads(final.choices[0].message.tool_calls[0].function.arguments))
    turns = [*messages(), reply.choices[0].message.model_dump(exclude_none=True), {"role": "tool", "tool_call_id": call.id, "content": "sunny"}]
    assert client.chat.completions.create(model=MODEL, messages=turns, tools=tools, max_tokens=8).choices


def openai_responses(server, said):
    client = openai.OpenAI(base_url=server.url + "/v1", api_key="none", max_retries=0, timeout=60)
    whole = client.responses.create(model=MODEL, input=QUESTION, max_output_tokens=12)
    said("chat", whole.output_text)
    assert whole.status in ("completed", "incomplete")
    with client.responses.stream(model=MODEL, input=QUESTION, max_output_tokens=12) as stream:
        text = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
        final = stream.get_final_response() if whole.status == "completed" else None
    said("chat", text)
    assert final is None or final.output_text == text
    tools = [{"type": "function", "name": "weather", "parameters": TOOL}]
    called = client.responses.create(model=MODEL, input=QUESTION, tools=tools, tool_choice="required", max_output_tokens=80)
    call = next(item for item in called.output if item.type == "function_call")
    said("tool", json.loads(call.arguments))
    text_format = {"format": {"type": "json_schema", "name": "answer", "schema": SCHEMA, "strict": True}}
    said("schema", json.loads(client.responses.create(model=MODEL, input=QUESTION, text=text_format, max_output_tokens=60).output_text))


def openai_texts(server, said):
    client = openai.OpenAI(base_url=server.url + "/v1", api_key="none", max_retries=0, timeout=60)
    whole = client.completions.create(model=MODEL, prompt="The sky is", max_tokens=6, temperature=0, logprobs=2)
    streamed = client.completions.create(model=MODEL, prompt="The sky is", max_tokens=6, temperature=0, stream=True)
    assert "".join(chunk.choices[0].text for chunk in streamed if chunk.choices) == whole.choices[0].text
    assert "".join(whole.choices[0].logprobs.tokens).startswith(whole.choices[0].text)
    echoed = client.completions.create(model=MODEL, prompt="The sky is", max_tokens=1, temperature=0, logprobs=0, echo=True)
    assert echoed.choices[0].text.startswith("The sky is")
    assert echoed.choices[0].logprobs.token_logprobs[0] is None
    names = [model.id for model in client.models.list()]
    assert {"qa", "triage", MODEL} <= set(names), names
    assert client.models.retrieve("triage").id == "triage"
    try:
        client.embeddings.create(model=MODEL, input="text")
        raise AssertionError("a model that does not embed did")
    except openai.BadRequestError as error:
        assert "embed" in str(error)


def openai_programs(server, said):
    client = openai.OpenAI(base_url=server.url + "/v1", api_key="none", max_retries=0, timeout=60)
    status, own = server.post("/v1/programs/qa", {"inputs": {"question": QUESTION}})
    assert status == 200, own
    reply = client.chat.completions.create(model="qa", messages=messages())
    assert reply.choices[0].message.content == own["outputs"]["answer"], (reply, own)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in client.chat.completions.create(model="qa", messages=messages(), stream=True) if chunk.choices)
    assert text == own["outputs"]["answer"]
    inputs = {"ticket": "My invoice is wrong", "tier": 2}
    status, own = server.post("/v1/programs/triage", {"inputs": inputs})
    assert status == 200, own
    reply = client.chat.completions.create(model="triage", messages=messages(json.dumps(inputs)))
    assert json.loads(reply.choices[0].message.content) == own["outputs"]
    reply = client.chat.completions.create(model="triage", messages=[], extra_body={"inputs": inputs})
    assert json.loads(reply.choices[0].message.content) == own["outputs"]


def openai_errors(server, said):
    client = openai.OpenAI(base_url=server.url + "/v1", api_key="none", max_retries=0, timeout=60)
    wanted = [
        (openai.NotFoundError, "model_not_found", {"model": "nobody"}),
        (openai.BadRequestError, "unsupported_parameter", {"logit_bias": {"5": 1}}),
        (openai.BadRequestError, "invalid_parameter", {"temperature": -1}),
        (openai.BadRequestError, "context_length_exceeded", {"messages": messages("word " * 60000)}),
    ]
    for kind, code, more in wanted:
        for stream in (False, True):
            try:
                client.chat.completions.create(**{"model": MODEL, "messages": messages(), "stream": stream, **more})
                raise AssertionError(f"no error for {code}")
            except kind as error:
                assert error.code == code, (error.code, code)


def anthropic_messages(server, said):
    client = anthropic.Anthropic(base_url=server.url, api_key="none", max_retries=0, timeout=60)
    whole = client.messages.create(model=MODEL, max_tokens=12, messages=messages())
    said("chat", whole.content[0].text)
    assert whole.usage.output_tokens > 0 and whole.stop_reason in ("end_turn", "max_tokens")
    with client.messages.stream(model=MODEL, max_tokens=12, messages=messages()) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    said("chat", text)
    assert final.content[0].text == text and final.usage.output_tokens == whole.usage.output_tokens
    tools = [{"name": "weather", "input_schema": TOOL}]
    called = client.messages.create(model=MODEL, max_tokens=80, messages=messages(), tools=tools, tool_choice={"type": "any"})
    call = next(block for block in called.content if block.type == "tool_use")
    said("tool", call.input)
    assert called.stop_reason == "tool_use"
    with client.messages.stream(model=MODEL, max_tokens=80, messages=messages(), tools=tools, tool_choice={"type": "any"}) as stream:
        said("tool", next(block.input for block in stream.get_final_message().content if block.type == "tool_use"))
    counted = client.messages.count_tokens(model=MODEL, messages=messages())
    cached = whole.usage.cache_read_input_tokens or 0
    assert counted.input_tokens == whole.usage.input_tokens + cached, (counted, whole.usage)
    assert MODEL in [model.id for model in client.models.list()]
    try:
        client.messages.create(model="nobody", max_tokens=1, messages=messages())
        raise AssertionError("no error")
    except anthropic.NotFoundError:
        pass


def ollama_client(server, said):
    client = ollama.Client(host=server.url)
    options = {"num_predict": 12}
    whole = client.chat(model=MODEL, messages=messages(), options=options)
    said("chat", whole.message.content)
    assert whole.done and whole.eval_count > 0
    said("chat", "".join(part.message.content for part in client.chat(model=MODEL, messages=messages(), options=options, stream=True)))
    said("chat", client.generate(model=MODEL, prompt=QUESTION, options=options).response)
    said("chat", "".join(part.response for part in client.generate(model=MODEL, prompt=QUESTION, options=options, stream=True)))
    said("schema", json.loads(client.chat(model=MODEL, messages=messages(), format=SCHEMA, options={"num_predict": 60}).message.content))
    assert {"qa", "triage", MODEL} <= {model.model for model in client.list().models}
    assert client.show(MODEL).details.format == "gguf"
    try:
        client.chat(model="nobody", messages=messages())
        raise AssertionError("no error")
    except ollama.ResponseError as error:
        assert error.status_code == 404


NODE_PROGRAM = """
const { default: OpenAI } = await import(process.argv[2] + "/node_modules/openai/index.mjs");
const client = new OpenAI({ baseURL: process.argv[3] + "/v1", apiKey: "none", maxRetries: 0 });
const model = process.argv[4], question = [{ role: "user", content: process.argv[5] }];
const whole = await client.chat.completions.create({ model, messages: question, max_tokens: 12 });
let streamed = "";
for await (const chunk of await client.chat.completions.create({ model, messages: question, max_tokens: 12, stream: true }))
  streamed += chunk.choices[0]?.delta?.content ?? "";
const response = await client.responses.create({ model, input: process.argv[5], max_output_tokens: 12 });
let events = "";
for await (const event of await client.responses.create({ model, input: process.argv[5], max_output_tokens: 12, stream: true }))
  if (event.type === "response.output_text.delta") events += event.delta;
const text = await client.completions.create({ model, prompt: "The sky is", max_tokens: 4, temperature: 0 });
let code = null;
try { await client.chat.completions.create({ model: "nobody", messages: question }); } catch (error) { code = error.code; }
console.log(JSON.stringify({ whole: whole.choices[0].message.content, streamed, response: response.output_text, events, text: text.choices[0].text, code }));
"""


def openai_node(server, said):
    script = NODE / "ask.mjs"
    script.write_text(NODE_PROGRAM)
    done = subprocess.run(["node", str(script), str(NODE), server.url, MODEL, QUESTION], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    for name in ("whole", "streamed", "response", "events"):
        said("chat", told[name])
    assert told["code"] == "model_not_found" and told["text"]


def named_tokens(server, said):
    """What DSPy's client scores with: tokens of an answer that was begun, and how likely named ones are."""
    chat = {"model": MODEL, "messages": [*messages(), {"role": "assistant", "content": "Answer:"}], "add_generation_prompt": False}
    status, begun = server.post("/tokenize", {**chat, "continue_final_message": True})
    assert status == 200, begun
    chat["messages"][-1]["content"] = "Answer: blue"
    _, open_ended = server.post("/tokenize", {**chat, "continue_final_message": True})
    _, closed = server.post("/tokenize", chat)
    assert open_ended["tokens"][: begun["count"]] == begun["tokens"]
    assert closed["tokens"][: open_ended["count"]] == open_ended["tokens"] and closed["count"] > open_ended["count"]
    _, text = server.post("/detokenize", {"model": MODEL, "tokens": open_ended["tokens"][begun["count"] :]})
    assert text["prompt"] == " blue", text
    ids = sorted({open_ended["tokens"][begun["count"]], 5, 6})
    asked = {"model": MODEL, "prompt": [begun["tokens"], open_ended["tokens"]], "max_tokens": 1, "temperature": 1.0, "logprobs": 0, "return_tokens_as_token_ids": True, "logprob_token_ids": ids}
    status, scored = server.post("/v1/completions", asked)
    assert status == 200, scored
    for choice in scored["choices"]:
        top = choice["logprobs"]["top_logprobs"]
        assert len(top) == 1 and {f"token_id:{id}" for id in ids} <= set(top[0])
        assert all(value <= 0 for value in top[0].values())


SYSTEM_ONE = """
import sys
import dspy
from dspy.experimental import Choice, Noul, TypeSafe
lm = TypeSafe(model=sys.argv[2], base_url=sys.argv[1], api_key="none", cache=False, timeout=60)
class Triage(dspy.Signature):
    "Sort the ticket."
    ticket: str = dspy.InputField()
    urgent: Noul = dspy.OutputField(desc="Is it urgent?")
out = dspy.Predict(Triage)(ticket="The invoice is wrong", lm=lm)
assert 0 <= out.urgent.probability <= 1, out
print("fine", out.urgent)
"""


def system_one(server, said):
    questions = {
        "urgent": {"type": "noul", "instructions": "Is it urgent?"},
        "team": {"type": "choice", "instructions": "Who takes it?", "criteria": {"billing": "about money", "support": None}},
        "anger": {"type": "score", "instructions": "How angry is it?", "criteria": ["calm", "annoyed", "furious"]},
    }
    status, reply = server.post("/v1/systemone", {"model": MODEL, "state": {"ticket": "The invoice is wrong"}, "questions": questions})
    assert status == 200, reply
    answers = reply["answers"]
    assert 0 <= answers["urgent"]["noul"] <= 1
    assert answers["team"]["choice"] in ("billing", "support")
    assert abs(sum(answers["team"]["probabilities"].values()) - 1) < 1e-6
    assert set(answers["anger"]["probabilities"]) == {"0", "1", "2"} and 0 <= answers["anger"]["score"] <= 2
    status, error = server.post("/v1/systemone", {"model": MODEL, "state": "s", "questions": {"a": {"type": "essay", "instructions": "x"}}})
    assert status == 400 and "questions.a.type" in error["detail"]["message"], error
    if DSPY_PYTHON.exists():
        done = subprocess.run([DSPY_PYTHON, "-c", SYSTEM_ONE, server.url, MODEL], capture_output=True, text=True, timeout=180)
        assert done.returncode == 0, done.stdout + done.stderr


def main():
    checks = [named_tokens, system_one]
    if openai:
        checks += [openai_chat, openai_schema_and_tools, openai_responses, openai_texts, openai_programs, openai_errors]
    if anthropic:
        checks.append(anthropic_messages)
    if ollama:
        checks.append(ollama_client)
    if has_node:
        checks.append(openai_node)
    if len(checks) == 2:
        print("skipped: no official client is installed; this file says how")
        return 77
    failures, heard = 0, {}

    def said(what, value):
        """At temperature 0 every API has the same words."""
        first = heard.setdefault(what, value)
        assert value == first, f"{what}: {value!r} is not {first!r}"

    with Server() as server:
        for check in checks:
            try:
                check(server, said)
                print("passed", check.__name__)
            except Exception:
                failures += 1
                print("FAILED", check.__name__)
                traceback.print_exc(file=sys.stdout)
    print(f"{len(checks)} checks, {failures} failed; heard {heard}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
