// What the test double has of each resource.

import { categories, random, ticket } from "./texts.js";

type Data = Record<string, unknown>;

const texts = (name: string, title: string, more: Data = {}) => ({ name, type: "str", title, ...more });
const input = (name: string, type: string, schema: Data, required = true, desc = "") => ({ name, type, desc, schema, required });
const one = (name: string, title: string, inputs: Data[] = [], confirm = false) => ({ name, title, method: "POST", on: "one", inputs, confirm, scope: "write" });

export const resources = [
  { name: "programs", title: "Registry", fields: [texts("name", "Name", { searchable: true, sortable: true }), texts("newest", "Newest"), texts("aliases", "Aliases"), { name: "score", type: "float", title: "Score", sortable: true }, texts("created_at", "Added", { sortable: true })], relations: [], actions: [one("promote", "Promote", [input("alias", "str", { type: "string", default: "production" }), input("version", "str", { type: "string" }), input("expected", "Optional[int]", { anyOf: [{ type: "integer" }, { type: "null" }] }, false), input("reason", "Optional[str]", { anyOf: [{ type: "string" }, { type: "null" }] }, false), input("champion_run", "Optional[str]", { type: "string" }, false), input("challenger_run", "Optional[str]", { type: "string" }, false)], true), one("rollback", "Roll back", [input("alias", "str", { type: "string", default: "production" })], true), one("compare", "Compare", [input("a", "str", { type: "string" }), input("b", "str", { type: "string" })])] },
  { name: "runs", title: "Evaluations", fields: [texts("id", "Run"), texts("program", "Program", { searchable: true }), texts("dataset", "Dataset"), texts("metric", "Metric"), { name: "score", type: "float", title: "Score in percent", sortable: true }, texts("created_at", "Created", { sortable: true })], relations: [{ field: "program", to: "programs" }], actions: [one("compare", "Compare", [input("other", "str", { type: "string" })])] },
  { name: "traces", title: "Traces", fields: [texts("id", "Trace"), texts("program", "Program"), texts("status", "Status")], relations: [], actions: [one("replay", "Replay", [input("model", "str", { type: "string" }, false)]), one("to_dataset", "Send to dataset", [input("dataset", "str", { enum: ["tickets", "hard cases"] })]), one("feedback", "Feedback", [input("name", "str", { type: "string" }), input("score", "float", { type: "number", minimum: 0, maximum: 1 }), input("comment", "str", { type: "string" }, false)])] },
  { name: "datasets", title: "Datasets", fields: [texts("name", "Name", { searchable: true }), { name: "rows", type: "int", title: "Rows" }, texts("fields", "Fields"), texts("changed_at", "Changed")], relations: [], actions: [one("add_row", "Add a row"), one("edit_row", "Edit a row"), one("label", "Label"), one("remove_row", "Remove a row", [input("row", "int", { type: "integer" })], true), one("import", "Import", [input("text", "str", { type: "string" })]), one("export", "Export"), { ...one("import", "Import", [input("name", "str", { type: "string" }), input("text", "str", { type: "string" })]), on: "all" }] },
  { name: "experiments", title: "Experiments", fields: [texts("name", "Name"), texts("state", "State"), texts("program", "Program"), texts("started_at", "Started")], relations: [], actions: [one("stop", "Stop", [], true), one("result", "Result"), { ...one("start", "Start an experiment", [input("name", "str", { type: "string" }), input("program", "str", { type: "string" }), input("share", "float", { type: "number", minimum: 0, maximum: 1 })]), on: "all" }] },
  { name: "optimizations", title: "Optimizations", fields: [texts("id", "Run"), texts("program", "Program"), texts("optimizer", "Optimizer"), texts("state", "State"), { name: "best", type: "float", title: "Best", sortable: true }, { name: "spent", type: "float", title: "Spent" }, texts("started_at", "Started")], relations: [], actions: [one("stop", "Stop", [], true), one("resume", "Resume")] },
  { name: "keys", title: "Keys", fields: [texts("name", "Name"), texts("tenant", "Tenant"), texts("scopes", "Scopes"), { name: "budget", type: "float", title: "Budget" }, { name: "spent", type: "float", title: "Spent" }, texts("last_used", "Last used"), texts("expires_at", "Expires")], relations: [], actions: [{ ...one("create", "Create a key", [input("name", "str", { type: "string" }), input("scopes", "list[str]", { type: "array", items: { type: "string" } }), input("budget", "float", { type: "number", minimum: 0 }, false, "In USD a month.")]), on: "all" }, one("rotate", "Rotate", [], true), one("revoke", "Revoke", [], true)] },
  { name: "indexes", title: "Indexes", fields: [texts("name", "Name"), { name: "passages", type: "int", title: "Passages" }, { name: "dimension", type: "int", title: "Dimension" }], relations: [], actions: [one("search", "Search")] },
  { name: "agents", title: "Agents", fields: [texts("id", "Run"), texts("agent", "Agent"), texts("state", "State"), texts("started_at", "Started")], relations: [], actions: [] },
  { name: "feedback", title: "Feedback", fields: [texts("id", "Feedback"), texts("trace_id", "Trace"), texts("name", "Name"), { name: "score", type: "float", title: "Score" }, texts("comment", "Comment"), texts("at", "Given")], relations: [], actions: [] },
  { name: "jobs", title: "Jobs", fields: [texts("id", "Job"), texts("program", "Program"), texts("state", "State"), texts("created_at", "Created"), { name: "inputs", type: "json", title: "Inputs" }], relations: [], actions: [] },
];

