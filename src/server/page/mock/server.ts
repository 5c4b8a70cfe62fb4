// A server that answers as `dspy serve` does, with made-up data: what the page is developed and tested against.

import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";

import { answerApi, type World } from "./api.js";
import { datasetRow, tables } from "./data.js";

export interface MockOptions {
  /** Where the built page is. */
  dist: string;
  port?: number;
  traces?: number;
  /** Puts hostile text into every field of every answer. */
  hostile?: boolean;
  /** Wanted in each request of the API. */
  key?: string;
  /** No resource has any item. */
  empty?: boolean;
}

export interface Mock {
  url: string;
  world: World;
  emit(resource: string, id: string, change: string): void;
  /** Ends every event stream, as a server that goes away does. */
  dropStreams(): void;
  close(): Promise<void>;
}

/** As the real server sends them. */
export const pageHeaders = {
  "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
};

const types: Record<string, string> = { ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml", ".md": "text/plain; charset=utf-8" };

export async function startMock(options: MockOptions): Promise<Mock> {
  const world: World = { tables: options.empty ? {} : tables(), rows: Object.fromEntries(["tickets", "hard cases"].map((name) => [name, Array.from({ length: name === "tickets" ? 1200 : 14 }, (_, at) => datasetRow(at))])), traces: options.empty ? 0 : (options.traces ?? 400), hostile: options.hostile === true, empty: options.empty === true, streams: new Set(), requests: [], emit };
  function emit(resource: string, id: string, change: string): void {
    for (const stream of world.streams) stream.write(`event: ${resource}\ndata: ${JSON.stringify({ id, change })}\n\n`);
  }
  const server: Server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      if (!response.headersSent) response.writeHead(500, { "content-type": "application/json" });
      response.end(JSON.stringify({ error: { message: String(error), type: "internal_error" } }));
    });
  });
  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", "http://mock");
    world.requests.push(`${request.method} ${url.pathname}${url.search}`);
    if (url.pathname === "/" || url.pathname.startsWith("/assets/")) return sendFile(url.pathname, response);
    const open = /^\/(healthz|readyz)$/.test(url.pathname);
    if (options.key && !open && request.headers.authorization !== `Bearer ${options.key}`) {
      response.writeHead(401, { "content-type": "application/json", "www-authenticate": "Bearer" });
      response.end(JSON.stringify({ error: { message: "A key is needed.", type: "auth_error" } }));
      return;
    }
    await answerApi(world, request, response, url);
  }
  async function sendFile(path: string, response: ServerResponse): Promise<void> {
    const name = path === "/" ? "index.html" : normalize(path).replace(/^(\.\.[/\\])+/, "");
    try {
      const content = await readFile(join(options.dist, name));
      response.writeHead(200, { ...pageHeaders, "content-type": types[extname(name)] ?? "application/octet-stream" });
      response.end(content);
    } catch {
      response.writeHead(404, { "content-type": "text/plain" });
      response.end("not found");
    }
  }
  await new Promise<void>((resolve) => server.listen(options.port ?? 0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    world,
    emit,
    dropStreams: () => {
      for (const stream of world.streams) stream.destroy();
      world.streams.clear();
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
