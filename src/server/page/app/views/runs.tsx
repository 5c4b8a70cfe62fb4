// Evaluations: how a program scored, example by example, and against another run.

import { useMemo, useState } from "preact/hooks";

import { itemUrl, useData, useResource } from "../api/use.js";
import type { Item } from "../api/types.js";
import { count, duration, figure, money } from "../logic/format.js";
import { hashOf, type Place } from "../logic/router.js";
import { Actions } from "../parts/actions.js";
import { Await, Badge, Code, Empty, Figures, PageHead, Panel, Time, Values } from "../parts/basic.js";
import { Histogram } from "../parts/chart.js";
import { Dialog } from "../parts/dialog.js";
import { Grid, type Column } from "../parts/grid.js";
import { SearchBox } from "../parts/search.js";
import { BackLink, columnsOf, idOf, ListView } from "./resource.js";
import { RunComparison } from "./run_comparison.js";
import { summary } from "./traces.js";

export interface Example {
  score?: number | null;
  inputs?: Record<string, unknown>;
  outputs?: Record<string, unknown>;
  expected?: Record<string, unknown>;
  error?: unknown;
  feedback?: unknown;
  trace_id?: string;
}

export interface Run extends Item {
  program?: string;
  dataset?: string;
  metric?: string;
  score?: number;
  interval?: unknown;
  n?: number;
  failures?: number;
  examples?: Example[];
}

export function Runs({ place }: { place: Place }) {
  const table = useResource("runs");
  if (place.id) return <RunDetail key={place.id} id={place.id} other={place.params["with"]} />;
  const columns = columnsOf((table?.fields ?? []).filter((field) => field.name !== "examples" && field.name !== "interval"));
  const score = columns.find((column) => column.name === "score");
  if (score) score.cell = (item) => scoreOf(item as Run);
  return (
    <ListView
      place={place}
      hint="Each is one program on one dataset, by one metric."
      columns={columns}
      except={["compare"]}
      empty={<Empty title="No evaluations yet" icon="evaluation">Run <code>dspy evaluate</code> with the folder that this server reads, and they appear here.</Empty>}
    />
  );
}

function scoreOf(run: Run) {
  const interval = intervalOf(run.interval);
  return (
    <span title={interval ? `${inPercent(interval[0])} to ${inPercent(interval[1])}` : undefined}>
      <strong>{inPercent(run.score)}</strong>
    </span>
  );
}

/** The score of a run is in percent, that of an example from 0 to 1. */
export function inPercent(score: number | undefined): string {
  return score === undefined ? "–" : `${figure(score)} %`;
}

/** `[low, high]`, or an object with `low` and `high`. */
export function intervalOf(value: unknown): [number, number] | undefined {
  if (Array.isArray(value) && typeof value[0] === "number" && typeof value[1] === "number") return [value[0], value[1]];
  if (typeof value !== "object" || value === null) return undefined;
  const { low, high, lower, upper } = value as Record<string, unknown>;
  const from = low ?? lower;
  const to = high ?? upper;
  return typeof from === "number" && typeof to === "number" ? [from, to] : undefined;
}

function RunDetail({ id, other }: { id: string; other: string | undefined }) {
  const loaded = useData<Run>(itemUrl("runs", id), "runs", id);
  const runs = useData<{ items: Run[] }>("/api/runs?limit=200", "runs");
  const others = (runs.data?.items ?? []).filter((run) => idOf(run) !== id);
  return (
    <>
      <BackLink view="runs" text="Evaluations" />
      <PageHead
        title={loaded.data?.program ? `${loaded.data.program} on ${loaded.data.dataset ?? "a dataset"}` : id}
        hint={<span class="mono">{id}</span>}
        actions={
          <>
            <Actions resource="runs" id={id} except={["compare"]} done={loaded.reload} />
            <label class="row">
              <span class="sr-only">Compare with</span>
              <select value={other ?? ""} onChange={(event) => (location.hash = hashOf("runs", id, { with: event.currentTarget.value }))}>
                <option value="">Compare with…</option>
                {others.map((run) => (
                  <option key={idOf(run)} value={idOf(run)}>
                    {`${run.name ?? idOf(run)} · ${run.program ?? ""} · ${inPercent(run.score)}`}
                  </option>
                ))}
              </select>
            </label>
          </>
        }
      />
      <Await of={loaded} rows={8}>
        {(run) => (
          <div class="stack">
            <Overview run={run} />
            {other && <RunComparison run={run} id={id} other={other} />}
            <ExampleTable examples={run.examples ?? []} />
          </div>
        )}
      </Await>
    </>
  );
}

