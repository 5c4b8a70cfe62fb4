"""What the official Python SDKs send for the golden requests of tests/cases/providers, field by field.

A recorder on 127.0.0.1 takes the requests of `openai`, `anthropic`, `google-genai` and `ollama`; our own bodies are the
golden ones, which tests/unit/providers holds the library to.  A difference is an error unless DIFFERENCES names it, with
its reason; a difference that no longer occurs is one too.  Exits with 77 (skipped) where the SDKs are not installed:

    python3 -m venv build/sdks && build/sdks/bin/pip install openai anthropic google-genai ollama
    ctest --test-dir build/release -L service
"""

import http.server
import json
import pathlib
import re
import sys
import threading

ROOT = pathlib.Path(__file__).resolve().parents[2]
CASES = ROOT / "tests" / "cases" / "providers"

# (case, path of the field): why we differ.
DIFFERENCES = {
    ("anthropic", "header x-api-key"): "the SDK sends the key as a bearer since version 2; the API takes both, older proxies only this",
    ("anthropic", "header anthropic-version"): "we ask for the version whose formats this library was written from",
    ("gemini: a conversation with calls, media and a schema", "tools"): "the SDK writes built-in tools in camel case; the API takes both",
    ("gemini: a conversation with calls, media and a schema", "systemInstruction.role"): "the SDK calls the system a user; the API ignores it",
    ("ollama: a conversation with calls, a picture and a schema", "truncate"): "the SDK leaves it out, and a long prompt is cut in silence; we ask for an error",
    ("ollama: a conversation with calls, a picture and a schema", "messages[2].content"): "a turn of calls alone has an empty text, as in Chat Completions",
}

try:
    import anthropic
    import ollama
    import openai
    from google import genai
    from google.genai import types
except ImportError as missing:
    print(f"skipped: {missing}; install the SDKs as this file says")
    sys.exit(77)

RECORDED = []


