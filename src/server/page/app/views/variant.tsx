// One way to run a program: a model, an adapter, with demonstrations or without; and what came of it.

import { useEffect, useRef, useState } from "preact/hooks";

import { call, messageOf, path, stream } from "../api/client.js";
import type { Message, Program, RunResult, Trace } from "../api/types.js";
import { count, duration, line, money } from "../logic/format.js";
import { hashOf } from "../logic/router.js";
import { replyText, tokensOf } from "../logic/tokens.js";
import { Badge, Button, Code, Empty, ErrorBox, Labelled, Loading, Panel, Value } from "../parts/basic.js";
import { Messages } from "../parts/messages.js";
import { Tabs } from "../parts/tabs.js";
import { announce } from "../parts/toast.js";
import { TokenView } from "../parts/tokens.js";
import { useData, useResource } from "../api/use.js";

export interface Variant {
  key: number;
  model: string;
  adapter: string;
  demos: boolean;
  temperature: string;
  seed: string;
  /** The probabilities of its tokens are asked for. */
  likely: boolean;
}

let keys = 0;
export function newVariant(like?: Variant): Variant {
  keys += 1;
  return like ? { ...like, key: keys } : { key: keys, model: "", adapter: "", demos: true, temperature: "", seed: "", likely: false };
}

const adapters = ["field", "chat", "json", "xml", "two_step"];

function optionsOf(variant: Variant): Record<string, unknown> {
  return {
    trace: true,
    ...(variant.model ? { model: variant.model } : {}),
    ...(variant.adapter ? { adapter: variant.adapter } : {}),
    ...(variant.demos ? {} : { demos: false }),
    ...(variant.temperature.trim() ? { temperature: Number(variant.temperature) } : {}),
    ...(variant.seed.trim() ? { seed: Number(variant.seed) } : {}),
    ...(variant.likely ? { logprobs: 5 } : {}),
  };
}

interface Running {
  fields: Record<string, string>;
  result?: RunResult;
  error?: unknown;
  busy: boolean;
}

interface VariantProps {
  number: number | undefined;
  program: Program;
  models: string[];
  variant: Variant;
  request: { turn: number; inputs: Record<string, unknown> } | undefined;
  draft: () => Record<string, unknown>;
  change: (variant: Variant) => void;
  remove: (() => void) | undefined;
  busy: (on: boolean) => void;
  save: (outputs: Record<string, unknown>) => void;
}

export function VariantPanel({ number, program, models, variant, request, draft, change, remove, busy, save }: VariantProps) {
  const [run, setRun] = useState<Running>();
  const [tab, setTab] = useState("answer");
  const stop = useRef<AbortController | undefined>(undefined);
  useEffect(() => {
    if (!request) return undefined;
    const ended = new AbortController();
    stop.current = ended;
    setRun({ fields: {}, busy: true });
    busy(true);
    runStreamed(program.name, { inputs: request.inputs, options: optionsOf(variant) }, ended.signal, (step) => !ended.signal.aborted && setRun((old) => step(old ?? { fields: {}, busy: true })))
      .catch((error: unknown) => setRun((old) => ({ fields: old?.fields ?? {}, error: ended.signal.aborted ? new Error("Stopped.") : error, busy: false })))
      .finally(() => busy(false));
    return () => ended.abort();
  }, [request?.turn]);
  const result = run?.result;
  return (
    <Panel
      title={number === undefined ? "Answer" : `Variant ${number}`}
      actions={
        <>
          {run?.busy && (
            <Button icon="stop" tone="quiet" onClick={() => stop.current?.abort()}>
              Stop
            </Button>
          )}
          {remove && <Button tone="quiet" icon="close" aria-label={`Remove variant ${number}`} onClick={remove} />}
        </>
      }
    >
      <VariantOptions variant={variant} models={models} change={change} />
      <Tabs
        label="What to show"
        tabs={[
          { id: "answer", title: "Answer" },
          { id: "prompt", title: "Prompt" },
          { id: "reply", title: "Raw reply" },
          { id: "tokens", title: "Tokens" },
        ]}
        current={tab}
        choose={setTab}
      >
        {tab === "answer" && (run ? <Answer program={program} run={run} save={save} /> : <Empty title="Nothing run yet" icon="play">Fill in the form and press Run, or Ctrl+Enter in a field.</Empty>)}
        {tab === "prompt" && <Prompt program={program.name} body={{ inputs: request?.inputs ?? draft(), options: optionsOf(variant) }} />}
        {tab === "reply" && <Replies result={result} show="text" />}
        {tab === "tokens" && <Replies result={result} show="tokens" />}
      </Tabs>
    </Panel>
  );
}

