import assert from "node:assert/strict";
import { test } from "node:test";

import type { Schema } from "../app/api/types.js";
import { diffLines, diffWords } from "../app/logic/diff.js";
import { controlOf, entryOf, parsed } from "../app/logic/form.js";
import { absent, bytes, count, duration, figure, line, moment, money, percent } from "../app/logic/format.js";
import { PagedList } from "../app/logic/paged.js";
import { hashOf, placeOf } from "../app/logic/router.js";
import { bestSoFar, histogram, ticks } from "../app/logic/scale.js";
import { spanRows } from "../app/logic/spans.js";
import { EventReader } from "../app/logic/sse.js";
import { replyText, tokensOf } from "../app/logic/tokens.js";

test("figures read well, and what is absent is no zero", () => {
  assert.deepEqual([0, 0.00042, 0.0123, 1.239, 59.96, 184, 3600, 90061].map((s) => duration(s)), ["0 s", "420 µs", "12.3 ms", "1.24 s", "60 s", "3 min 4 s", "1 h", "1 d 1 h"]);
  assert.deepEqual([0, 0.0000042, 0.0123, 1.5, -2].map((s) => money(s)), ["$0", "$0.0000042", "$0.012", "$1.50", "-$2.00"]);
  assert.deepEqual([count(1234567), figure(0.123456), figure(1234.5), bytes(3 * 1024 ** 3), percent(0.5)], ["1,234,567", "0.123", "1,235", "3 GiB", "50.0 %"]);
  for (const format of [count, figure, duration, money, percent, bytes, moment, line]) assert.equal(format(undefined), absent);
  assert.equal(line("two\n lines"), "two lines");
  assert.equal(moment("nonsense"), "nonsense");
});

test("a diff turns one text into the other, by the fewest edits", () => {
  const texts = ["", "a\n", "a\nb\nc\n", "a\nx\nc", "b\nc\nd\ne\n", "c\na\nb\n"];
  for (const before of texts) {
    for (const after of texts) {
      const pieces = diffLines(before, after);
      assert.equal(pieces.filter((p) => p.kind !== "added").map((p) => p.text).join(""), before);
      assert.equal(pieces.filter((p) => p.kind !== "removed").map((p) => p.text).join(""), after);
    }
  }
  assert.deepEqual(diffWords("be brief now", "be very brief today"), [
    { kind: "same", text: "be " },
    { kind: "added", text: "very " },
    { kind: "same", text: "brief " },
    { kind: "removed", text: "now" },
    { kind: "added", text: "today" },
  ]);
  const long = Array.from({ length: 4000 }, (_, at) => `${at}`).join("\n");
  const other = Array.from({ length: 4000 }, (_, at) => `x${at}`).join("\n");
  assert.deepEqual(diffLines(long, other).map((p) => p.kind), ["removed", "added"]);
});

test("events are read however the text is cut", () => {
  const text = "\uFEFF: hello\r\nevent: field\r\ndata: {\"a\":\r\ndata: 1}\r\n\r\ndata\n\ndata:x\rid: 7\r\rdata: unfinished";
  const wanted = new EventReader().read(text);
  assert.deepEqual(wanted, [
    { event: "field", data: '{"a":\n1}', id: "" },
    { event: "message", data: "", id: "" },
    { event: "message", data: "x", id: "7" },
  ]);
  for (let size = 1; size < 9; size += 1) {
    const reader = new EventReader();
    const got = [];
    for (let at = 0; at < text.length; at += size) got.push(...reader.read(text.slice(at, at + size)));
    assert.deepEqual(got, wanted);
  }
});

test("places survive any id", () => {
  for (const id of ["7", "a/b?c#d", "50 %", "<img onerror=x>", "été"]) {
    assert.deepEqual(placeOf(hashOf("traces", id, { q: "a&b=c", empty: "" })), { view: "traces", id, params: { q: "a&b=c" } });
  }
  assert.deepEqual(placeOf(""), { view: "playground", id: "", params: {} });
  assert.equal(placeOf("#/traces/%E0%A4").id, "%E0%A4");
});

test("spans become a tree, and none is lost", () => {
  const at = (ms: number) => new Date(1e12 + ms).toISOString();
  const rows = spanRows([
    { id: 3, parent: 1, started_at: at(500), seconds: 0.5 },
    { id: 1, started_at: at(0), seconds: 1 },
    { id: 2, parent: 1, started_at: at(100), seconds: 0.2 },
    { id: 4, parent: 99, started_at: at(600), seconds: 0.1 },
    { id: 5, parent: 6, started_at: at(700) },
    { id: 6, parent: 5, started_at: at(700) },
  ]);
  assert.deepEqual(rows.map((row) => [row.span.id, row.depth]), [[1, 0], [2, 1], [3, 1], [4, 0], [5, 0], [6, 0]]);
  assert.deepEqual([rows[2]?.from, rows[2]?.length], [0.5, 0.5]);
  assert.deepEqual(spanRows([]), []);
});