class Recorder(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        RECORDED.append((self.path, {k.lower(): v for k, v in self.headers.items()}, json.loads(body)))
        # An error that no SDK asks again after.
        self.send_response(400)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(b'{"error": {"message": "recorded", "type": "invalid_request_error", "code": 400, "status": "INVALID_ARGUMENT"}}')

    def log_message(self, *arguments):
        pass


def recorded(call):
    """The path, headers and body of the one request that `call` makes."""
    RECORDED.clear()
    try:
        result = call()
        if hasattr(result, "__iter__"):
            list(result)
    except Exception as error:  # the recorder answers with an error; without a request, it is the test's
        if not RECORDED:
            raise error
    assert len(RECORDED) == 1, f"{len(RECORDED)} requests"
    return RECORDED[0]


def differences(ours, theirs, path=""):
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for name in sorted(ours.keys() | theirs.keys()):
            where = f"{path}.{name}" if path else name
            if name not in theirs:
                yield where, f"ours only: {ours[name]!r}"
            elif name not in ours:
                yield where, f"theirs only: {theirs[name]!r}"
            else:
                yield from differences(ours[name], theirs[name], where)
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for i, (a, b) in enumerate(zip(ours, theirs)):
            yield from differences(a, b, f"{path}[{i}]")
    elif ours != theirs:
        yield path, f"{ours!r} is not {theirs!r}"


def camel(value):
    """The SDK of Gemini writes some names with underscores, which the API reads as well."""
    if isinstance(value, list):
        return [camel(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {re.sub("_([a-z])", lambda found: found[1].upper(), name): camel(inside) for name, inside in value.items()}


def golden(protocol):
    return {case["name"]: case for case in json.loads((CASES / f"{protocol}_requests.json").read_text())}


class Comparison:
    def __init__(self):
        self.failures = 0
        self.used = set()
        self.compared = 0

    def check(self, protocol, case, request, path, headers):
        sent_path, sent_headers, theirs = request
        name = f"{protocol}: {case['name']}"
        self.compared += 1
        if sent_path != path:
            self.fail(f"{name}: the SDK asks {sent_path}, not {path}")
        for header, value in headers.items():
            if sent_headers.get(header) != value:
                self.differs(name, f"header {header}", f"{value!r} is not {sent_headers.get(header)!r}")
        for where, what in differences(case["body"], theirs):
            self.differs(name, where, what)

    def differs(self, name, where, what):
        known = next((key for key in DIFFERENCES if name.startswith(key[0]) and where.startswith(key[1])), None)
        if known is None:
            self.fail(f"{name}: {where}: {what}")
            return
        if known not in self.used:
            print(f"{name}: {where}: {what} ({DIFFERENCES[known]})")
        self.used.add(known)

    def fail(self, text):
        self.failures += 1
        print("FAILED", text)


def compare_openai(base, out):
    client = openai.OpenAI(base_url=f"{base}/v1", api_key="k", max_retries=0)
    for case in golden("chat").values():
        if case["dialect"] != "openai":
            continue
        # Its keywords are the fields of the body: one that it does not know is a TypeError.
        request = recorded(lambda: client.chat.completions.create(**case["body"]))
        out.check("chat", case, request, "/v1/chat/completions", {"authorization": "Bearer k"})
    for case in golden("responses").values():
        request = recorded(lambda: client.responses.create(**case["body"]))
        out.check("responses", case, request, "/v1/responses", {"authorization": "Bearer k"})


def compare_anthropic(base, out):
    client = anthropic.Anthropic(base_url=base, api_key="k", max_retries=0)
    # Since version 2 the SDK has no keywords for sampling, which only models before Claude Opus 4.7 take.
    for case in golden("anthropic").values():
        extra = {name: case["body"][name] for name in ("temperature", "top_p", "top_k") if name in case["body"]}
        arguments = {name: value for name, value in case["body"].items() if name not in extra}
        request = recorded(lambda: client.messages.create(**arguments, extra_body=extra or None))
        out.check("anthropic", case, request, "/v1/messages", {"x-api-key": "k", "anthropic-version": "2023-06-01"})


def compare_gemini(base, out):
    client = genai.Client(api_key="k", http_options=types.HttpOptions(base_url=base, api_version="v1beta"))
    cases = golden("gemini")
    part = types.Part
    case = cases["a conversation with calls, media and a schema"]
    contents = [
        types.Content(role="user", parts=[part(text="What?"), part(inline_data=types.Blob(mime_type="image/png", data=b"hi")), part(file_data=types.FileData(file_uri="https://g/f1", mime_type="video/mp4"))]),
        types.Content(role="model", parts=[part(function_call=types.FunctionCall(id="c1", name="find", args={"q": 1}), thought_signature=b"\xb2\x28")]),
        types.Content(role="user", parts=[part(function_response=types.FunctionResponse(id="c1", name="find", response={"result": "found"}))]),
    ]
    config = types.GenerateContentConfig(
        system_instruction="Be brief.", max_output_tokens=9, temperature=0.5, top_p=0.9, top_k=3, seed=3,
        stop_sequences=["x"], frequency_penalty=0.1, response_logprobs=True, logprobs=2, candidate_count=2,
        thinking_config=types.ThinkingConfig(thinking_budget=1024, include_thoughts=True),
        response_mime_type="application/json", response_json_schema={"type": "object"}, cached_content="cachedContents/1",
        tools=[types.Tool(google_search=types.GoogleSearch()), types.Tool(function_declarations=[types.FunctionDeclaration(name="find", parameters_json_schema={"type": "object"})])],
        tool_config=types.ToolConfig(function_calling_config=types.FunctionCallingConfig(mode="ANY", allowed_function_names=["find"])),
    )  # fmt: skip
    # The signature is bytes there; ours is a text that stands for whatever the provider gave.
    case["body"]["contents"][1]["parts"][0]["thoughtSignature"] = "sig="
    ask = lambda: client.models.generate_content(model="gemini-2.5-flash", contents=contents, config=config)
    path, headers, body = recorded(ask)
    out.check("gemini", case, (path, headers, camel(body)), case["path"], {"x-goog-api-key": "k"})

    case = cases["choices, and a stream"]
    config = types.GenerateContentConfig(
        thinking_config=types.ThinkingConfig(thinking_level="HIGH", include_thoughts=True), response_mime_type="text/x.enum",
        response_schema=types.Schema(type="STRING", enum=["yes", "no"]),
    )  # fmt: skip
    ask = lambda: client.models.generate_content_stream(model="gemini-3.5-flash", contents="q", config=config)
    path, headers, body = recorded(ask)
    out.check("gemini", case, (path, headers, camel(body)), case["path"], {"x-goog-api-key": "k"})


def compare_ollama(base, out):
    client = ollama.Client(host=base)
    for case in golden("ollama").values():
        arguments = {name: value for name, value in case["body"].items() if name != "truncate"}
        out.check("ollama", case, recorded(lambda: client.chat(**arguments)), "/api/chat", {})


def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Recorder)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}"
    out = Comparison()
    for compare in (compare_openai, compare_anthropic, compare_gemini, compare_ollama):
        compare(base, out)
    server.shutdown()
    for key in DIFFERENCES.keys() - out.used:
        out.fail(f"{key[0]}: {key[1]} no longer differs; take it out of DIFFERENCES")
    print(f"{out.compared} requests compared, {len(out.used)} differences with a reason, {out.failures} without")
    return 1 if out.failures else 0


if __name__ == "__main__":
    sys.exit(main())