async function runStreamed(name: string, body: unknown, signal: AbortSignal, step: (change: (old: Running) => Running) => void): Promise<void> {
  let ended = false;
  await stream(path`/v1/programs/${name}` + ":stream", { body, signal }, ({ event, data }) => {
    const value = JSON.parse(data) as RunResult & { field?: string; text?: string; restart?: boolean; error?: { message?: string; type?: string } };
    if (event === "field") {
      const field = String(value.field ?? "");
      step((old) => ({ ...old, fields: { ...old.fields, [field]: (value.restart ? "" : (old.fields[field] ?? "")) + String(value.text ?? "") } }));
    } else if (event === "done") {
      ended = true;
      step((old) => ({ ...old, result: value, busy: false }));
      announce("The answer is complete");
    } else if (event === "error") {
      ended = true;
      step((old) => ({ ...old, error: new Error(value.error?.message ?? "The program failed."), busy: false }));
      announce("The program failed");
    }
  });
  if (!ended && !signal.aborted) throw new Error("The stream ended before the answer was complete.");
}

function VariantOptions({ variant, models, change }: { variant: Variant; models: string[]; change: (variant: Variant) => void }) {
  return (
    <div class="variant-options">
      <Labelled label="Model">
        {(id) => (
          <select id={id} value={variant.model} onChange={(event) => change({ ...variant, model: event.currentTarget.value })}>
            <option value="">as served</option>
            {models.map((model) => (
              <option key={model}>{model}</option>
            ))}
          </select>
        )}
      </Labelled>
      <Labelled label="Adapter">
        {(id) => (
          <select id={id} value={variant.adapter} onChange={(event) => change({ ...variant, adapter: event.currentTarget.value })}>
            <option value="">as served</option>
            {adapters.map((adapter) => (
              <option key={adapter}>{adapter}</option>
            ))}
          </select>
        )}
      </Labelled>
      <Labelled label="Demonstrations">
        {(id) => (
          <select id={id} value={variant.demos ? "with" : "without"} onChange={(event) => change({ ...variant, demos: event.currentTarget.value === "with" })}>
            <option value="with">with</option>
            <option value="without">without</option>
          </select>
        )}
      </Labelled>
      <Labelled label="Temperature">{(id) => <input id={id} inputMode="decimal" placeholder="default" value={variant.temperature} onInput={(event) => change({ ...variant, temperature: event.currentTarget.value })} />}</Labelled>
      <Labelled label="Seed">{(id) => <input id={id} inputMode="numeric" placeholder="none" value={variant.seed} onInput={(event) => change({ ...variant, seed: event.currentTarget.value })} />}</Labelled>
      <Labelled label="Token probabilities">
        {(id) => (
          <select id={id} value={variant.likely ? "on" : "off"} onChange={(event) => change({ ...variant, likely: event.currentTarget.value === "on" })}>
            <option value="off">off</option>
            <option value="on">on</option>
          </select>
        )}
      </Labelled>
    </div>
  );
}