test("axes, bins and the best so far", () => {
  assert.deepEqual(ticks(0, 1), [0, 0.2, 0.4, 0.6, 0.8, 1]);
  assert.deepEqual(ticks(0.03, 0.17, 3), [0.05, 0.1, 0.15]);
  assert.deepEqual(ticks(5, 5), [5]);
  const bins = histogram([0, 0.5, 1, 1, Number.NaN], 4);
  assert.deepEqual(bins.map((bin) => bin.count), [1, 0, 1, 2]);
  assert.deepEqual(histogram([]), []);
  assert.deepEqual(bestSoFar([{ cost: 2, score: 0.4 }, { cost: 1, score: 0.5 }, { cost: 3 }, { cost: 4, score: 0.9 }]), [
    { cost: 1, score: 0.5 },
    { cost: 2, score: 0.5 },
    { cost: 4, score: 0.9 },
  ]);
});

test("forms: controls from schemas, values from what was typed", () => {
  const control = (schema: Schema) => controlOf({ name: "x", schema });
  assert.deepEqual(control({ type: "integer", minimum: 1 }), { kind: "number", integer: true, min: 1, max: undefined });
  assert.deepEqual(control({ anyOf: [{ type: "null" }, { type: "boolean" }] }), { kind: "boolean" });
  assert.equal(control({ type: "array", items: { type: "array", items: { type: "string" } } }).kind, "json");
  assert.equal(control({ type: "object" }).kind, "json");
  assert.equal(controlOf({ name: "ticket", type: "str" }).kind, "text");
  const cases: [Schema, unknown][] = [
    [{ type: "string" }, "ünï\n"],
    [{ type: "integer" }, -3],
    [{ type: "number" }, 0.5],
    [{ type: "boolean" }, false],
    [{ enum: ["a", 2, null] }, 2],
    [{ type: "array", items: { type: "integer" } }, [1, 2]],
    [{ type: "object" }, { a: [1] }],
  ];
  for (const [schema, value] of cases) {
    assert.deepEqual(parsed(control(schema), entryOf(control(schema), value), true), { value });
  }
  const integer = control({ type: "integer", minimum: 1, maximum: 5 });
  for (const text of ["", "x", "1.5", "0", "6", "1e400", " "]) assert.ok("error" in parsed(integer, text, true), text);
  assert.deepEqual(parsed(integer, "", false), { absent: true });
  assert.ok("error" in parsed({ kind: "json" }, "{", true));
  assert.ok("error" in parsed({ kind: "list", item: integer }, ["1", "9"], true));
});

test("a long list is read as far as somebody looks, and once", async () => {
  const asked: (string | undefined)[] = [];
  const list = new PagedList<number>(async (cursor) => {
    asked.push(cursor);
    const start = Number(cursor ?? 0);
    return { items: [start, start + 1], next: start + 2 < 10 ? String(start + 2) : null, total: 10 };
  }, () => {});
  await Promise.all([list.ensure(0), list.ensure(3)]);
  assert.deepEqual(list.items, [0, 1, 2, 3]);
  assert.equal(list.length, 10);
  await list.ensure(1000);
  assert.equal(list.items.length, 10);
  assert.ok(list.complete);
  assert.deepEqual(asked, [undefined, "2", "4", "6", "8"]);
});

test("a list that fails says so and can go on", async () => {
  let broken = true;
  const list = new PagedList<number>(async () => {
    if (broken) throw new Error("away");
    return { items: [1] };
  }, () => {});
  await list.ensure(0);
  assert.match(String(list.error), /away/);
  broken = false;
  await list.ensure(0);
  assert.deepEqual([list.items, list.error, list.complete], [[1], undefined, true]);
});

test("probabilities of tokens", () => {
  const reply = { completions: [{ text: "Yes", logprobs: [{ text: "Yes", logprob: Math.log(0.25), field: "answer", top: [{ text: "No", logprob: Math.log(0.75) }] }, { text: "\n", logprob: 0, forced: true }] }] };
  const tokens = tokensOf(reply);
  assert.equal(tokens.length, 2);
  assert.ok(Math.abs((tokens[0]?.probability ?? 0) - 0.25) < 1e-9);
  assert.ok(Math.abs((tokens[0]?.top[0]?.probability ?? 0) - 0.75) < 1e-9);
  assert.equal(tokens[1]?.forced, true);
  assert.equal(replyText(reply), "Yes");
  for (const none of [undefined, null, "text", 3, [], {}, { completions: [] }]) assert.deepEqual(tokensOf(none), []);
});
