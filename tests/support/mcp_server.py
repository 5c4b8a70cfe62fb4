#!/usr/bin/env python3
"""An MCP server over standard input and output, for tests: `mcp_server.py MODE`.

modern    the protocol of 2026-07-28          legacy    that of 2025-06-18
silent    legacy, and says nothing to what it does not know
deaf      legacy, and ends at what it does not know
nonsense  writes what is not JSON-RPC          flood     writes without end
huge      one line without end                ancient   knows only a protocol from the future
examples FOLDER  answers with the example files of the protocol's specification, named by what is asked for
"""

import json
import os
import sys
import time

mode = sys.argv[1]
META = "io.modelcontextprotocol/"
cancelled = []


def send(message):
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def answer(call, result):
    if mode == "modern":
        result = {"resultType": "complete", **result}
    send({"id": call["id"], "result": result})


def fail(call, code, message, data=None):
    error = {"code": code, "message": message}
    if data is not None:
        error["data"] = data
    send({"id": call["id"], "error": error})


TOOLS = [
    {"name": "add", "description": "Adds.", "inputSchema": {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}, "required": ["a", "b"]}},
    {"name": "far", "description": "Has a reference elsewhere.", "inputSchema": {"type": "object", "properties": {"x": {"$ref": "http://127.0.0.1:9/schema.json"}}}},
    {"name": "mute", "inputSchema": {"type": "object"}, "annotations": {"readOnlyHint": True}},
]


def text(words, **more):
    return {"content": [{"type": "text", "text": words}], **more}


def call_tool(call):
    params = call["params"]
    name, given = params["name"], params.get("arguments", {})
    if name == "add":
        answer(call, text(str(given["a"] + given["b"]), structuredContent={"sum": given["a"] + given["b"]}))
    elif name == "fails":
        answer(call, text("it broke", isError=True))
    elif name == "progress":
        token = params["_meta"]["progressToken"]
        for i in (1, 2, 3):
            send({"method": "notifications/progress", "params": {"progressToken": token, "progress": i, "total": 3, "message": "step %d" % i}})
        send({"method": "notifications/progress", "params": {"progressToken": 999, "progress": 1}})
        answer(call, text("done"))
    elif name == "slow":
        pass  # never answered
    elif name == "cancelled":
        answer(call, text(json.dumps(cancelled)))
    elif name == "dies":
        sys.stderr.write("out of cheese\n")
        os._exit(7)
    elif name == "asks":
        if mode == "modern":
            if "inputResponses" in params:
                answer(call, text("hello " + params["inputResponses"]["who"]["content"]["name"] + " " + params["requestState"]))
            else:
                send({"id": call["id"], "result": {"resultType": "input_required", "requestState": "s1", "inputRequests": {"who": {"method": "elicitation/create", "params": {"mode": "form", "message": "Who?", "requestedSchema": {"type": "object", "properties": {"name": {"type": "string"}}}}}}}})
        else:
            send({"id": "q1", "method": "elicitation/create", "params": {"message": "Who?", "requestedSchema": {"type": "object"}}})
            back = json.loads(sys.stdin.readline())
            answer(call, text("hello " + (back["result"]["content"]["name"] if "result" in back else "nobody")))
    else:
        fail(call, -32602, "unknown tool " + name)


def example(method, params):
    """What the specification shows as an answer to this."""

    def read(kind, name):
        with open(os.path.join(sys.argv[2], kind, name), encoding="utf-8") as file:
            return json.load(file)

    if method == "server/discover":
        return read("DiscoverResult", os.listdir(os.path.join(sys.argv[2], "DiscoverResult"))[0])
    if method == "tools/list":
        tools = [read("Tool", name) for name in sorted(os.listdir(os.path.join(sys.argv[2], "Tool")))]
        for i, tool in enumerate(tools):
            tool["name"] += "_%d" % i
        return {"resultType": "complete", "tools": tools, "ttlMs": 0, "cacheScope": "private"}
    kinds = {"tools/call": ("CallToolResult", "name"), "prompts/get": ("GetPromptResult", "name"), "resources/read": ("ReadResourceResult", "uri")}
    kind, key = kinds[method]
    return read(kind, params[key])


for line in sys.stdin:
    call = json.loads(line)
    method = call.get("method")
    if mode == "nonsense":
        for i in range(200):
            print("hello, I am no server")
        sys.stdout.flush()
        continue
    if mode in ("flood", "huge"):
        while True:
            sys.stdout.write("x" * 65536 + ("\n" if mode == "flood" else ""))
    if mode == "examples" and "id" in call:
        send({"id": call["id"], "result": example(method, call["params"])})
        continue
    if method == "notifications/cancelled":
        cancelled.append(call["params"]["requestId"])
    if "id" not in call:
        continue
    if mode == "ancient":
        fail(call, -32022, "no", {"supported": ["2031-01-01"], "requested": "?"})
    elif method == "server/discover":
        if mode == "modern":
            assert call["params"]["_meta"][META + "protocolVersion"] == "2026-07-28"
            answer(call, {"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}, "instructions": "Be kind.", "_meta": {META + "serverInfo": {"name": "scripted", "version": "1"}}})
        elif mode == "deaf":
            os._exit(3)
        elif mode != "silent":
            fail(call, -32601, "no such method")
    elif method == "initialize":
        assert call["params"]["protocolVersion"] == "2025-11-25"
        answer(call, {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": {"name": "scripted", "version": "1"}})
    elif method == "tools/list":
        page = int(call.get("params", {}).get("cursor", "0"))
        answer(call, {"tools": TOOLS[page:page + 1], **({"nextCursor": str(page + 1)} if page + 1 < len(TOOLS) else {})})
    elif method == "tools/call":
        call_tool(call)
    else:
        fail(call, -32601, "no such method")
