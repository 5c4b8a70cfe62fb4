// Traces of the test double, each made from its number when it is asked for.

import { categories, random, ticket } from "./texts.js";

export interface MockTrace {
  [name: string]: unknown;
  id: string;
  program: string;
  status: string;
  started_at: string;
  seconds: number;
  text: string;
}

const epoch = Date.UTC(2026, 10, 29, 12, 0, 0);

export function traceSummary(number: number): MockTrace {
  const failed = number % 17 === 3;
  const seconds = 0.08 + random(number) * 2.4;
  const program = number % 5 === 4 ? "rag" : "triage";
  const inputs = program === "rag" ? { question: ticket(number) } : { ticket: `${ticket(number)} (case ${number})` };
  const outputs = failed ? undefined : program === "rag" ? { answer: "As the guide says, under Settings, Regions.", citations: ["guide/regions.md"] } : { category: categories[number % categories.length], urgent: number % 3 === 0 };
  const error = failed ? "The model answered with a category that is not one of the five." : undefined;
  return {
    id: number.toString(16).padStart(32, "0"),
    started_at: new Date(epoch - (100_000 - number) * 1700).toISOString(),
    program,
    version: `1.${number % 4}.0`,
    status: failed ? "error" : number % 211 === 7 ? "unfinished" : "ok",
    seconds,
    ...(number % 9 === 8 ? {} : { cost: random(number + 7) * 0.004 }),
    tokens: 180 + Math.floor(random(number + 3) * 900),
    spans: 3,
    inputs,
    ...(outputs ? { outputs } : {}),
    ...(error ? { error } : {}),
    text: `${Object.values(inputs).join(" ")} ${JSON.stringify(outputs ?? {})} ${error ?? ""}`.toLowerCase(),
  };
}

export function wholeTrace(number: number): Record<string, unknown> {
  const { text: _text, ...summary } = traceSummary(number);
  const start = Date.parse(summary.started_at);
  const at = (share: number) => new Date(start + share * summary.seconds * 1000).toISOString();
  const answer = summary["outputs"] as Record<string, unknown> | undefined;
  const reply = answer ? Object.entries(answer).map(([name, value]) => `${name}: ${typeof value === "string" ? value : JSON.stringify(value)}`).join("\n") : "category: complaint";
  const words = reply.match(/\s*\S+/g) ?? [];
  const messages = [
    { role: "system", text: "Sort the ticket into one category. Answer with the fields category and urgent." },
    { role: "user", text: Object.entries(summary["inputs"] as object).map(([name, value]) => `${name}: ${value}`).join("\n") },
  ];
  const usage = { requests: 1, prompt_tokens: 160, completion_tokens: 24, cost_nanodollars: 412_000 };
  const attempt = (id: number, from: number, share: number, text: string, error?: object) => ({
    id,
    parent: 2,
    kind: "attempt",
    path: "classify",
    lm: "openai/gpt-4.1-mini",
    started_at: at(from),
    seconds: summary.seconds * share,
    messages,
    reply: { completions: [{ text, logprobs: words.map((word, place) => ({ text: word, logprob: Math.log(0.35 + 0.65 * random(number + place)), field: place < 2 ? "category" : "urgent", top: [{ text: " billing", logprob: Math.log(0.3) }, { text: " access", logprob: Math.log(0.1) }], ...(place % 4 === 0 ? { forced: true, logprob: 0 } : {}) })) }], usage },
    ...(error ? { error } : {}),
  });
  const retried = number % 6 === 1;
  return {
    ...summary,
    spans: [
      { id: 1, parent: 0, kind: "program", path: "", started_at: at(0), seconds: summary.seconds, inputs: summary["inputs"], outputs: answer, usage },
      { id: 2, parent: 1, kind: "call", path: "classify", started_at: at(0.02), seconds: summary.seconds * 0.93, inputs: summary["inputs"], outputs: answer, usage, ...(answer ? {} : { error: { code: "unreadable_reply", message: summary["error"] } }) },
      ...(retried ? [attempt(3, 0.03, 0.4, "category complaint", { code: "unreadable_reply", message: "No field was found in the reply." }), attempt(4, 0.45, 0.48, reply)] : [attempt(3, 0.03, 0.9, reply)]),
    ],
    feedback: number % 4 === 0 ? [{ id: `f${number}`, trace_id: summary.id, name: "helpful", score: number % 8 === 0 ? 1 : 0, comment: "Found it at once.", at: at(1) }] : [],
  };
}