function Answer({ program, run, save }: { program: Program; run: Running; save: (outputs: Record<string, unknown>) => void }) {
  const { result } = run;
  const keepsTraces = useResource("traces") !== undefined;
  const keepsDatasets = useResource("datasets") !== undefined;
  const names = [...new Set([...(program.outputs ?? []).map((field) => field.name), ...Object.keys(run.fields), ...Object.keys(result?.outputs ?? {})])];
  const usage = result?.usage;
  const last = Object.keys(run.fields).at(-1);
  return (
    <div class="stack">
      {run.error !== undefined && <ErrorBox error={run.error} />}
      <dl class="values" aria-busy={run.busy}>
        {names.map((name) => (
          <div key={name} class={run.busy && name === last ? "streaming" : ""}>
            <dt>{name}</dt>
            <dd>{result ? <Value value={result.outputs?.[name]} /> : run.fields[name] !== undefined ? <Value value={run.fields[name]} /> : run.busy ? <span class="skeleton" /> : <Value value={undefined} />}</dd>
          </div>
        ))}
      </dl>
      {result && (
        <>
          {(result.flags?.length ?? 0) > 0 && (
            <div class="row">
              {result.flags?.map((flag, at) => (
                <Badge key={at} tone="warn">
                  {flagText(flag)}
                </Badge>
              ))}
            </div>
          )}
          <p class="hint num">{[duration(result.seconds), ...usageWords(usage)].join(" · ")}</p>
          <div class="row">
            {keepsDatasets && (
              <Button icon="dataset" onClick={() => save(result.outputs ?? {})}>
                Save as example
              </Button>
            )}
            {result.trace_id && keepsTraces && (
              <a class="button" href={hashOf("traces", result.trace_id)}>
                Open the trace
              </a>
            )}
          </div>
        </>
      )}
    </div>
  );
}

/** `{"field", "repair"}`, or a text. */
function flagText(flag: unknown): string {
  const { field, repair } = (typeof flag === "object" && flag !== null ? flag : {}) as { field?: unknown; repair?: unknown };
  return repair === undefined ? line(flag) : `${line(field)}: ${line(repair)}`;
}

export function usageWords(usage: Record<string, unknown> | undefined): string[] {
  const number = (name: string) => (typeof usage?.[name] === "number" ? (usage[name] as number) : undefined);
  const words: string[] = [];
  const input = number("prompt_tokens") ?? number("input_tokens");
  const output = number("completion_tokens") ?? number("output_tokens");
  if (input !== undefined || output !== undefined) words.push(`${count(input)} tokens in, ${count(output)} out`);
  const nano = number("cost_nanodollars");
  const cost = number("cost") ?? (nano === undefined ? undefined : nano / 1e9);
  if (cost !== undefined) words.push(money(cost));
  const requests = number("requests");
  if (requests !== undefined && requests > 1) words.push(`${requests} requests`);
  return words;
}

function Prompt({ program, body }: { program: string; body: unknown }) {
  const [state, setState] = useState<{ messages?: Message[]; tokens?: number; error?: string }>({});
  const text = JSON.stringify(body);
  useEffect(() => {
    const ended = new AbortController();
    call<{ messages: Message[]; tokens?: number }>(path`/v1/programs/${program}` + ":render", { body, signal: ended.signal }).then(setState, (error: unknown) => !ended.signal.aborted && setState({ error: messageOf(error) }));
    return () => ended.abort();
  }, [program, text]);
  if (state.error) return <ErrorBox error={new Error(state.error)} />;
  if (!state.messages) return <Loading rows={3} />;
  return (
    <>
      {state.tokens !== undefined && <p class="hint num">{count(state.tokens)} tokens</p>}
      <Messages messages={state.messages} />
    </>
  );
}

/** What models wrote, from the spans of the run: those that came with the answer, or those of its trace. */
function Replies({ result, show }: { result: RunResult | undefined; show: "text" | "tokens" }) {
  const traceId = result?.trace ? undefined : result?.trace_id;
  const trace = useData<Trace>(traceId ? path`/api/traces/${traceId}` : "", "traces", traceId);
  if (!result || (!result.trace && !traceId)) return <p class="faint">Run the program first.</p>;
  if (trace.error !== undefined && !trace.data) return <ErrorBox error={trace.error} retry={trace.reload} />;
  if (!result.trace && !trace.data) return <Loading rows={3} />;
  const spans = (result.trace ?? trace.data?.spans ?? []).filter((span) => span.reply !== undefined);
  if (spans.length === 0) return <p class="faint">The trace has no replies.</p>;
  return (
    <div class="stack">
      {spans.map((span) => (
        <div key={span.id}>
          <h3>{[span.path, span.lm].filter(Boolean).join(" · ") || "reply"}</h3>
          {show === "text" ? <Code text={replyText(span.reply) ?? JSON.stringify(span.reply, null, 2)} label="Raw reply" /> : <TokenView tokens={tokensOf(span.reply)} />}
        </div>
      ))}
    </div>
  );
}