export const programs = [
  {
    name: "triage",
    version: "1.3.0",
    source: "registry:triage@production",
    loaded_at: "2026-11-29T11:00:00.000Z",
    signature: "ticket: str, priority: int, tags: list[str] -> category: Literal['billing','access','howto','bug','sales'], urgent: bool",
    instructions: "Sort the ticket into one category and say whether it cannot wait.",
    inputs: [input("ticket", "str", { type: "string" }, true, "What the customer wrote."), input("language", "Literal['en','de','fr']", { enum: ["en", "de", "fr"] }, false), input("priority", "int", { type: "integer", minimum: 1, maximum: 5 }, false), input("tags", "list[str]", { type: "array", items: { type: "string" } }, false), input("vip", "bool", { type: "boolean" }, false), input("customer", "Customer", { type: "object", properties: { plan: { type: "string" } } }, false)],
    outputs: [input("category", "Literal[…]", { enum: categories }), input("urgent", "bool", { type: "boolean" }), input("reason", "str", { type: "string" })],
    predictors: ["classify"],
  },
  { name: "rag", version: "0.4.1", source: "rag.json", loaded_at: "2026-11-29T11:00:00.000Z", signature: "question -> answer, citations: list[str]", instructions: "Answer from the passages, with citations.", inputs: [input("question", "str", { type: "string" })], outputs: [input("answer", "str", { type: "string" }), input("citations", "list[str]", { type: "array", items: { type: "string" } })], predictors: ["search", "answer"] },
];

const at = (minutes: number) => new Date(Date.UTC(2026, 10, 29, 12, 0) - minutes * 60_000).toISOString();

function examples(seed: number, rate: number): Data[] {
  return Array.from({ length: 240 }, (_, place) => {
    const right = random(place * 31 + seed) < rate;
    const expected = categories[place % 5];
    const failed = !right && place % 40 === 11;
    return { index: place, score: failed ? 0 : right ? 1 : random(place + seed) * 0.7, inputs: { ticket: ticket(place) }, outputs: failed ? {} : { category: right ? expected : categories[(place + 2) % 5] }, expected: { category: expected }, ...(failed ? { error: "The deadline passed." } : {}) };
  });
}

function run(id: string, seed: number, rate: number, minutes: number): Data {
  const rows = examples(seed, rate);
  const score = rows.reduce((sum, row) => sum + Number(row["score"]), 0) / rows.length;
  return { id, program: `triage:${seed}`, dataset: "tickets", metric: "exact category", score: score * 100, interval: { low: score * 100 - 4, high: score * 100 + 4 }, n: rows.length, done: rows.length, failures: rows.filter((row) => row["error"]).length, created_at: at(minutes), seconds: 41.2, usage: { requests: 240, cost_nanodollars: 180_000_000 }, state: "done", examples: rows };
}

const instructions = [
  "Sort the ticket into one category.",
  "Sort the ticket into exactly one category. Read the whole ticket first.",
  "Sort the ticket into exactly one category. Read the whole ticket first; money questions are billing even if they mention a bug.",
  "You sort support tickets. Read the whole ticket first; money questions are billing even if they mention a bug. Urgent means that somebody cannot work.",
];

