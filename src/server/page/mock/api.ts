// The API of the test double.

import type { IncomingMessage, ServerResponse } from "node:http";

import { runAction } from "./actions.js";
import { programs, resources } from "./data.js";
import { poisoned } from "./texts.js";
import { traceSummary, wholeTrace } from "./traces.js";

export type Data = Record<string, unknown>;

export interface World {
  tables: Record<string, Data[]>;
  rows: Record<string, Data[]>;
  traces: number;
  hostile: boolean;
  empty: boolean;
  streams: Set<ServerResponse>;
  requests: string[];
  emit: (resource: string, id: string, change: string) => void;
}

export class Refusal extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly field?: string,
  ) {
    super(message);
  }
}

export async function answerApi(world: World, request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
  const body = await bodyOf(request);
  try {
    const value = await route(world, request.method ?? "GET", url, body, response, request);
    if (value !== undefined) send(response, 200, world.hostile && !url.pathname.startsWith("/api/resources") ? poisoned(value) : value);
  } catch (error) {
    const refusal = error instanceof Refusal ? error : new Refusal(500, String(error));
    const text = { message: refusal.message, type: refusal.status === 404 ? "not_found" : "bad_input", ...(refusal.field ? { field: refusal.field } : {}) };
    send(response, refusal.status, { error: world.hostile ? poisoned(text) : text });
  }
}

async function route(world: World, method: string, url: URL, body: Data, response: ServerResponse, request: IncomingMessage): Promise<unknown> {
  const path = url.pathname;
  if (path === "/healthz") return { ok: true };
  if (path === "/readyz") return { ready: true, problems: [] };
  if (path === "/api/events") return openEvents(world, response, request);
  if (path === "/api/resources") return { resources };
  if (path === "/api/system") return system(world);
  if (path === "/v1/programs") return { programs: world.empty ? [] : programs };
  const run = /^\/v1\/programs\/([^/:]+)(?::(\w+))?$/.exec(path);
  if (run) return runProgram(world, decodeURIComponent(run[1] ?? ""), run[2] ?? "", body, response);
  const approve = /^\/v1\/jobs\/([^/:]+):approve$/.exec(path);
  if (approve) return approved(world, decodeURIComponent(approve[1] ?? ""), body);
  if (path === "/v1/jobs") return { jobs: (world.tables["jobs"] ?? []).filter((job) => !url.searchParams.get("state") || job["state"] === url.searchParams.get("state")) };
  const job = /^\/v1\/jobs\/([^/:]+)(:cancel)?$/.exec(path);
  if (job) return oneJob(world, decodeURIComponent(job[1] ?? ""), job[2] !== undefined);
  const parts = path.split("/").slice(2).map(decodeURIComponent);
  const [resource = "", id, action] = parts;
  if (!path.startsWith("/api/") || !resources.some((each) => each.name === resource)) throw new Refusal(404, `There is no ${path}.`);
  if (method === "POST") return runAction(world, resource, parts.slice(1), body);
  if (id === undefined) return resource === "traces" ? traceList(world, url.searchParams) : list(world.tables[resource] ?? [], url.searchParams);
  if (resource === "datasets" && action === "rows") return list(world.rows[id] ?? [], url.searchParams);
  if (resource === "traces") return wholeOf(world, id);
  const item = (world.tables[resource] ?? []).find((each) => each["id"] === id);
  if (!item) throw new Refusal(404, `There is no ${id} among the ${resource}.`);
  return item;
}

function wholeOf(world: World, id: string): unknown {
  const number = Number.parseInt(id, 16);
  if (!(number < world.traces)) throw new Refusal(404, `There is no trace ${id}.`);
  return wholeTrace(number);
}

function list(items: Data[], params: URLSearchParams): unknown {
  const words = (params.get("q") ?? "").toLowerCase().split(/\s+/).filter(Boolean);
  const state = params.get("state");
  let kept = items.filter((item) => words.every((word) => JSON.stringify(item).toLowerCase().includes(word)) && (!state || item["state"] === state));
  const sort = params.get("sort");
  if (sort) {
    const [name, sign] = sort.startsWith("-") ? [sort.slice(1), -1] : [sort, 1];
    kept = [...kept].sort((a, b) => (Number(a[name]) - Number(b[name]) || String(a[name]).localeCompare(String(b[name]))) * sign);
  }
  const from = Number(params.get("cursor") ?? 0);
  const limit = Math.min(1000, Number(params.get("limit") ?? 50));
  const page = kept.slice(from, from + limit).map(({ examples: _examples, candidates: _candidates, versions: _versions, transcript: _transcript, events: _events, ...item }) => item);
  return { items: page, next: from + limit < kept.length ? String(from + limit) : null, total: kept.length };
}

