// Our MCP client and server beside the official TypeScript SDKs, over standard input and output and over HTTP on
// 127.0.0.1: version 2 in both eras of the protocol, and version 1, which knows the older one.  The program is
// examples/13_mcp.cpp, a server and a client in one.  Exits with 77 (skipped) where neither SDK, or not the program, is
// there:
//
//     mkdir -p build/mcp-node && npm install --prefix build/mcp-node @modelcontextprotocol/client
//         @modelcontextprotocol/server @modelcontextprotocol/sdk zod
//     cmake --build build/release --target example_13_mcp && ctest --test-dir build/release -R mcp_sdk_typescript
//
// Started with `serve VERSION stdio` or `serve VERSION http`, this file is that SDK's server.

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";

const PROGRAM = path.resolve(process.env.DSPY_MCP_EXAMPLE ?? "build/release/bin/dspy-13_mcp");
const SDK = path.resolve(process.env.DSPY_MCP_NODE ?? "build/mcp-node");
const THIS = fileURLToPath(import.meta.url);

function skip(why) {
  console.log(`skipped: ${why}`);
  process.exit(77);
}

const require = createRequire(path.join(SDK, "package.json"));
/** The members of several modules of one SDK; nothing if it is not installed. */
async function load(...names) {
  try {
    const modules = await Promise.all(names.map(async (name) => import(pathToFileURL(require.resolve(name)).href)));
    return Object.assign({}, ...modules);
  } catch (error) {
    if (error.code !== "MODULE_NOT_FOUND") throw error;
    return undefined;
  }
}

const old = (...names) => names.map((name) => `@modelcontextprotocol/sdk/${name}.js`);
const v1 = await load(
  ...old("client/index", "client/stdio", "client/streamableHttp", "server/mcp", "server/stdio", "server/streamableHttp"),
);
const v2 = await load(
  "@modelcontextprotocol/client", "@modelcontextprotocol/client/stdio",
  "@modelcontextprotocol/server", "@modelcontextprotocol/server/stdio",
);
const zod = await load("zod");

function theirServer({ McpServer }, call) {
  const server = new McpServer({ name: "example", version: "1.0.0" });
  const says = (text) => ({ content: [{ type: "text", text }] });
  const numbers = zod.z.object({ a: zod.z.number(), b: zod.z.number() });
  server.registerTool("add", { description: "Adds two numbers.", inputSchema: numbers }, async ({ a, b }) => says((a + b).toFixed(1)));
  const none = zod.z.object({});
  server.registerTool("count", { description: "Counts to three, and tells.", inputSchema: none }, async (_, context) => {
    const { token, notify } = call(context);
    for (let progress = 1; token !== undefined && progress <= 3; ++progress)
      await notify({ method: "notifications/progress", params: { progressToken: token, progress, total: 3 } });
    return says("counted");
  });
  server.registerTool("sleep", { description: "Sleeps for an hour.", inputSchema: none }, async (_, context) => {
    await new Promise((done) => {
      const timer = setTimeout(done, 3_600_000);
      call(context).signal.addEventListener("abort", () => (clearTimeout(timer), done()));
    });
    return says("slept");
  });
  return server;
}

/** What the versions of the SDK spell in different ways. */
const sdks = {
  v1: v1 && {
    eras: { "2025-11-25": {} },
    client: (options) => new v1.Client({ name: "host", version: "1.0.0" }, options),
    pipes: (...command) => new v1.StdioClientTransport(...command),
    http: (url) => new v1.StreamableHTTPClientTransport(url),
    call: (client, tool, input, options) => client.callTool({ name: tool, arguments: input }, undefined, options),
    server: () => theirServer(v1, (extra) => ({ token: extra._meta?.progressToken, notify: extra.sendNotification, signal: extra.signal })),
    serveStdio: () => sdks.v1.server().connect(new v1.StdioServerTransport()),
    async answer(request, response) {
      const transport = new v1.StreamableHTTPServerTransport({ sessionIdGenerator: undefined });
      const server = sdks.v1.server();
      response.on("close", () => server.close());
      await server.connect(transport);
      await transport.handleRequest(request, response);
    },
  },
  v2: v2 && {
    eras: { "2026-07-28": { versionNegotiation: { mode: "auto" } }, "2025-11-25": { versionNegotiation: { mode: "legacy" } } },
    client: (options) => new v2.Client({ name: "host", version: "1.0.0" }, options),
    pipes: (...command) => new v2.StdioClientTransport(...command),
    http: (url) => new v2.StreamableHTTPClientTransport(url),
    call: (client, tool, input, options) => client.callTool({ name: tool, arguments: input }, options),
    server: () => theirServer(v2, ({ mcpReq }) => ({ token: mcpReq._meta?.progressToken, notify: mcpReq.notify, signal: mcpReq.signal })),
    serveStdio: () => v2.serveStdio(() => sdks.v2.server()),
    async answer(request, response) {
      sdks.v2.handler ??= v2.createMcpHandler(() => sdks.v2.server());
      const gone = new AbortController();
      response.on("close", () => gone.abort());
      const pieces = [];
      for await (const piece of request) pieces.push(piece);
      const body = ["GET", "HEAD"].includes(request.method) ? undefined : Buffer.concat(pieces);
      const answer = await sdks.v2.handler.fetch(
        new Request(`http://${request.headers.host}${request.url}`, {
          method: request.method, headers: request.headers, body, signal: gone.signal }));
      response.writeHead(answer.status, Object.fromEntries(answer.headers));
      if (answer.body) for await (const piece of answer.body) response.write(piece);
      response.end();
    },
  },
};

