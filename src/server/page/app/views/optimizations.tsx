// Optimizers at work: the best score over what it cost, the candidates, and how their prompts differ.

import { useEffect, useState } from "preact/hooks";

import { itemUrl, useData } from "../api/use.js";
import type { Item } from "../api/types.js";
import { count, duration, figure, money, whole } from "../logic/format.js";
import type { Place } from "../logic/router.js";
import { bestSoFar } from "../logic/scale.js";
import { Actions } from "../parts/actions.js";
import { Await, Badge, Code, Empty, Figures, PageHead, Panel, State } from "../parts/basic.js";
import { Plot } from "../parts/chart.js";
import { DiffView } from "../parts/diff.js";
import { Grid, type Column } from "../parts/grid.js";
import { Tabs } from "../parts/tabs.js";
import { BackLink, ListView } from "./resource.js";

interface Candidate {
  id: string | number;
  parent?: string | number | null;
  score?: number;
  parents?: (string | number)[];
  /** By predictor: `{"instructions", "demos"}`. */
  prompts?: Record<string, { instructions?: unknown; demos?: unknown }>;
  prompt_size?: number;
  instructions?: unknown;
  demos?: unknown;
  origin?: string;
}

interface Optimization extends Item {
  program?: string;
  optimizer?: string;
  state?: string;
  best?: number;
  spent?: number | { requests?: number; cost?: number };
  points?: { cost?: number; score?: number; requests?: number }[];
  candidates?: Candidate[];
  front?: unknown[];
}

export function Optimizations({ place }: { place: Place }) {
  if (place.id) return <Detail key={place.id} id={place.id} />;
  return <ListView place={place} hint="Searches for better instructions and demonstrations." except={["stop", "resume"]} empty={<Empty title="No optimizer has run yet" icon="optimize">Start one with <code>dspy optimize</code>; it can be watched here.</Empty>} />;
}

function Detail({ id }: { id: string }) {
  const loaded = useData<Optimization>(itemUrl("optimizations", id), "optimizations", id);
  const { data, reload } = loaded;
  // A search that says nothing for a while is asked how far it is.
  useEffect(() => {
    if (data?.state !== "running") return undefined;
    const timer = setInterval(reload, 5000);
    return () => clearInterval(timer);
  }, [data?.state, reload]);
  return (
    <>
      <BackLink view="optimizations" text="Optimizations" />
      <PageHead title={data?.program ? `${data.optimizer ?? "Optimizer"} on ${data.program}` : id} hint={<span class="mono">{id}</span>} actions={<OnState state={data?.state} id={id} done={reload} />} />
      <Await of={loaded} rows={8}>
        {(run) => <Progress run={run} />}
      </Await>
    </>
  );
}

/** What cannot be done in a state is not offered. */
function OnState({ state, id, done }: { state: string | undefined; id: string; done: () => void }) {
  const running = state === "running" || state === "queued";
  const ended = state === "done" || state === "finished";
  return <Actions resource="optimizations" id={id} except={[...(running ? ["resume"] : ["stop"]), ...(ended ? ["resume"] : [])]} done={done} />;
}

