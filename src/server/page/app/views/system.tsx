// The server itself: models, memory, the queue, costs.

import { useEffect, useRef, useState } from "preact/hooks";

import { useData } from "../api/use.js";
import type { System } from "../api/types.js";
import { bytes, count, duration, figure, line, money, title } from "../logic/format.js";
import { Await, Badge, Empty, Figures, PageHead, Panel, State } from "../parts/basic.js";
import { Share, Sparkline } from "../parts/chart.js";

interface Ready {
  ready?: boolean;
  problems?: unknown[];
}

const kept = 120;

export function SystemView() {
  const system = useData<System>("/api/system");
  const ready = useReady();
  const [memory, setMemory] = useState<number[]>([]);
  const [running, setRunning] = useState<number[]>([]);
  const { reload, data } = system;
  const last = useRef<System | undefined>(undefined);
  useEffect(() => {
    const timer = setInterval(() => document.visibilityState === "visible" && reload(), 2000);
    return () => clearInterval(timer);
  }, [reload]);
  useEffect(() => {
    if (!data || data === last.current) return;
    last.current = data;
    if (data.memory_bytes !== undefined) setMemory((old) => [...old.slice(1 - kept), data.memory_bytes as number]);
    if (data.queue?.running !== undefined) setRunning((old) => [...old.slice(1 - kept), (data.queue?.running ?? 0) + (data.queue?.waiting ?? 0)]);
  }, [data]);
  return (
    <>
      <PageHead title="System" />
      <Await of={system} rows={6}>
        {(now) => (
          <div class="stack">
            {ready && ready.ready === false && (
              <div class="error-box" role="alert">
                <div>
                  <p class="strong">The server is not ready</p>
                  <ul>{(ready.problems ?? []).map((problem, at) => <li key={at}>{line(problem)}</li>)}</ul>
                </div>
              </div>
            )}
            <Panel>
              <Figures
                items={[
                  ["Ready", ready ? <State value={ready.ready === false ? "failed" : "ready"} /> : "–"],
                  ["Version", now.version ?? "–"],
                  ["Up for", duration(now.uptime)],
                  ["Programs", count(now.programs)],
                  ["Traces dropped", now.dropped_traces ? <span class="downward">{count(now.dropped_traces)}</span> : count(now.dropped_traces)],
                  ...(typeof now.costs === "number" ? [["Cost", money(now.costs)] as [string, string]] : []),
                ]}
              />
            </Panel>
            <div class="columns">
              <Panel title="Memory" actions={<strong class="num">{bytes(now.memory_bytes)}</strong>}>
                <Sparkline values={memory} label={`Memory, last ${memory.length} readings; now ${bytes(now.memory_bytes)}`} />
              </Panel>
              <Panel title="Requests" actions={<span class="num">{count(now.queue?.running)} running, {count(now.queue?.waiting)} waiting</span>}>
                <Sparkline values={running} label={`Requests, last ${running.length} readings`} />
                {now.queue?.limit !== undefined && (
                  <>
                    <p class="hint num">Queue</p>
                    <Share value={now.queue.waiting} of={now.queue.limit} label={`Queue: ${now.queue.waiting ?? 0} of ${now.queue.limit}`} tone={(now.queue.waiting ?? 0) > now.queue.limit * 0.8 ? "bad" : ""} />
                    <p class="hint">The queue has room for {count(now.queue.limit)}; beyond that requests are refused at once.</p>
                  </>
                )}
              </Panel>
              {typeof now.costs === "object" && now.costs !== null && (
                <Panel title="Costs">
                  <Figures items={Object.entries(now.costs).map(([name, value]) => [title(name), typeof value === "number" ? money(value) : line(value)])} />
                </Panel>
              )}
            </div>
            <Models models={now.models ?? []} />
          </div>
        )}
      </Await>
    </>
  );
}

function Models({ models }: { models: NonNullable<System["models"]> }) {
  if (models.length === 0)
    return (
      <Panel title="Models">
        <Empty title="No models" />
      </Panel>
    );
  return (
    <section class="columns" aria-label="Models">
      {models.map((model) => (
        <Panel key={model.name} title={model.name} actions={model.kind && <Badge>{model.kind}</Badge>}>
          {model.stats && Object.keys(model.stats).length > 0 ? <Figures items={Object.entries(model.stats).map(([name, value]) => [title(name.replace(/_(bytes|seconds|usd)$/, "")), statistic(name, value)])} /> : <p class="faint">No figures</p>}
        </Panel>
      ))}
    </section>
  );
}

function statistic(name: string, value: unknown): string {
  if (typeof value !== "number") return line(value);
  if (/bytes|memory/.test(name)) return bytes(value);
  if (/seconds|time/.test(name)) return duration(value);
  return figure(value);
}

/** `/readyz` answers 503 with a body where it is not ready, which is no failure of the call. */
function useReady(): Ready | undefined {
  const [ready, setReady] = useState<Ready>();
  useEffect(() => {
    const ask = () =>
      fetch("/readyz", { cache: "no-store" })
        .then((response) => response.json())
        .then((value: Ready) => setReady(value), () => setReady(undefined));
    void ask();
    const timer = setInterval(() => void ask(), 5000);
    return () => clearInterval(timer);
  }, []);
  return ready;
}
