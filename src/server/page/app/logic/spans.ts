// A trace's spans as the tree that they are, laid out on one line of time.

import type { Span } from "../api/types.js";

export interface SpanRow {
  span: Span;
  depth: number;
  /** Of the whole trace, from 0 to 1; absent where the span has no time. */
  from?: number;
  length?: number;
  children: number;
}

/**
 * Parents before their children, these by when they began. A span whose parent is missing, or that is its own ancestor,
 * stands at the top, so that none is lost.
 */
export function spanRows(spans: Span[]): SpanRow[] {
  const known = new Map(spans.map((span) => [String(span.id), span]));
  const children = new Map<string, Span[]>();
  const roots: Span[] = [];
  for (const span of spans) {
    const parent = span.parent === undefined || span.parent === null ? undefined : known.get(String(span.parent));
    if (!parent || inCircle(span, known)) roots.push(span);
    else children.set(String(parent.id), [...(children.get(String(parent.id)) ?? []), span]);
  }
  const { start, length } = extent(spans);
  const rows: SpanRow[] = [];
  const stack = sorted(roots).reverse().map((span) => ({ span, depth: 0 }));
  for (let next = stack.pop(); next; next = stack.pop()) {
    const below = sorted(children.get(String(next.span.id)) ?? []);
    rows.push({ ...next, ...bar(next.span, start, length), children: below.length });
    for (const span of below.reverse()) stack.push({ span, depth: next.depth + 1 });
  }
  return rows;
}

export function extent(spans: Span[]): { start: number; length: number } {
  const times = spans.map((span) => Date.parse(span.started_at ?? "")).filter((time) => !Number.isNaN(time));
  if (times.length === 0) return { start: 0, length: 0 };
  const start = Math.min(...times);
  const ends = spans.map((span) => Date.parse(span.started_at ?? "") + (span.seconds ?? 0) * 1000).filter((time) => !Number.isNaN(time));
  return { start, length: Math.max(...ends) - start };
}

function bar(span: Span, start: number, length: number): { from?: number; length?: number } {
  const begin = Date.parse(span.started_at ?? "");
  if (Number.isNaN(begin) || length <= 0) return {};
  const from = Math.min(1, (begin - start) / length);
  return { from, length: Math.min(1 - from, ((span.seconds ?? 0) * 1000) / length) };
}

function sorted(spans: Span[]): Span[] {
  return [...spans].sort((a, b) => (a.started_at ?? "").localeCompare(b.started_at ?? "") || Number(a.id) - Number(b.id) || 0);
}

function inCircle(span: Span, known: Map<string, Span>): boolean {
  const seen = new Set([String(span.id)]);
  for (let at = parentOf(span, known); at; at = parentOf(at, known)) {
    if (seen.has(String(at.id))) return true;
    seen.add(String(at.id));
  }
  return false;
}

function parentOf(span: Span, known: Map<string, Span>): Span | undefined {
  return span.parent === undefined || span.parent === null ? undefined : known.get(String(span.parent));
}