function Progress({ run }: { run: Optimization }) {
  const [chosen, setChosen] = useState<string>();
  const candidates = run.candidates ?? [];
  const front = new Set((run.front ?? []).map((each) => (typeof each === "object" && each !== null ? String((each as { candidate?: unknown }).candidate ?? (each as { id?: unknown }).id ?? "") : String(each))));
  const points = (run.points ?? []).filter((point) => Number.isFinite(point.cost) && Number.isFinite(point.score));
  const asRequests = points.some((point) => point.requests !== undefined);
  const steps = bestSoFar(points);
  const best = candidates.reduce<Candidate | undefined>((top, each) => ((each.score ?? -Infinity) > (top?.score ?? -Infinity) ? each : top), undefined);
  const shown = candidates.find((candidate) => String(candidate.id) === (chosen ?? String(best?.id)));
  const columns: Column<Candidate>[] = [
    { name: "id", title: "#", width: "minmax(44px, 0.4fr)", cell: (each) => String(each.id) },
    { name: "score", title: "Score", width: "84px", cell: (each) => (each === best ? <strong>{figure(each.score)}</strong> : figure(each.score)) },
    { name: "parent", title: "From", width: "minmax(44px, 0.4fr)", rank: 3, cell: (each) => (each.parent === undefined || each.parent === null ? "–" : String(each.parent)) },
    { name: "marks", title: "", width: "minmax(60px, 0.6fr)", rank: 2, cell: (each) => <>{each === best && <Badge tone="good">best</Badge>} {front.has(String(each.id)) && <Badge tone="accent">front</Badge>}</> },
    { name: "instructions", title: "Instructions", width: "minmax(80px, 2fr)", rank: 1, cell: (each) => instructionsOf(each).replace(/\s+/g, " ").slice(0, 200) || (each.origin ?? "–") },
  ];
  return (
    <div class="stack">
      <Panel>
        <Figures
          items={[
            ["State", <State value={run.state} />],
            ["Best score", figure(run.best)],
            ["Spent", spentOf(run.spent)],
            ["Candidates", count(candidates.length)],
            ["Time", duration(run["seconds"] as number | undefined)],
          ]}
        />
      </Panel>
      <div class="columns">
        <Panel title="Best score over cost">
          <Plot points={points.map((point) => ({ x: point.cost as number, y: point.score as number }))} steps={steps.map((point) => ({ x: point.cost, y: point.score }))} label={`Best score over cost: ${steps.length > 0 ? `${figure(steps[0]?.score)} at first, ${figure(steps.at(-1)?.score)} after ${asRequests ? count(steps.at(-1)?.cost) : money(steps.at(-1)?.cost)}` : "nothing measured yet"}`} xTitle={asRequests ? "requests" : "cost"} yTitle="score" xFormat={asRequests ? count : money} />
        </Panel>
        {front.size > 0 && (
          <Panel title="Pareto front" actions={<span class="hint">{count(front.size)} of {count(candidates.length)}</span>}>
            <Front candidates={candidates} front={front} choose={setChosen} />
          </Panel>
        )}
      </div>
      <Panel title="Candidates">
        {candidates.length === 0 ? <Empty title="No candidates yet" /> : <Grid label="Candidates" columns={columns} length={candidates.length} row={(at) => candidates[at]} open={(each) => setChosen(String(each.id))} selected={(each) => each === shown} />}
      </Panel>
      {shown && <CandidatePanel key={String(shown.id)} candidate={shown} parent={candidates.find((each) => String(each.id) === String(shown.parent ?? ""))} first={candidates[0]} />}
    </div>
  );
}

function spentOf(spent: Optimization["spent"]): string {
  if (typeof spent !== "object" || spent === null) return money(spent);
  return [spent.cost === undefined ? "" : money(spent.cost), spent.requests === undefined ? "" : `${count(spent.requests)} requests`].filter(Boolean).join(", ") || "–";
}

/** Of all predictors, one below the other. */
function instructionsOf(candidate: Candidate): string {
  if (candidate.instructions !== undefined) return whole(candidate.instructions);
  const prompts = Object.entries(candidate.prompts ?? {});
  return prompts.map(([path, prompt]) => (prompts.length > 1 ? `[${path}]\n` : "") + whole(prompt?.instructions)).join("\n\n");
}

function demosOf(candidate: Candidate): string {
  if (candidate.demos !== undefined) return whole(candidate.demos);
  const prompts = Object.entries(candidate.prompts ?? {}).filter(([, prompt]) => Array.isArray(prompt?.demos) && prompt.demos.length > 0);
  return prompts.map(([path, prompt]) => `[${path}]\n${whole(prompt.demos)}`).join("\n\n");
}

/** Score against the size of the prompt: what one may have for what it costs each call. */
function Front({ candidates, front, choose }: { candidates: Candidate[]; front: Set<string>; choose: (id: string) => void }) {
  const points = candidates.filter((each) => Number.isFinite(each.score)).map((each) => ({ x: each.prompt_size ?? instructionsOf(each).length + demosOf(each).length, y: each.score as number, id: String(each.id), strong: front.has(String(each.id)) }));
  return <Plot points={points} label={`Candidates by prompt length and score; on the front: ${[...front].join(", ")}`} xTitle="characters of the prompt" yTitle="score" choose={choose} />;
}

function CandidatePanel({ candidate, parent, first }: { candidate: Candidate; parent: Candidate | undefined; first: Candidate | undefined }) {
  const [tab, setTab] = useState(parent ? "parent" : "text");
  const tabs = [{ id: "text", title: "Instructions" }, ...(parent ? [{ id: "parent", title: `Against ${parent.id}` }] : []), ...(first && first !== candidate && first !== parent ? [{ id: "first", title: `Against the first` }] : []), { id: "demos", title: "Demonstrations" }];
  return (
    <Panel title={`Candidate ${candidate.id}`} actions={<span class="num strong">{figure(candidate.score)}</span>}>
      <Tabs label="Parts of the candidate" tabs={tabs} current={tab} choose={setTab}>
        {tab === "text" && <Code text={instructionsOf(candidate) || "–"} label="Instructions" />}
        {tab === "parent" && <DiffView label="Instructions" before={parent && instructionsOf(parent)} after={instructionsOf(candidate)} />}
        {tab === "first" && <DiffView label="Instructions" before={first && instructionsOf(first)} after={instructionsOf(candidate)} />}
        {tab === "demos" && <Code text={demosOf(candidate) || "None"} label="Demonstrations" />}
      </Tabs>
    </Panel>
  );
}
