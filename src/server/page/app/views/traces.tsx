// What programs did.

import { useCallback, useEffect, useMemo, useRef, useState } from "preact/hooks";

import { onChange } from "../api/live.js";
import { useData, usePaged } from "../api/use.js";
import type { Program, Trace } from "../api/types.js";
import { count, duration, line, money } from "../logic/format.js";
import { hashOf, type Place } from "../logic/router.js";
import { Button, Empty, ErrorBox, Loading, PageHead, State, Time } from "../parts/basic.js";
import { Grid, type Column } from "../parts/grid.js";
import { SearchBox } from "../parts/search.js";
import { TraceCompare } from "./trace_compare.js";
import { TraceDetail } from "./trace_detail.js";

export function Traces({ place }: { place: Place }) {
  if (place.params["with"] && place.id) return <TraceCompare one={place.id} other={place.params["with"]} />;
  if (place.id) return <TraceDetail key={place.id} id={place.id} />;
  return <TraceList given={place.params} />;
}

const sinceChoices: [seconds: string, text: string][] = [
  ["", "any time"],
  ["900", "last 15 minutes"],
  ["3600", "last hour"],
  ["86400", "last day"],
  ["604800", "last week"],
];

function TraceList({ given }: { given: Record<string, string> }) {
  const [q, setQ] = useState(given["q"] ?? "");
  const [status, setStatus] = useState(given["status"] ?? "");
  const [program, setProgram] = useState(given["program"] ?? "");
  const [ago, setAgo] = useState(given["ago"] ?? "");
  const [sort, setSort] = useState(given["sort"] ?? "-started_at");
  const [marked, setMarked] = useState<string[]>([]);
  const since = useMemo(() => (ago ? new Date(Date.now() - Number(ago) * 1000).toISOString() : undefined), [ago]);
  const { list, reload } = usePaged<Trace>("/api/traces", { q, status, program, since, sort, limit: 200 });
  const programs = useData<{ programs: Program[] }>("/v1/programs");
  const fresh = useFresh(reload);
  const need = useCallback((last: number) => void list.ensure(last), [list]);
  useEffect(() => history.replaceState(null, "", hashOf("traces", "", { q, status, program, ago, sort: sort === "-started_at" ? "" : sort })), [q, status, program, ago, sort]);

  const toggle = (id: string) => setMarked((old) => (old.includes(id) ? old.filter((other) => other !== id) : [...old.slice(-1), id]));
  const columns: Column<Trace>[] = [
    { name: "mark", title: <span class="sr-only">Compare</span>, width: "20px", cell: (trace) => <input type="checkbox" tabIndex={-1} aria-label={`Compare ${String(trace.id)}`} checked={marked.includes(String(trace.id))} onChange={() => toggle(String(trace.id))} /> },
    { name: "started_at", title: "Started", width: "96px", sortable: true, rank: 3, cell: (trace) => <Time iso={trace.started_at} /> },
    { name: "program", title: "Program", width: "minmax(60px, 0.5fr)", cell: (trace) => trace.program ?? "–" },
    { name: "status", title: "Status", width: "88px", rank: 2, cell: (trace) => <State value={trace.status} /> },
    { name: "inputs", title: "Inputs", width: "minmax(90px, 1.4fr)", cell: (trace) => summary(trace.inputs) },
    { name: "outputs", title: "Outputs", width: "minmax(80px, 1fr)", rank: 4, cell: (trace) => (typeof trace["error"] === "string" ? <span class="downward">{trace["error"]}</span> : summary(trace.outputs)) },
    { name: "tokens", title: "Tokens", width: "64px", align: "end", sortable: true, rank: 7, cell: (trace) => count(trace.tokens) },
    { name: "cost", title: "Cost", width: "74px", align: "end", sortable: true, rank: 6, cell: (trace) => money(trace.cost) },
    { name: "seconds", title: "Time", width: "74px", align: "end", sortable: true, rank: 5, cell: (trace) => duration(trace.seconds) },
  ];
  const filtered = q || status || program || ago;
  return (
    <>
      <PageHead
        title="Traces"
        hint={list.total !== undefined ? `${count(list.total)} found` : list.items.length > 0 ? `${count(list.items.length)}${list.complete ? "" : " and more"}` : undefined}
        actions={
          <>
            {fresh.waiting > 0 && (
              <Button tone="primary" icon="up" onClick={fresh.show}>
                {fresh.waiting === 1 ? "1 new" : `${count(fresh.waiting)} new`}
              </Button>
            )}
            <Button icon="diff" disabled={marked.length !== 2} onClick={() => (location.hash = hashOf("traces", marked[0], { with: marked[1] }))}>
              Compare two
            </Button>
          </>
        }
      />
      <div class="toolbar" role="search">
        <SearchBox value={q} change={setQ} label="Search inputs, outputs and errors" />
        <select aria-label="Status" value={status} onChange={(event) => setStatus(event.currentTarget.value)}>
          <option value="">any status</option>
          <option value="ok">ok</option>
          <option value="error">error</option>
          <option value="unfinished">unfinished</option>
        </select>
        <select aria-label="Program" value={program} onChange={(event) => setProgram(event.currentTarget.value)}>
          <option value="">any program</option>
          {(programs.data?.programs ?? []).map((each) => (
            <option key={each.name}>{each.name}</option>
          ))}
        </select>
        <select aria-label="Since" value={ago} onChange={(event) => setAgo(event.currentTarget.value)}>
          {sinceChoices.map(([seconds, text]) => (
            <option key={seconds} value={seconds}>
              {text}
            </option>
          ))}
        </select>
      </div>
      {list.error !== undefined && <ErrorBox error={list.error} retry={() => (list.items.length > 0 ? void list.ensure(list.items.length) : reload())} />}
      {list.items.length > 0 ? (
        <div onScrollCapture={(event) => fresh.scrolled((event.target as HTMLElement).scrollTop)}>
          <Grid label="Traces" columns={columns} length={list.length} row={(at) => list.items[at]} need={need} sort={sort} onSort={setSort} height="calc(100dvh - 232px)" open={(trace) => (location.hash = hashOf("traces", String(trace.id)))} />
        </div>
      ) : list.complete ? (
        filtered ? (
          <Empty title="Nothing found">
            <Button onClick={() => { setQ(""); setStatus(""); setProgram(""); setAgo(""); }}>Clear the filters</Button>
          </Empty>
        ) : (
          <Empty title="No traces yet" icon="trace">Run a program in the playground, or ask the server; each run becomes a trace.</Empty>
        )
      ) : (
        list.error === undefined && <Loading rows={10} />
      )}
    </>
  );
}

/** New traces come in at the top while one looks at it, else they are counted until asked for. */
function useFresh(reload: () => void): { waiting: number; show: () => void; scrolled: (top: number) => void } {
  const [waiting, setWaiting] = useState(0);
  const top = useRef(0);
  const show = () => {
    setWaiting(0);
    top.current = 0;
    document.querySelector(".grid-body")?.scrollTo(0, 0);
    reload();
  };
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stop = onChange((change) => {
      if (change !== "all" && change.resource !== "traces") return;
      if (top.current > 0) {
        if (change !== "all" && change.change === "created") setWaiting((n) => n + 1);
        return;
      }
      timer ??= setTimeout(() => {
        timer = undefined;
        if (top.current === 0) reload();
      }, 400);
    });
    return () => {
      stop();
      clearTimeout(timer);
    };
  }, [reload]);
  return { waiting, show, scrolled: (at) => void (top.current = at) };
}

export function summary(values: Record<string, unknown> | undefined): string {
  const entries = Object.entries(values ?? {});
  if (entries.length === 0) return "–";
  if (entries.length === 1) return line(entries[0]?.[1]).slice(0, 300);
  return entries.map(([name, value]) => `${name}: ${line(value)}`).join(", ").slice(0, 300);
}
