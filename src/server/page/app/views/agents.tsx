// Agents: what they did, and what they wait to be allowed.

import { useState } from "preact/hooks";

import { call, messageOf, path } from "../api/client.js";
import { itemUrl, useData } from "../api/use.js";
import type { Item } from "../api/types.js";
import { duration, whole } from "../logic/format.js";
import { hashOf, type Place } from "../logic/router.js";
import { Actions } from "../parts/actions.js";
import { Await, Badge, Button, Code, Empty, Figures, Labelled, PageHead, Panel, State, Time, Values } from "../parts/basic.js";
import { toast } from "../parts/toast.js";
import { BackLink, idOf, ListView } from "./resource.js";

interface Approval {
  call?: string | number;
  id?: string | number;
  tool?: string;
  name?: string;
  arguments?: unknown;
  reason?: string;
  risk?: string;
}

interface Turn {
  role?: string;
  kind?: string;
  text?: unknown;
  thought?: unknown;
  tool?: string;
  arguments?: unknown;
  result?: unknown;
  error?: unknown;
  at?: string;
  seconds?: number;
}

interface AgentRun extends Item {
  state?: string;
  job?: string;
  waiting?: unknown;
  approvals?: Approval[];
  transcript?: Turn[];
}

export function Agents({ place }: { place: Place }) {
  const all = useData<{ items: AgentRun[] }>(place.id ? "" : "/api/agents?state=waiting&limit=50", "agents");
  if (place.id) return <Detail key={place.id} id={place.id} />;
  const waiting = (all.data?.items ?? []).filter((run) => run.state === "waiting");
  const asked = waiting.length > 0 && (
    <section class="stack waiting" aria-label="Waiting for approval">
      {waiting.map((run) => (
        <WaitingRun key={idOf(run)} run={run} done={all.reload} />
      ))}
    </section>
  );
  return (
    <ListView
      place={place}
      hint={waiting.length === 0 ? "Nothing waits for approval." : `${waiting.length} waiting for approval`}
      before={asked}
      empty={
        <Empty title="No agents have run yet" icon="agent">
          A program with tools appears here once it runs as a job.
        </Empty>
      }
    />
  );
}

function approvalsOf(run: AgentRun): Approval[] {
  const waiting = run.approvals ?? run.waiting;
  if (Array.isArray(waiting)) return waiting as Approval[];
  return typeof waiting === "object" && waiting !== null ? [waiting as Approval] : [];
}

function WaitingRun({ run, done }: { run: AgentRun; done: () => void }) {
  const whole = useData<AgentRun>(run.approvals || run.waiting ? "" : itemUrl("agents", idOf(run)), "agents", idOf(run));
  const shown = whole.data ?? run;
  return (
    <>
      {approvalsOf(shown).map((approval, at) => (
        <ApprovalBox key={at} run={shown} approval={approval} done={done} />
      ))}
    </>
  );
}

function ApprovalBox({ run, approval, done }: { run: AgentRun; approval: Approval; done: () => void }) {
  const [note, setNote] = useState("");
  const [busy, setBusy] = useState(false);
  const tool = approval.tool ?? approval.name ?? "a tool";
  const decide = async (decision: "allow" | "deny") => {
    setBusy(true);
    try {
      await call(path`/v1/jobs/${run.job ?? idOf(run)}` + ":approve", { body: { call: approval.call ?? approval.id, decision, ...(note ? { note } : {}) } });
      toast(decision === "allow" ? `Allowed: ${tool}` : `Denied: ${tool}`);
      done();
    } catch (error) {
      toast(messageOf(error), true);
    } finally {
      setBusy(false);
    }
  };
  return (
    <div class="approval stack tight" role="group" aria-label={`Approval: ${tool}`}>
      <div class="row">
        <strong class="break">{tool}</strong>
        {approval.risk && <Badge tone="warn">{approval.risk}</Badge>}
        <a class="small" href={hashOf("agents", idOf(run))}>
          {String(run["program"] ?? idOf(run))}
        </a>
      </div>
      {approval.reason && <p class="break">{approval.reason}</p>}
      {approval.arguments !== undefined && <Code text={whole(approval.arguments)} label={`Arguments of ${tool}`} />}
      <Labelled label="Note for the agent">{(field) => <input id={field} value={note} onInput={(event) => setNote(event.currentTarget.value)} />}</Labelled>
      <div class="row">
        <Button tone="primary" icon="check" busy={busy} onClick={() => void decide("allow")}>
          Allow
        </Button>
        <Button tone="danger" icon="close" busy={busy} onClick={() => void decide("deny")}>
          Deny
        </Button>
      </div>
    </div>
  );
}

function Detail({ id }: { id: string }) {
  const loaded = useData<AgentRun>(itemUrl("agents", id), "agents", id);
  return (
    <>
      <BackLink view="agents" text="Agents" />
      <PageHead title={String(loaded.data?.["program"] ?? loaded.data?.name ?? id)} hint={<span class="mono">{id}</span>} actions={<Actions resource="agents" id={id} except={["approve"]} done={loaded.reload} />} />
      <Await of={loaded} rows={8}>
        {(run) => {
          const { transcript, approvals: _approvals, waiting: _waiting, ...rest } = run;
          return (
            <div class="stack">
              {approvalsOf(run).map((approval, at) => (
                <ApprovalBox key={at} run={run} approval={approval} done={loaded.reload} />
              ))}
              <Panel>
                <Figures items={[["State", <State value={run.state} />], ["Started", <Time iso={run["started_at"] ?? run["created_at"]} />], ["Time", duration(run["seconds"] as number | undefined)], ["Steps", transcript?.length ?? "–"]]} />
              </Panel>
              <Panel title="Transcript">{transcript && transcript.length > 0 ? <Transcript turns={transcript} /> : <Values of={rest} />}</Panel>
            </div>
          );
        }}
      </Await>
    </>
  );
}

function Transcript({ turns }: { turns: Turn[] }) {
  return (
    <ol class="transcript">
      {turns.map((turn, at) => {
        const role = turn.role ?? turn.kind ?? (turn.tool ? "tool" : "step");
        return (
          <li key={at} class={/^[a-z]+$/.test(role) ? `turn-${role}` : ""}>
            <div class="row">
              <h3>{[role, turn.tool].filter(Boolean).join(" · ")}</h3>
              <span class="hint">
                {turn.seconds !== undefined ? duration(turn.seconds) : turn.at ? <Time iso={turn.at} /> : null}
              </span>
            </div>
            {turn.thought !== undefined && <p class="text-value faint">{whole(turn.thought)}</p>}
            {turn.text !== undefined && <div class="text-value">{whole(turn.text)}</div>}
            {turn.arguments !== undefined && <Code text={whole(turn.arguments)} label="Arguments" />}
            {turn.result !== undefined && <Code text={whole(turn.result)} label="Result" />}
            {turn.error !== undefined && turn.error !== null && <p class="field-error">{whole(turn.error)}</p>}
          </li>
        );
      })}
    </ol>
  );
}
