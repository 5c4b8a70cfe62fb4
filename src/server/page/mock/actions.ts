// What can be done with the test double's things.

import { Refusal, type Data, type World } from "./api.js";

export function runAction(world: World, resource: string, parts: string[], body: Data): unknown {
  const table = (world.tables[resource] ??= []);
  const [id = "", action = parts[0] ?? ""] = parts;
  if (resource === "keys" && parts.length === 1) {
    if (!String(body["name"] ?? "")) throw new Refusal(422, "A key needs a name.", "name");
    const key = { id: `k_${table.length}`, name: body["name"], tenant: "shop", scopes: body["scopes"] ?? [], budget: body["budget"] === undefined ? {} : { usd_per_month: body["budget"] }, spent: { usd_this_month: 0 } };
    table.push(key);
    world.emit("keys", key.id, "created");
    return { key, secret: "dspy_0123456789abcdef" };
  }
  if (resource === "experiments" && parts.length === 1) return { id: body["name"] };
  if (resource === "traces") return traceAction(world, id, action, body);
  const item = table.find((each) => each["id"] === id);
  if (!item) throw new Refusal(404, `There is no ${id} among the ${resource}.`);
  const changed = () => world.emit(resource, id, "updated");
  switch (`${resource}.${action}`) {
    case "runs.compare":
      return compared(item, table.find((each) => each["id"] === body["other"]));
    case "programs.promote": {
      const number = Number(body["version"]);
      if (body["champion_run"]) return { alias: body["alias"], version: number, promoted: false, gates: [{ gate: "better", passed: false, text: "the difference may be chance (p 0.2)" }] };
      if (!(item["versions"] as Data[]).some((version) => version["number"] === number)) throw new Refusal(422, `There is no version ${number}.`, "version");
      (item["history"] as Data[]).push({ alias: body["alias"], from: (item["aliases"] as Data)[String(body["alias"])] ?? null, to: number, reason: body["reason"] ?? "", at: new Date().toISOString() });
      (item["aliases"] as Data)[String(body["alias"])] = number;
      changed();
      return {};
    }
    case "programs.rollback":
      (item["aliases"] as Data)[String(body["alias"])] = 1;
      changed();
      return {};
    case "programs.compare":
      return { a: {}, b: {}, changes: [], predictors: [{ path: "classify", a: { instructions: "Sort the ticket.", demos: [] }, b: { instructions: "Sort the ticket. Read the whole ticket first.", demos: [] }, same: false }] };
    case "optimizations.stop":
    case "optimizations.resume":
      item["state"] = action === "stop" ? "stopped" : "running";
      changed();
      return {};
    case "indexes.search":
      return { hits: Array.from({ length: Math.min(5, Number(body["k"] ?? 5)) }, (_, at) => ({ id: `handbook/${at}`, source: "handbook.md", text: `Passage ${at + 1} about ${String(body["query"])}. Workspaces are moved under Settings, Regions.`, score: 0.91 - at * 0.11, parts: [{ by: "vector", value: 0.62 - at * 0.08, rank: at }, { by: "words", value: 11.2 - at, rank: 4 - at }, { by: "rerank", value: 2.4 - at, rank: at }] })) };
    case "keys.rotate":
      return { key: { id }, secret: "dspy_fedcba9876543210" };
    case "keys.revoke":
      table.splice(table.indexOf(item), 1);
      world.emit("keys", id, "deleted");
      return {};
    default:
      if (resource === "datasets") return datasetAction(world, id, action, body, item);
      changed();
      return {};
  }
}

function datasetAction(world: World, id: string, action: string, body: Data, item: Data): unknown {
  const rows = (world.rows[id] ??= []);
  const at = Number(body["row"]);
  if (action === "export") return { text: rows.map((row) => JSON.stringify(row["values"])).join("\n"), format: "jsonl" };
  if (action === "add_row") rows.push({ row: rows.length, values: body["values"] });
  else if (action === "import") for (const line of String(body["text"]).split("\n")) rows.push({ row: rows.length, values: JSON.parse(line) as Data });
  else if (!rows[at]) throw new Refusal(404, `There is no row ${at}.`, "row");
  else if (action === "edit_row") {
    if (JSON.stringify(body["expected"]) !== JSON.stringify(rows[at]["values"])) throw new Refusal(409, "Somebody has changed this row meanwhile.", "expected");
    rows[at] = { row: at, values: body["values"] };
  } else if (action === "label") rows[at] = { row: at, values: { ...(rows[at]["values"] as Data), [String(body["field"])]: body["value"] } };
  else if (action === "remove_row") {
    rows.splice(at, 1);
    for (const [place, row] of rows.entries()) row["row"] = place;
  }
  item["rows"] = rows.length;
  world.emit("datasets", id, "updated");
  return { rows: rows.length };
}

function traceAction(world: World, id: string, action: string, body: Data): unknown {
  if (action === "feedback" && typeof body["score"] !== "number") throw new Refusal(422, "A score is a number.", "score");
  world.emit("traces", id, "updated");
  return action === "replay" ? { trace_id: (Number.parseInt(id, 16) - 1).toString(16).padStart(32, "0") } : {};
}

function compared(one: Data, other: Data | undefined): unknown {
  if (!other) throw new Refusal(404, "There is no such run.", "other");
  const a = one["examples"] as Data[];
  const b = other["examples"] as Data[];
  const flips = a.flatMap((row, at) => (row["score"] === b[at]?.["score"] ? [] : [{ index: at, a: row["score"], b: b[at]?.["score"] }]));
  const difference = Number(other["score"]) - Number(one["score"]);
  return { flips, difference, interval: [difference - 0.05, difference + 0.05], p_value: 0.0031 };
}
