// A tool call that waits until somebody allows or denies it.

import { useState } from "preact/hooks";

import { call, messageOf, path } from "../api/client.js";
import { whole } from "../logic/format.js";
import { hashOf } from "../logic/router.js";
import { Button, Code, Labelled } from "./basic.js";
import { toast } from "./toast.js";

export interface Approval {
  call: string;
  tool?: string;
  arguments?: unknown;
}

/** What a job or a run of an agent says of it: one call, or several. */
export interface Waiting {
  waiting?: Approval | Approval[];
}

export function approvalsOf({ waiting }: Waiting): Approval[] {
  return (Array.isArray(waiting) ? waiting : waiting ? [waiting] : []).filter((each) => typeof each === "object" && each !== null && each.call !== undefined);
}

export function ApprovalBox({ job, program, approval, done }: { job: string; program: string; approval: Approval; done: () => void }) {
  const [note, setNote] = useState("");
  const [busy, setBusy] = useState(false);
  const tool = approval.tool ?? "a tool";
  const decide = async (decision: "allow" | "deny") => {
    setBusy(true);
    try {
      await call(path`/v1/jobs/${job}` + ":approve", { body: { call: approval.call, decision, ...(note ? { note } : {}) } });
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
        <a class="small break" href={hashOf("jobs", job)}>
          {program || job}
        </a>
      </div>
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
