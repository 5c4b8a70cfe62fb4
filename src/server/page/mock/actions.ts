// What can be done with the test double's things.

import { Refusal, type Data, type World } from "./api.js";

export function runAction(world: World, resource: string, parts: string[], body: Data): unknown {
  const table = (world.tables[resource] ??= []);
  const [id = "", action = parts[0] ?? ""] = parts;
  if (resource === "keys" && parts.length === 1) {
    if (!String(body["name"] ?? "")) throw new Refusal(422, "A key needs a name.", "name");
    const key = { id: `k_${table.length}`, name: body["name"], tenant: "shop", scopes: body["scopes"] ?? [], budget: body["budget"] ?? null, spent: 0 };
    table.push(key);
    world.emit("keys", key.id, "created");
    return { ...key, key: "dspy_0123456789abcdef" };
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
      const number = Number(body["to"]);
      if (!(item["versions"] as Data[]).some((version) => version["number"] === number)) throw new Refusal(422, `There is no version ${number}.`, "to");
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
      return { difference: "version 4 asks for the whole ticket to be read first" };
    case "optimizations.stop":
    case "optimizations.resume":
      item["state"] = action === "stop" ? "stopped" : "running";
      changed();
      return {};
    case "indexes.search":
      return { hits: Array.from({ length: Math.min(5, Number(body["k"] ?? 5)) }, (_, at) => ({ id: `handbook/${at}`, source: "handbook.md", text: `Passage ${at + 1} about ${String(body["query"])}. Workspaces are moved under Settings, Regions.`, score: 0.91 - at * 0.11, parts: { vector: 0.62 - at * 0.08, words: 0.21 - at * 0.02, rerank: at === 3 ? -0.05 : 0.08 } })) };
    case "keys.rotate":
      return { id, key: "dspy_fedcba9876543210" };
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
  const at = Number(body["index"]);
  if (action === "export") return { text: rows.map((row) => JSON.stringify(row["row"])).join("\n") };
  if (action === "add_row") rows.push({ index: rows.length, row: body["row"] });
  else if (action === "import") for (const row of body["rows"] as Data[]) rows.push({ index: rows.length, row });
  else if (!rows[at]) throw new Refusal(404, `There is no row ${at}.`, "index");
  else if (action === "edit_row") rows[at] = { ...rows[at], row: body["row"] };
  else if (action === "label") rows[at] = { ...rows[at], label: body["label"] };
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
