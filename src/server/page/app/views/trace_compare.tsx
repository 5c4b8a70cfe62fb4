// Two traces side by side: figures, values, and the prompts of the same predictors.

import type { ComponentChildren } from "preact";

import { itemUrl, useData } from "../api/use.js";
import type { Message, Span, Trace } from "../api/types.js";
import { count, duration, money } from "../logic/format.js";
import { hashOf } from "../logic/router.js";
import { replyText } from "../logic/tokens.js";
import { Await, PageHead, Panel, State } from "../parts/basic.js";
import { DiffView } from "../parts/diff.js";
import { messageText } from "../parts/messages.js";
import { BackLink } from "./resource.js";
import { nameOf } from "./trace_detail.js";

export function TraceCompare({ one, other }: { one: string; other: string }) {
  const a = useData<Trace>(itemUrl("traces", one), "traces", one);
  const b = useData<Trace>(itemUrl("traces", other), "traces", other);
  return (
    <>
      <BackLink view="traces" text="Traces" />
      <PageHead title="Two traces" hint="Removed is what only the first has; added is what only the second has." />
      <Await of={a}>{(first) => <Await of={b}>{(second) => <Both first={first} second={second} />}</Await>}</Await>
    </>
  );
}

function Both({ first, second }: { first: Trace; second: Trace }) {
  const figures: [string, (trace: Trace) => ComponentChildren][] = [
    ["Status", (trace) => <State value={trace.status} />],
    ["Program", (trace) => `${trace.program ?? "–"} ${typeof trace["version"] === "string" ? trace["version"].slice(0, 12) : ""}`],
    ["Time", (trace) => duration(trace.seconds)],
    ["Tokens", (trace) => count(trace.tokens)],
    ["Cost", (trace) => money(trace.cost)],
    ["Spans", (trace) => count(trace.spans?.length)],
  ];
  const names = [...new Set([...Object.keys(first.inputs ?? {}), ...Object.keys(second.inputs ?? {})])];
  const outputs = [...new Set([...Object.keys(first.outputs ?? {}), ...Object.keys(second.outputs ?? {})])];
  const pairs = paired(attempts(first), attempts(second));
  return (
    <div class="stack">
      <Panel>
        <table class="plain">
          <thead>
            <tr>
              <th scope="col"><span class="sr-only">Figure</span></th>
              {[first, second].map((trace, at) => (
                <th key={at} scope="col">
                  <a class="mono break" href={hashOf("traces", String(trace.id))}>{String(trace.id).slice(0, 12)}</a>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {figures.map(([label, of]) => (
              <tr key={label}>
                <th scope="row">{label}</th>
                <td class="num">{of(first)}</td>
                <td class="num">{of(second)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Panel>
      <div class="columns">
        <Panel title="Inputs">
          <Differences names={names} first={first.inputs} second={second.inputs} />
        </Panel>
        <Panel title="Outputs">
          <Differences names={outputs} first={first.outputs} second={second.outputs} />
        </Panel>
      </div>
      {pairs.map(([one, two], at) => (
        <Panel key={at} title={`Request ${at + 1}: ${nameOf((one ?? two) as Span)}`}>
          <div class="columns">
            <div>
              <h3>Prompt</h3>
              <DiffView label="Prompt" before={promptOf(one)} after={promptOf(two)} />
            </div>
            <div>
              <h3>Reply</h3>
              <DiffView label="Reply" before={one ? (replyText(one.reply) ?? one.reply) : ""} after={two ? (replyText(two.reply) ?? two.reply) : ""} />
            </div>
          </div>
        </Panel>
      ))}
    </div>
  );
}

function Differences({ names, first, second }: { names: string[]; first: Record<string, unknown> | undefined; second: Record<string, unknown> | undefined }) {
  if (names.length === 0) return <p class="faint">None</p>;
  return (
    <div class="stack tight">
      {names.map((name) => (
        <div key={name}>
          <h3>{name}</h3>
          <DiffView label={name} before={first?.[name]} after={second?.[name]} />
        </div>
      ))}
    </div>
  );
}

function attempts(trace: Trace): Span[] {
  return (trace.spans ?? []).filter((span) => span.reply !== undefined || span.messages !== undefined).sort((a, b) => (a.started_at ?? "").localeCompare(b.started_at ?? ""));
}

/** In order; a request that the other trace does not have stands alone. */
function paired(first: Span[], second: Span[]): [Span | undefined, Span | undefined][] {
  return Array.from({ length: Math.max(first.length, second.length) }, (_, at) => [first[at], second[at]]);
}

function promptOf(span: Span | undefined): string {
  const messages = span?.messages ?? (span as { request?: { messages?: Message[] } } | undefined)?.request?.messages ?? [];
  return messages.map((message) => `[${message.role ?? "message"}]\n${messageText(message)}`).join("\n\n");
}
