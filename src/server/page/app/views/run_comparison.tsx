// A run beside another one: the difference, whether chance explains it, and the examples that changed.

import { useEffect, useState } from "preact/hooks";

import { act } from "../api/use.js";
import { figure } from "../logic/format.js";
import { Badge, Empty, ErrorBox, Figures, Loading, Panel } from "../parts/basic.js";
import { Grid, type Column } from "../parts/grid.js";
import { ExampleDialog, inPercent, intervalOf, type Run } from "./runs.js";
import { summary } from "./traces.js";

interface Flip {
  index?: number;
  /** In this run, and in the other. */
  a?: number;
  b?: number;
  [name: string]: unknown;
}

interface Comparison {
  flips?: Flip[];
  better?: Flip[];
  worse?: Flip[];
  test?: string;
  confidence?: number;
  a?: number;
  b?: number;
  p_value?: number;
  difference?: number;
  interval?: unknown;
}

export function RunComparison({ run, id, other }: { run: Run; id: string; other: string }) {
  const [result, setResult] = useState<Comparison>();
  const [error, setError] = useState<unknown>();
  const [open, setOpen] = useState<number>();
  useEffect(() => {
    let ended = false;
    setResult(undefined);
    setError(undefined);
    act<Comparison>("runs", "compare", id, { other }).then(
      (answer) => !ended && setResult(answer),
      (reason: unknown) => !ended && setError(reason),
    );
    return () => {
      ended = true;
    };
  }, [id, other]);
  if (error !== undefined) return <ErrorBox error={error} />;
  if (!result) return <Loading rows={3} label="Comparing" />;
  const flips = result.flips ?? [...(result.better ?? []), ...(result.worse ?? [])];
  const interval = intervalOf(result.interval);
  const p = result.p_value;
  const difference = result.difference;
  const better = flips.filter((flip) => toOf(flip) > fromOf(flip)).length;
  const columns: Column<Flip>[] = [
    { name: "at", title: "#", width: "48px", cell: (flip) => (flip.index === undefined ? "–" : flip.index + 1) },
    { name: "change", title: "Change", width: "120px", cell: (flip) => <span class={toOf(flip) > fromOf(flip) ? "up" : "downward"}>{figure(fromOf(flip))} → {figure(toOf(flip))}</span> },
    { name: "inputs", title: "Inputs", cell: (flip) => summary(run.examples?.[flip.index ?? -1]?.inputs ?? (flip["inputs"] as Record<string, unknown> | undefined)) },
  ];
  const example = open === undefined ? undefined : run.examples?.[open];
  return (
    <Panel title={`Against ${other}`} actions={<Verdict p={p} difference={difference} />}>
      <div class="stack">
        <p class="hint">From this run to {other}: better means that {other} scored higher.</p>
        <Figures
          items={[
            ["Difference", difference === undefined ? "–" : <span class={difference > 0 ? "up" : difference < 0 ? "downward" : ""}>{difference > 0 ? "+" : ""}{figure(difference)} points</span>],
            [`${figure((result.confidence ?? 0.95) * 100)} % interval`, interval ? `${figure(interval[0])} to ${figure(interval[1])}` : "–"],
            ["Scores", `${inPercent(result.a)}, then ${inPercent(result.b)}`],
            ["p", p === undefined ? "–" : p < 0.0001 ? "< 0.0001" : figure(p)],
            ["Better", <span class="up">{better}</span>],
            ["Worse", <span class="downward">{flips.length - better}</span>],
          ]}
        />
        {flips.length === 0 ? <Empty title="No example changed" /> : <Grid label="Examples that changed" columns={columns} length={flips.length} row={(at) => flips[at]} open={(flip) => setOpen(flip.index)} />}
      </div>
      {example && open !== undefined && <ExampleDialog example={example} at={open} close={() => setOpen(undefined)} />}
    </Panel>
  );
}

function Verdict({ p, difference }: { p: number | undefined; difference: number | undefined }) {
  if (p === undefined || difference === undefined) return null;
  if (p >= 0.05) return <Badge>Chance explains it</Badge>;
  return <Badge tone={difference > 0 ? "good" : "bad"}>{difference > 0 ? "Better" : "Worse"}, beyond chance</Badge>;
}

function fromOf(flip: Flip): number {
  return flip.a ?? Number.NaN;
}

function toOf(flip: Flip): number {
  return flip.b ?? Number.NaN;
}