function Overview({ run }: { run: Run }) {
  const interval = intervalOf(run.interval);
  const examples = run.examples ?? [];
  const scores = examples.map((example) => example.score).filter((score): score is number => typeof score === "number");
  const failures = run.failures ?? examples.filter((example) => example.error !== undefined && example.error !== null).length;
  const mean = scores.length > 0 ? scores.reduce((sum, score) => sum + score, 0) / scores.length : undefined;
  return (
    <Panel>
      <div class="columns">
        <Figures
          items={[
            ["Score", inPercent(run.score)],
            ["Interval", interval ? `${figure(interval[0])} to ${inPercent(interval[1])}` : "–"],
            ["Metric", run.metric ?? "–"],
            ["Examples", count(run.n ?? examples.length)],
            ["Failed", failures > 0 ? <span class="downward">{count(failures)}</span> : "0"],
            ["Time", duration(run["seconds"] as number | undefined)],
            ["Cost", costOf(run["usage"])],
            ["Started", <Time iso={run["started_at"] ?? run["created_at"] ?? run["at"]} />],
          ]}
        />
        <Histogram values={scores} label="Scores of the examples" {...(mean !== undefined ? { marker: mean } : {})} />
      </div>
    </Panel>
  );
}

function costOf(usage: unknown): string {
  const { cost, cost_nanodollars: nano } = (typeof usage === "object" && usage !== null ? usage : {}) as Record<string, unknown>;
  return money(typeof cost === "number" ? cost : typeof nano === "number" ? nano / 1e9 : undefined);
}

type Which = "all" | "wrong" | "failed";

function ExampleTable({ examples }: { examples: Example[] }) {
  const [q, setQ] = useState("");
  const [which, setWhich] = useState<Which>("all");
  const [sort, setSort] = useState("");
  const [open, setOpen] = useState<number>();
  const rows = useMemo(() => {
    const words = q.toLowerCase().split(/\s+/).filter(Boolean);
    const kept = examples
      .map((example, at) => ({ example, at }))
      .filter(({ example }) => which === "all" || (which === "failed" ? example.error !== undefined && example.error !== null : (example.score ?? 0) < 1))
      .filter(({ example }) => words.length === 0 || words.every((word) => JSON.stringify(example).toLowerCase().includes(word)));
    if (sort.endsWith("score")) kept.sort((a, b) => ((a.example.score ?? -1) - (b.example.score ?? -1)) * (sort.startsWith("-") ? -1 : 1));
    return kept;
  }, [examples, q, which, sort]);
  const columns: Column<(typeof rows)[number]>[] = [
    { name: "at", title: "#", width: "48px", cell: ({ at }) => at + 1 },
    { name: "score", title: "Score", width: "70px", sortable: true, cell: ({ example }) => (example.error !== undefined && example.error !== null ? <Badge tone="bad">failed</Badge> : <span class={(example.score ?? 0) >= 1 ? "up" : "downward"}>{figure(example.score)}</span>) },
    { name: "inputs", title: "Inputs", width: "minmax(90px, 1.5fr)", cell: ({ example }) => summary(example.inputs) },
    { name: "outputs", title: "Outputs", rank: 1, cell: ({ example }) => summary(example.outputs) },
    { name: "expected", title: "Expected", rank: 2, cell: ({ example }) => summary(example.expected) },
  ];
  const shown = open === undefined ? undefined : examples[open];
  return (
    <Panel title="Examples" actions={<span class="hint">{count(rows.length)} of {count(examples.length)}</span>}>
      <div class="toolbar">
        <SearchBox value={q} change={setQ} label="Search examples" />
        <select aria-label="Which examples" value={which} onChange={(event) => setWhich(event.currentTarget.value as Which)}>
          <option value="all">all</option>
          <option value="wrong">below 1</option>
          <option value="failed">failed</option>
        </select>
      </div>
      {rows.length === 0 ? <Empty title="No such examples" /> : <Grid label="Examples" columns={columns} length={rows.length} row={(at) => rows[at]} sort={sort} onSort={setSort} open={({ at }) => setOpen(at)} />}
      {shown && open !== undefined && <ExampleDialog example={shown} at={open} close={() => setOpen(undefined)} />}
    </Panel>
  );
}

export function ExampleDialog({ example, at, close }: { example: Example; at: number; close: () => void }) {
  return (
    <Dialog title={`Example ${at + 1}`} close={close} wide>
      <div class="stack">
        <Figures items={[["Score", figure(example.score)]]} />
        {example.error !== undefined && example.error !== null && <Code text={typeof example.error === "string" ? example.error : JSON.stringify(example.error, null, 2)} label="Error" />}
        <div>
          <h3>Inputs</h3>
          <Values of={example.inputs} />
        </div>
        <div class="columns">
          <div>
            <h3>Outputs</h3>
            <Values of={example.outputs} />
          </div>
          <div>
            <h3>Expected</h3>
            <Values of={example.expected} />
          </div>
        </div>
        {example.feedback !== undefined && <Values of={{ feedback: example.feedback }} />}
        {example.trace_id && <a href={hashOf("traces", example.trace_id)}>Open the trace</a>}
      </div>
    </Dialog>
  );
}
