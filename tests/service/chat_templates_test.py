#!/usr/bin/env python3
"""The renderings in tests/cases/chat_templates beside llama-server's (/apply-template).

    tests/service/chat_templates_test.py [MODEL.gguf]

Skipped (77) where llama-server (Debian: llama.cpp-tools) is not installed.  Where both write a prompt, they must be equal.  The
server puts what it knows of a conversation into another form before it renders it, so what it refuses is only counted.
"""

import json
import pathlib
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

# Differences that are the server's own: it hands templates its own date, and thoughts in members of its own.
OWN = {"strftime_now", "reasoning_content"}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def ask(port, path, body=None):
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}", data=None if body is None else json.dumps(body).encode(), headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as reply:
        return json.load(reply)


def start(server, model, template):
    port = free_port()
    process = subprocess.Popen(
        [server, "-m", model, "--jinja", "--chat-template-file", str(template), "--port", str(port), "-c", "512", "-t", "1", "--no-webui"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    for _ in range(600):
        if process.poll() is not None:
            return None, 0
        try:
            ask(port, "/health")
            return process, port
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    process.kill()
    process.wait()
    return None, 0


def rendered(port, case):
    body = {"messages": case["messages"], "add_generation_prompt": case.get("add_generation_prompt", True)}
    if "tools" in case:
        body["tools"] = case["tools"]
        body["messages"] = [
            {**message, "tool_calls": [{**call, "function": {**call["function"], "arguments": json.dumps(call["function"]["arguments"])}} for call in message["tool_calls"]]}
            if "tool_calls" in message
            else message
            for message in case["messages"]
        ]
    if "enable_thinking" in case:
        body["chat_template_kwargs"] = {"enable_thinking": case["enable_thinking"]}
    try:
        return ask(port, "/apply-template", body)["prompt"]
    except urllib.error.HTTPError:
        return None


def with_tokens(case, model_tokens):
    """Our rendering with the first and last tokens of the server's model."""
    bos, eos = model_tokens
    text = case["rendered"]
    if text.startswith("<s>"):
        text = bos + text.removeprefix("<s>")
    said = json.dumps(case["messages"])
    return text if "</s>" in said else text.replace("</s>", eos)


def main():
    tokens = ("<|endoftext|>", "<|im_end|>")  # of the embedded model
    server = shutil.which("llama-server")
    if server is None:
        print("llama-server is not installed (Debian: llama.cpp-tools)")
        return 77
    model = sys.argv[1] if len(sys.argv) > 1 else "models/dspy-tiny.gguf"
    equal = refused = own = 0
    differences = []
    for template in sorted(pathlib.Path("tests/cases/chat_templates").glob("*.jinja")):
        source = template.read_text(encoding="utf-8")
        process, port = start(server, model, template)
        if process is None:
            print(f"{template.stem}: the server does not start with it")
            refused += 1
            continue
        try:
            for number, case in enumerate(json.loads(template.with_suffix(".json").read_text(encoding="utf-8"))):
                theirs = rendered(port, case)
                if case["rendered"] is None or theirs is None:
                    refused += 1
                elif with_tokens(case, tokens) == theirs:
                    equal += 1
                elif any(mark in source or mark in json.dumps(case["messages"]) for mark in OWN):
                    own += 1
                else:
                    differences.append((template.stem, number, with_tokens(case, tokens), theirs))
        finally:
            process.kill()
            process.wait()
    for stem, number, ours, theirs in differences:
        print(f"{stem}, conversation {number}:\n  ours   {ours!r}\n  theirs {theirs!r}")
    print(f"{equal} equal, {len(differences)} different, {own} with what the server fills in itself, {refused} that one of both refuses")
    return 1 if differences or equal < 100 else 0


if __name__ == "__main__":
    sys.exit(main())