/** The newest first; a total only where it is small, as counting many would take long. */
function traceList(world: World, params: URLSearchParams): unknown {
  const words = (params.get("q") ?? "").toLowerCase().split(/\s+/).filter(Boolean);
  const wanted = ["status", "program"].map((name) => [name, params.get(name)] as const).filter(([, value]) => value);
  const sort = params.get("sort") ?? "-started_at";
  const limit = Math.min(1000, Number(params.get("limit") ?? 50));
  const from = Number(params.get("cursor") ?? 0);
  const plain = words.length === 0 && wanted.length === 0;
  const numbers: number[] = [];
  if (plain && sort.endsWith("started_at")) {
    for (let at = from; at < Math.min(from + limit, world.traces); at += 1) numbers.push(sort.startsWith("-") ? world.traces - 1 - at : at);
    return { items: numbers.map((number) => traceSummary(number)), next: from + limit < world.traces ? String(from + limit) : null, ...(world.traces <= 1000 ? { total: world.traces } : {}) };
  }
  const found = [];
  for (let number = world.traces - 1; number >= 0; number -= 1) {
    const trace = traceSummary(number);
    if (words.every((word) => trace.text.includes(word)) && wanted.every(([name, value]) => trace[name] === value)) found.push(trace);
  }
  const name = sort.replace(/^-/, "");
  if (name !== "started_at") found.sort((a, b) => (Number(a[name] ?? -1) - Number(b[name] ?? -1)) * (sort.startsWith("-") ? -1 : 1));
  return { items: found.slice(from, from + limit), next: from + limit < found.length ? String(from + limit) : null, ...(found.length <= 1000 ? { total: found.length } : {}) };
}

async function runProgram(world: World, name: string, verb: string, body: Data, response: ServerResponse): Promise<unknown> {
  const program = programs.find((each) => each.name === name);
  if (!program) throw new Refusal(404, `There is no program ${name}; there are triage and rag.`);
  if (verb === "" && !body["inputs"]) return program;
  const inputs = (body["inputs"] ?? {}) as Data;
  const options = (body["options"] ?? {}) as Data;
  if (verb === "render") return { messages: [{ role: "system", text: `${program.instructions}${options["demos"] === false ? "" : "\n\nExample:\nticket: I was charged twice\ncategory: billing"}` }, { role: "user", text: Object.entries(inputs).map(([field, value]) => `${field}: ${typeof value === "string" ? value : JSON.stringify(value)}`).join("\n") }], tokens: 84 };
  if (String(inputs["ticket"] ?? "").includes("fail")) throw new Refusal(422, "The model's reply has no category.", "category");
  const reason = `The customer writes about ${String(inputs["ticket"] ?? inputs["question"] ?? "").slice(0, 400)}`;
  const outputs: Data = name === "rag" ? { answer: reason, citations: ["guide/regions.md"] } : { category: "billing", urgent: true, reason };
  const done = { outputs, usage: { requests: 1, prompt_tokens: 84, completion_tokens: 31, cost: 0.000052 }, version: program.version, trace_id: (world.traces - 2).toString(16).padStart(32, "0"), flags: options["adapter"] === "json" ? [{ field: "category", repair: "a comma was missing" }] : [], seconds: 0.41 };
  if (verb !== "stream") return done;
  response.writeHead(200, { "content-type": "text/event-stream" });
  const clean = world.hostile ? poisoned(done) : done;
  const pause = String(inputs["ticket"] ?? "").includes("slow") ? 300 : 8;
  for (const [field, value] of Object.entries(clean.outputs)) {
    for (const text of (typeof value === "string" ? value : JSON.stringify(value)).match(/.{1,9}/gsu) ?? []) {
      if (response.destroyed) return undefined;
      response.write(`event: field\ndata: ${JSON.stringify({ field, text })}\n\n`);
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
  response.end(`event: done\ndata: ${JSON.stringify(clean)}\n\n`);
  return undefined;
}

function oneJob(world: World, id: string, cancel: boolean): Data {
  const job = (world.tables["jobs"] ?? []).find((each) => each["id"] === id);
  if (!job) throw new Refusal(404, `There is no job ${id}.`);
  if (cancel) {
    Object.assign(job, { state: "cancelled", waiting: [] });
    world.emit("jobs", id, "updated");
  }
  return job;
}

function approved(world: World, id: string, body: Data): unknown {
  const job = oneJob(world, id, false);
  Object.assign(job, { state: "running", waiting: [], decided: body });
  world.emit("jobs", id, "updated");
  return { id, state: job["state"] };
}

function openEvents(world: World, response: ServerResponse, request: IncomingMessage): undefined {
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
  response.write(": hello\n\n");
  world.streams.add(response);
  request.on("close", () => world.streams.delete(response));
  return undefined;
}

let asked = 0;
function system(world: World): unknown {
  asked += 1;
  return { version: "0.1.0", uptime: 86_400 + asked * 2, memory_bytes: 24_000_000 + 900_000 * Math.sin(asked / 3), queue: { waiting: asked % 5, running: 2 + (asked % 3), limit: 256 }, models: world.empty ? [] : [{ name: "llama:qwen3", kind: "lm", stats: { requests: 1234, tokens_per_second: 61.2, prompt_tree_cells: 18_400, memory_bytes: 913_000_000 } }, { name: "openai/gpt-4.1-mini", kind: "lm", stats: { requests: 88, errors: 1 } }, { name: "bge-small", kind: "embedder" }], programs: 2, costs: { today: 1.42, this_month: 31.7 }, dropped_traces: 0 };
}

async function bodyOf(request: IncomingMessage): Promise<Data> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  if (chunks.length === 0) return {};
  return JSON.parse(Buffer.concat(chunks).toString("utf8")) as Data;
}

function send(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(value));
}
