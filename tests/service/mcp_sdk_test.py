"""Our MCP client and server beside the official Python SDK, over standard input and output and over HTTP on 127.0.0.1.

The program is examples/13_mcp.cpp, a server and a client in one.  Exits with 77 (skipped) where the SDK or the program is
not there:

    python3 -m venv build/sdks && build/sdks/bin/pip install 'mcp>=2.3'
    cmake --build build/release --target example_13_mcp && ctest --test-dir build/release -L service
    build/sdks/bin/python tests/service/mcp_sdk_test.py --latency   # what a call over pipes costs, by either client
"""

import asyncio
import os
import pathlib
import socket
import subprocess
import sys
import textwrap
import time

PROGRAM = os.environ.get("DSPY_MCP_EXAMPLE", "build/release/bin/dspy-13_mcp")

try:
    from mcp import Client, MCPError, StdioServerParameters
except ImportError as missing:
    print(f"skipped: {missing}; install the SDK as this file says")
    sys.exit(77)
if not pathlib.Path(PROGRAM).exists():
    print(f"skipped: {PROGRAM} was not built")
    sys.exit(77)

SERVER = textwrap.dedent('''
    import asyncio, sys
    from mcp.server.mcpserver import Context, MCPServer

    server = MCPServer("example")

    @server.tool()
    def add(a: float, b: float) -> float:
        """Adds two numbers."""
        return a + b

    @server.tool()
    async def count(context: Context) -> str:
        """Counts to three, and tells."""
        for i in range(1, 4):
            await context.report_progress(i, 3)
        return "counted"

    @server.tool()
    async def sleep() -> str:
        """Sleeps for an hour."""
        await asyncio.sleep(3600)
        return "slept"

    if sys.argv[1] == "stdio":
        server.run("stdio")
    else:
        server.run("streamable-http", host="127.0.0.1", port=int(sys.argv[1]))
''')


async def use_our_server(target, mode):
    """What an MCP host does with a server of ours."""
    async with Client(target, mode=mode) as client:
        names = [tool.name for tool in (await client.list_tools()).tools]
        assert names == ["add", "count", "sleep"], names
        result = await client.call_tool("add", {"a": 2, "b": 40})
        assert result.structured_content == {"sum": 42}, result
        assert (await client.call_tool("add", {"a": "x"})).is_error
        steps = []

        async def on_progress(progress, total, message):
            steps.append((progress, total))

        assert (await client.call_tool("count", {}, progress_callback=on_progress)).content[0].text == "counted"
        assert steps == [(1, 3), (2, 3), (3, 3)], steps
        try:
            await client.call_tool("missing", {})
            raise AssertionError("an unknown tool was no error")
        except MCPError as error:
            assert error.code == -32602, error
        begun = time.monotonic()
        try:
            await asyncio.wait_for(client.call_tool("sleep", {}), 0.3)
            raise AssertionError("it slept")
        except (asyncio.TimeoutError, TimeoutError):
            assert time.monotonic() - begun < 5
        resource = await client.read_resource("note://today")
        assert resource.contents[0].text == "Water the plants."
        # It still answers after the call that was taken back.
        assert (await client.call_tool("add", {"a": 1, "b": 1})).structured_content == {"sum": 2}


def use_their_server(target):
    """What our client makes of a server of theirs."""
    run = subprocess.run([PROGRAM, "--client", target], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    lines = run.stdout.splitlines()
    assert lines[0] in ("example speaks 2026-07-28", "example speaks 2025-11-25"), lines
    assert lines[1:] == ["tool add: Adds two numbers.", "tool count: Counts to three, and tells.", "tool sleep: Sleeps for an hour.",
                         "2 + 40 = 42.0", "1 of 3", "2 of 3", "3 of 3", "counted", "sleep: deadline_exceeded",
                         "add: refused what is not a number"], lines
    return lines[0]


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_for(port, process):
    for _ in range(300):
        assert process.poll() is None, "the server ended"
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the server did not start")


def latency():
    """Calls one after the other of our server's `add`, by their client."""

    async def measure(count):
        async with Client(StdioServerParameters(command=PROGRAM, args=["--serve"])) as client:
            await client.call_tool("add", {"a": 1, "b": 1})
            begun = time.perf_counter()
            for i in range(count):
                await client.call_tool("add", {"a": i, "b": 1})
            return (time.perf_counter() - begun) / count * 1e6

    print(f"the SDK's client, our server: {asyncio.run(measure(500)):.0f} us a call")
    run = subprocess.run([PROGRAM, "--latency"], capture_output=True, text=True, check=True)
    print(run.stdout.strip())


def main():
    if "--latency" in sys.argv:
        latency()
        return
    for mode in ("auto", "legacy"):
        asyncio.run(use_our_server(StdioServerParameters(command=PROGRAM, args=["--serve"]), mode))
        print(f"their client ({mode}), our server over pipes: ok")
    http = subprocess.Popen([PROGRAM, "--http"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        url = http.stdout.readline().strip()
        for mode in ("auto", "legacy"):
            asyncio.run(use_our_server(url, mode))
            print(f"their client ({mode}), our server over HTTP: ok")
    finally:
        http.communicate("\n", timeout=30)
    script = pathlib.Path("build/mcp_sdk_server.py")
    script.write_text(SERVER)
    print("our client, their server over pipes: ok,", use_their_server(f"{sys.executable} {script} stdio"))
    port = free_port()
    theirs = subprocess.Popen([sys.executable, str(script), str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(port, theirs)
        print("our client, their server over HTTP: ok,", use_their_server(f"http://127.0.0.1:{port}/mcp"))
    finally:
        theirs.terminate()
        theirs.wait(30)


main()