async function serve(version, how) {
  const sdk = sdks[version];
  if (how === "stdio") return sdk.serveStdio();
  const http = createServer((request, response) => sdk.answer(request, response).catch((error) => (console.error(error), response.destroy(error))));
  http.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${http.address().port}/mcp`));
}

/** What an MCP host does with a server of ours. */
async function useOurServer(sdk, options, transport) {
  const client = sdk.client(options);
  await client.connect(transport);
  const { tools } = await client.listTools();
  assert.deepEqual(tools.map((tool) => tool.name), ["add", "count", "sleep"]);
  assert.deepEqual((await sdk.call(client, "add", { a: 2, b: 40 })).structuredContent, { sum: 42 });
  assert.equal((await sdk.call(client, "add", { a: "x" })).isError, true);

  // Version 1 forgets a call's `onprogress` once its result is there, before it hands on progress that came in the same
  // piece: what arrives is looked at instead.
  const steps = [];
  const handOn = transport.onmessage;
  transport.onmessage = (message, extra) => {
    if (message.method === "notifications/progress") steps.push([message.params.progress, message.params.total]);
    handOn(message, extra);
  };
  assert.equal((await sdk.call(client, "count", {}, { onprogress: () => {} })).content[0].text, "counted");
  assert.deepEqual(steps, [[1, 3], [2, 3], [3, 3]]);

  await assert.rejects(sdk.call(client, "missing", {}), (error) => error.code === -32602);

  const taken = new AbortController();
  setTimeout(() => taken.abort("enough"), 200);
  const begun = Date.now();
  await assert.rejects(sdk.call(client, "sleep", {}, { signal: taken.signal }));
  assert.ok(Date.now() - begun < 5000);

  const { resources } = await client.listResources();
  assert.deepEqual(resources.map((each) => each.uri), ["note://today"]);
  assert.equal((await client.readResource({ uri: "note://today" })).contents[0].text, "Water the plants.");
  // It still answers after the call that was taken back.
  assert.deepEqual((await sdk.call(client, "add", { a: 1, b: 1 })).structuredContent, { sum: 2 });
  await client.close();
}

/** What our client makes of a server of theirs. */
async function useTheirServer(target, protocol) {
  const { stdout } = await promisify(execFile)(PROGRAM, ["--client", target], { timeout: 60_000 });
  assert.deepEqual(stdout.trimEnd().split("\n"), [
    `example speaks ${protocol}`,
    "tool add: Adds two numbers.",
    "tool count: Counts to three, and tells.",
    "tool sleep: Sleeps for an hour.",
    "2 + 40 = 42.0",
    "1 of 3",
    "2 of 3",
    "3 of 3",
    "counted",
    "sleep: deadline_exceeded",
    "add: refused what is not a number",
  ]);
}

async function firstLine(process_) {
  let text = "";
  for await (const piece of process_.stdout) {
    text += piece;
    if (text.includes("\n")) return text.split("\n")[0];
  }
  throw new Error("the server printed nothing");
}

async function withChild(command, use) {
  const child = spawn(command[0], command.slice(1), { stdio: ["pipe", "pipe", "inherit"] });
  try {
    await use(await firstLine(child));
  } finally {
    child.stdin.end("\n");
    child.kill();
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  }
}

async function main() {
  if (!existsSync(PROGRAM)) skip(`${PROGRAM} was not built`);
  if (!zod || (!v1 && !v2)) skip(`no TypeScript SDK is installed in ${SDK}; the head of ${path.basename(THIS)} says how`);
  for (const [version, sdk] of Object.entries(sdks)) {
    if (!sdk) {
      console.log(`${version}: not installed, not tested`);
      continue;
    }
    const eras = Object.entries(sdk.eras);
    for (const [era, options] of eras) {
      await useOurServer(sdk, options, sdk.pipes({ command: PROGRAM, args: ["--serve"] }));
      console.log(`${version}, ${era}: their client, our server over pipes: ok`);
      await withChild([PROGRAM, "--http"], (url) => useOurServer(sdk, options, sdk.http(new URL(url))));
      console.log(`${version}, ${era}: their client, our server over HTTP: ok`);
    }
    await useTheirServer(`${process.execPath} ${THIS} serve ${version} stdio`, eras[0][0]);
    console.log(`${version}: our client, their server over pipes: ok`);
    await withChild([process.execPath, THIS, "serve", version, "http"], (url) => useTheirServer(url, eras[0][0]));
    console.log(`${version}: our client, their server over HTTP: ok`);
  }
}

if (process.argv[2] === "serve") await serve(process.argv[3], process.argv[4]);
else await main();