export function tables(): Record<string, Data[]> {
  return {
    programs: [
      { id: "triage", name: "triage", newest: "1.3.0", aliases: { production: 3, staging: 4 }, score: 0.91, created_at: at(40), versions: [1, 2, 3, 4].map((number) => ({ number, version: `1.${number - 1}.0`, digest: `sha256:${number}`, parent: number === 1 ? null : number - 1, score: 0.7 + number * 0.055, metric: "exact category", created_at: at(3000 - number * 700), optimizer: { name: number === 1 ? "none" : "GEPA", seed: number }, examples: 240, requests: number * 800 })), history: [{ alias: "", to: 1, at: at(2300), reason: "" }, { alias: "production", from: null, to: 1, reason: "first", at: at(2200) }, { alias: "production", from: 1, to: 3, reason: "better on tickets, p 0.01", at: at(300) }] },
      { id: "rag", name: "rag", newest: "0.4.1", aliases: { production: 1 }, score: 0.77, created_at: at(500), versions: [{ number: 1, version: "0.4.1", created_at: at(500), score: 0.77 }], history: [] },
    ],
    runs: [run("run-0042", 4, 0.86, 30), run("run-0041", 3, 0.74, 90), run("run-0040", 2, 0.55, 500)],
    datasets: [
      { id: "tickets", name: "tickets", rows: 1200, fields: ["ticket", "category", "urgent"], changed_at: at(60) },
      { id: "hard cases", name: "hard cases", rows: 14, fields: ["ticket", "category", "urgent"], changed_at: at(9) },
    ],
    experiments: [{ id: "triage-3-4", name: "triage-3-4", state: "running", program: "triage", started_at: at(700), arms: [{ name: "triage:3", weight: 0.5 }, { name: "triage:4", weight: 0.5 }], counts: { "triage:3": 812, "triage:4": 797 }, metric: "helpful", result: { control: "triage:3", control_mean: 0.81, ratio_is_fine: true, comparisons: [{ arm: "triage:4", mean: 0.844, difference: 0.034, interval: { low: 0.006, high: 0.062 }, test: "welch", p_value: 0.021, adjusted_p_value: 0.021 }] } }],
    optimizations: [
      { id: "opt-7", program: "triage", optimizer: "GEPA", state: "running", best: 0.912, spent: { requests: 3120, cost: 1.42 }, seconds: 380, started_at: at(8), points: Array.from({ length: 26 }, (_, place) => ({ cost: 0.05 + place * 0.054, score: Math.min(0.93, 0.6 + 0.32 * (1 - Math.exp(-place / 7)) - random(place) * 0.18 + (place % 6 === 0 ? 0.02 : 0)) })), candidates: instructions.map((text, place) => ({ id: place, ...(place === 0 ? {} : { parent: place - 1, parents: [place - 1] }), score: 0.68 + place * 0.075, origin: "reflection", prompt_size: text.length + place * 40, prompts: { classify: { instructions: text, demos: place > 1 ? [{ ticket: ticket(place), category: categories[place] }] : [] } } })), front: [{ candidate: 1, best_at: 70 }, { candidate: 3, best_at: 210 }] },
      { id: "opt-6", program: "rag", optimizer: "MIPROv2", state: "stopped", best: 0.77, spent: { requests: 900, cost: 3.1 }, seconds: 1200, started_at: at(900), points: [{ cost: 0.5, score: 0.7 }, { cost: 3.1, score: 0.77 }], candidates: [], front: [] },
    ],
    keys: [
      { id: "k_9f31", name: "shop backend", tenant: "shop", scopes: ["run", "traces"], expires_at: "2027-03-01T00:00:00.000Z", budget: { usd_per_month: 50, tokens_per_day: 2_000_000 }, spent: { usd_this_month: 47.12, tokens_today: 81_000 }, last_used: at(1) },
      { id: "k_02aa", name: "analysts", tenant: "shop", scopes: ["read"], budget: {}, spent: { usd_this_month: 0 } },
    ],
    indexes: [{ id: "handbook", name: "handbook", passages: 48_210, dimension: 384 }],
    agents: [
      { id: "a-31", job: "j-31", agent: "assistant", turns: 2, state: "waiting", started_at: at(3), seconds: 44, waiting: [{ call: "c1", tool: "refund", arguments: { invoice: "2026-0311", amount: 49.9 } }], transcript: "assistant, begun", events: [
          { kind: "begun", agent: "assistant", inputs: { request: "Please refund the second charge of March." }, at: 1_764_417_420_000 },
          { kind: "turn", thought: "I should look at the invoices first.", calls: [{ id: "c0", tool: "find_invoices", arguments: { customer: 77, month: "2026-03" } }], usage: { requests: 1, prompt_tokens: 412, completion_tokens: 30 }, at: 1_764_417_421_000 },
          { kind: "finished", call: "c0", outcome: { value: [{ invoice: "2026-0311", amount: 49.9 }, { invoice: "2026-0312", amount: 49.9 }] }, at: 1_764_417_422_000 },
          { kind: "turn", thought: "Two invoices of the same amount. I ask to refund the first.", calls: [{ id: "c1", tool: "refund", arguments: { invoice: "2026-0311", amount: 49.9 } }], at: 1_764_417_424_000 },
        ] },
      { id: "a-30", job: "j-30", agent: "assistant", turns: 1, state: "done", started_at: at(70), seconds: 12, waiting: [], transcript: "assistant, begun\n  question:\n    Which plan has single sign-on?\n\nTurn 1\n  It calls nothing." },
    ],
    feedback: [{ id: "f1", trace_id: "0".repeat(32), name: "helpful", score: 1, comment: "Found it at once.", at: at(2) }],
    jobs: [
      { id: "j-31", program: "assistant", state: "waiting", created_at: at(3), updated_at: at(2), attempts: 1, inputs: { request: "Please refund the second charge of March." }, waiting: [{ call: "c1", tool: "refund", arguments: { invoice: "2026-0311", amount: 49.9 } }] },
      { id: "j-30", program: "assistant", state: "done", created_at: at(70), inputs: { request: "Which plan has single sign-on?" }, outputs: { answer: "Business and above." }, answer: { seconds: 12 } },
    ],
  };
}

export function datasetRow(place: number): Data {
  return { row: place, values: { ticket: `${ticket(place)} (row ${place + 1})`, category: categories[place % 5], urgent: place % 3 === 0 } };
}
