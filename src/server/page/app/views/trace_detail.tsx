// One trace: its spans as a tree on a line of time, and each in full.

import { useEffect, useMemo, useRef, useState } from "preact/hooks";

import { itemUrl, useData, useResource } from "../api/use.js";
import type { Message, Span, Trace } from "../api/types.js";
import { count, duration, money, whole } from "../logic/format.js";
import { hashOf } from "../logic/router.js";
import { spanRows, type SpanRow } from "../logic/spans.js";
import { replyText, tokensOf } from "../logic/tokens.js";
import { ActionButton } from "../parts/actions.js";
import { Await, Badge, Code, ErrorBox, Figures, PageHead, Panel, State, Time, Values } from "../parts/basic.js";
import { Messages } from "../parts/messages.js";
import { Tabs } from "../parts/tabs.js";
import { toast } from "../parts/toast.js";
import { TokenView } from "../parts/tokens.js";
import { BackLink } from "./resource.js";
import { usageWords } from "./variant.js";

export function TraceDetail({ id }: { id: string }) {
  const loaded = useData<Trace>(itemUrl("traces", id), "traces", id);
  const table = useResource("traces");
  const actions = (table?.actions ?? []).filter((action) => (action.on ?? "one") === "one" && action.name !== "diff");
  return (
    <>
      <BackLink view="traces" text="Traces" />
      <PageHead
        title={loaded.data?.program ?? "Trace"}
        hint={<span class="mono">{id}</span>}
        actions={
          <>
            {loaded.data?.inputs && (
              <a class="button" href={hashOf("playground", loaded.data.program ?? "", { inputs: JSON.stringify(loaded.data.inputs) })}>
                Open in playground
              </a>
            )}
            {actions.map((action) => (
              <ActionButton
                key={action.name}
                resource="traces"
                id={id}
                action={action}
                {...(action.name === "replay"
                  ? {
                      done: (result) => {
                        const made = result?.["trace_id"] ?? result?.["id"];
                        if (typeof made !== "string") return toast("Replayed");
                        location.hash = hashOf("traces", id, { with: made });
                      },
                    }
                  : action.name === "feedback" ? { done: loaded.reload } : {})}
              />
            ))}
          </>
        }
      />
      <Await of={loaded} rows={8}>
        {(trace) => <Whole trace={trace} />}
      </Await>
    </>
  );
}

function Whole({ trace }: { trace: Trace }) {
  const rows = useMemo(() => spanRows(trace.spans ?? []), [trace]);
  const [chosen, setChosen] = useState(0);
  const row = rows[Math.min(chosen, rows.length - 1)];
  const leftOut = typeof trace["left_out"] === "number" ? trace["left_out"] : 0;
  const feedback = Array.isArray(trace["feedback"]) ? (trace["feedback"] as Record<string, unknown>[]) : [];
  return (
    <div class="stack">
      <Panel>
        <Figures
          items={[
            ["Status", <State value={trace.status} />],
            ["Started", <Time iso={trace.started_at} />],
            ["Time", duration(trace.seconds)],
            ["Tokens", count(trace.tokens)],
            ["Cost", money(trace.cost)],
            ["Spans", count(rows.length)],
          ]}
        />
      </Panel>
      {typeof trace["error"] === "string" && <ErrorBox error={new Error(trace["error"])} />}
      {leftOut > 0 && <p class="hint">{count(leftOut)} further spans were not kept.</p>}
      <div class="split">
        <Panel title="Timeline">
          {rows.length === 0 ? <p class="faint">The trace has no spans.</p> : <Waterfall rows={rows} chosen={chosen} choose={setChosen} />}
          {feedback.length > 0 && (
            <div class="stack tight">
              <h3>Feedback</h3>
              {feedback.map((each, at) => (
                <p key={at} class="break">
                  <Badge tone="accent">{String(each["name"])}</Badge> {String(each["score"])} {each["comment"] ? <span class="faint">{String(each["comment"])}</span> : null}
                </p>
              ))}
            </div>
          )}
        </Panel>
        {row && <SpanPanel key={String(row.span.id)} span={row.span} />}
      </div>
    </div>
  );
}

