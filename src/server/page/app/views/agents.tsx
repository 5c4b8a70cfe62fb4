// Agents: what they did, and what they wait to be allowed.

import { ApiError } from "../api/client.js";
import { itemUrl, useData } from "../api/use.js";
import type { Item } from "../api/types.js";
import { count, duration, whole } from "../logic/format.js";
import type { Place } from "../logic/router.js";
import { Actions } from "../parts/actions.js";
import { Await, Badge, Code, Empty, Figures, PageHead, Panel, State, Time, Values } from "../parts/basic.js";
import { ApprovalBox, approvalsOf, type Waiting } from "../parts/approval.js";
import { BackLink, ListView } from "./resource.js";

interface AgentEvent {
  kind?: string;
  at?: number;
  agent?: string;
  inputs?: Record<string, unknown>;
  thought?: unknown;
  calls?: { id?: string; tool?: string; arguments?: unknown }[];
  call?: string;
  outcome?: unknown;
  decision?: string;
  words?: string;
  end?: string;
  why?: string;
  outputs?: Record<string, unknown>;
}

interface AgentRun extends Item, Waiting {
  agent?: string;
  state?: string;
  turns?: number;
  transcript?: string;
  events?: AgentEvent[];
}

export function Agents({ place }: { place: Place }) {
  const jobs = useData<{ jobs: (Item & Waiting)[] }>(place.id ? "" : "/v1/jobs?state=waiting&limit=100", "jobs");
  if (place.id) return <Detail key={place.id} id={place.id} />;
  const waiting = jobs.data?.jobs ?? [];
  const unknown = jobs.error !== undefined && !(jobs.error instanceof ApiError && jobs.error.status === 404);
  return (
    <ListView
      place={place}
      hint={unknown ? "It is not known whether anything waits for approval: the jobs cannot be read." : waiting.length === 0 ? "Nothing waits for approval." : `${waiting.length} waiting for approval`}
      before={
        waiting.length > 0 && (
          <section class="stack waiting" aria-label="Waiting for approval">
            {waiting.flatMap((job) => approvalsOf(job).map((approval) => <ApprovalBox key={`${job.id} ${approval.call}`} job={String(job.id)} program={String(job["program"] ?? "")} approval={approval} done={jobs.reload} />))}
          </section>
        )
      }
      empty={
        <Empty title="No agents have run yet" icon="agent">
          A program with tools appears here once it runs as a job.
        </Empty>
      }
    />
  );
}

function Detail({ id }: { id: string }) {
  const loaded = useData<AgentRun>(itemUrl("agents", id), "agents", id);
  return (
    <>
      <BackLink view="agents" text="Agents" />
      <PageHead title={loaded.data?.agent ?? id} hint={<span class="mono">{id}</span>} actions={<Actions resource="agents" id={id} done={loaded.reload} />} />
      <Await of={loaded} rows={8}>
        {(run) => (
          <div class="stack">
            {approvalsOf(run).map((approval) => (
              <ApprovalBox key={approval.call} job={typeof run["job"] === "string" ? run["job"] : id} program={run.agent ?? ""} approval={approval} done={loaded.reload} />
            ))}
            <Panel>
              <Figures
                items={[
                  ["State", <State value={run.state} />],
                  ["Started", <Time iso={run["started_at"]} />],
                  ["Changed", <Time iso={run["changed_at"]} />],
                  ["Turns", count(run.turns)],
                ]}
              />
            </Panel>
            <Panel title="Transcript">{run.events && run.events.length > 0 ? <Transcript events={run.events} /> : <Code text={run.transcript ?? ""} label="Transcript" tall />}</Panel>
          </div>
        )}
      </Await>
    </>
  );
}

function Transcript({ events }: { events: AgentEvent[] }) {
  const tools = new Map(events.flatMap((event) => (event.calls ?? []).map((call): [string, string] => [String(call.id), String(call.tool)])));
  const begun = new Map(events.filter((event) => event.kind === "started").map((event): [string, number | undefined] => [String(event.call), event.at]));
  return (
    <ol class="transcript">
      {events
        .filter((event) => event.kind !== "started")
        .map((event, at) => (
          <li key={at} class={event.kind === "turn" ? "turn-assistant" : event.call ? "turn-tool" : ""}>
            <div class="row">
              <h3>{[event.kind, event.agent, event.call && (tools.get(event.call) ?? event.call)].filter(Boolean).join(" · ")}</h3>
              <span class="hint">{event.kind === "finished" && event.at !== undefined && begun.get(String(event.call)) !== undefined ? duration((event.at - (begun.get(String(event.call)) as number)) / 1000) : event.at !== undefined && <Time iso={new Date(event.at).toISOString()} />}</span>
            </div>
            {event.inputs && <Values of={event.inputs} />}
            {event.thought !== undefined && <p class="text-value">{whole(event.thought)}</p>}
            {event.calls?.map((call) => (
              <div key={call.id}>
                <Badge tone="accent">{String(call.tool)}</Badge>
                <Code text={whole(call.arguments)} label={`Arguments of ${call.tool}`} />
              </div>
            ))}
            {event.decision !== undefined && <p>{[event.decision, event.words].filter(Boolean).join(": ")}</p>}
            {event.outcome !== undefined && <Code text={whole(event.outcome)} label="What came back" />}
            {event.end !== undefined && <p>{[event.end, event.why].filter(Boolean).join(": ")}</p>}
            {event.outputs && <Values of={event.outputs} />}
          </li>
        ))}
    </ol>
  );
}