function Waterfall({ rows, chosen, choose }: { rows: SpanRow[]; chosen: number; choose: (at: number) => void }) {
  const ref = useRef<HTMLDivElement>(null);
  const moved = useRef(false);
  useEffect(() => {
    if (moved.current) (ref.current?.children[chosen] as HTMLElement | undefined)?.focus();
    moved.current = false;
  }, [chosen]);
  const onKeyDown = (event: KeyboardEvent) => {
    const to = { ArrowDown: chosen + 1, ArrowUp: chosen - 1, Home: 0, End: rows.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    moved.current = true;
    choose(Math.max(0, Math.min(rows.length - 1, to)));
  };
  return (
    <div class="waterfall" role="tree" aria-label="Spans" ref={ref} onKeyDown={onKeyDown}>
      {rows.map((row, at) => (
        <button key={at} type="button" role="treeitem" aria-level={row.depth + 1} aria-selected={at === chosen} tabIndex={at === chosen ? 0 : -1} class="span-row" onClick={() => choose(at)}>
          <span class="span-name" style={{ paddingLeft: `${Math.min(row.depth, 12) * 14}px` }}>
            <span class={`span-kind ${kindClass(row.span)}`} />
            <span>{nameOf(row.span)}</span>
          </span>
          <span class="span-track">
            {row.from !== undefined && row.length !== undefined && <span class={kindClass(row.span)} style={{ left: `${row.from * 99.4}%`, width: `${row.length * 100}%` }} />}
          </span>
          <span class="num end">{duration(row.span.seconds)}</span>
        </button>
      ))}
    </div>
  );
}

function kindClass(span: Span): string {
  return span.error !== undefined && span.error !== null ? "kind-error" : `kind-${/^[a-z]+$/.test(span.kind ?? "") ? span.kind : "other"}`;
}

export function nameOf(span: Span): string {
  return (span.kind === "attempt" ? span.lm : span.path) || span.path || span.kind || String(span.id);
}

function SpanPanel({ span }: { span: Span }) {
  const request = (span as { request?: { messages?: Message[] } }).request;
  const messages = span.messages ?? request?.messages;
  const tokens = tokensOf(span.reply);
  const tabs = [
    ...(span.inputs || span.outputs ? [{ id: "values", title: "Values" }] : []),
    ...(messages ? [{ id: "prompt", title: "Prompt" }] : []),
    ...(span.reply !== undefined ? [{ id: "reply", title: "Reply" }] : []),
    ...(tokens.length > 0 ? [{ id: "tokens", title: "Tokens" }] : []),
    { id: "raw", title: "All" },
  ];
  const [tab, setTab] = useState(tabs[0]?.id ?? "raw");
  const usage = span.usage ?? (span.reply as { usage?: Record<string, unknown> } | undefined)?.usage;
  return (
    <Panel title={nameOf(span)} actions={<Badge>{span.kind ?? "span"}</Badge>}>
      <p class="hint num">{[duration(span.seconds), ...usageWords(usage), ...(span.cost !== undefined && usage?.["cost"] === undefined && usage?.["cost_nanodollars"] === undefined ? [money(span.cost)] : [])].join(" · ")}</p>
      {span.error !== undefined && span.error !== null && <ErrorBox error={new Error(errorText(span.error))} />}
      <Tabs label="Parts of the span" tabs={tabs} current={tab} choose={setTab}>
        {tab === "values" && (
          <div class="stack">
            <div>
              <h3>Inputs</h3>
              <Values of={span.inputs} />
            </div>
            <div>
              <h3>Outputs</h3>
              <Values of={span.outputs} />
            </div>
          </div>
        )}
        {tab === "prompt" && <Messages messages={messages ?? []} />}
        {tab === "reply" && <Code text={replyText(span.reply) ?? whole(span.reply)} label="Reply" />}
        {tab === "tokens" && <TokenView tokens={tokens} />}
        {tab === "raw" && <Code text={whole(span)} label="The whole span as JSON" />}
      </Tabs>
    </Panel>
  );
}

function errorText(error: unknown): string {
  const message = (error as { message?: unknown }).message;
  return typeof message === "string" ? message : whole(error);
}
