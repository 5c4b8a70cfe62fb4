// Jobs: runs that outlive the request that started them.

import type { JSX } from "preact";
import { useState } from "preact/hooks";

import { call, path } from "../api/client.js";
import { useData } from "../api/use.js";
import type { Item } from "../api/types.js";
import { count, duration } from "../logic/format.js";
import { hashOf, type Place } from "../logic/router.js";
import { ApprovalBox, approvalsOf, type Waiting } from "../parts/approval.js";
import { Await, Button, ErrorBox, Figures, PageHead, Panel, State, Time, Values } from "../parts/basic.js";
import { ActionDialog } from "../parts/dialog.js";
import { BackLink, ListView } from "./resource.js";

interface Job extends Item, Waiting {
  program?: string;
  state?: string;
  inputs?: Record<string, unknown>;
  outputs?: Record<string, unknown>;
  answer?: { seconds?: number; trace_id?: string };
  error?: { message?: string };
  attempts?: number;
}

export function Jobs({ place }: { place: Place }) {
  return place.id ? <Detail key={place.id} id={place.id} /> : <ListView place={place} hint="Runs that outlive the request that started them." except={["cancel"]} />;
}

function Detail({ id }: { id: string }) {
  const loaded = useData<Job>(path`/v1/jobs/${id}`, "jobs", id);
  const [asking, setAsking] = useState(false);
  const over = ["done", "failed", "cancelled"].includes(loaded.data?.state ?? "done");
  return (
    <>
      <BackLink view="jobs" text="Jobs" />
      <PageHead
        title={loaded.data?.program ?? "Job"}
        hint={<span class="mono">{id}</span>}
        actions={
          !over && (
            <Button icon="stop" onClick={() => setAsking(true)}>
              Cancel the job
            </Button>
          )
        }
      />
      <Await of={loaded} rows={8}>
        {(job) => (
          <div class="stack">
            {approvalsOf(job).map((approval) => (
              <ApprovalBox key={approval.call} job={id} program={job.program ?? ""} approval={approval} done={loaded.reload} />
            ))}
            {job.error && <ErrorBox error={new Error(job.error.message ?? "The job failed.")} />}
            <Panel>
              <Figures
                items={[
                  ["State", <State value={job.state} />],
                  ["Created", <Time iso={job["created_at"]} />],
                  ["Changed", <Time iso={job["updated_at"]} />],
                  ["Time", duration(job.answer?.seconds)],
                  ["Attempts", count(job.attempts)],
                  ...(job.answer?.trace_id ? ([["Trace", <a href={hashOf("traces", job.answer.trace_id)}>open</a>]] as [string, JSX.Element][]) : []),
                ]}
              />
            </Panel>
            <div class="columns">
              <Panel title="Inputs">
                <Values of={job.inputs} />
              </Panel>
              <Panel title="Outputs">
                <Values of={job.outputs} />
              </Panel>
            </div>
          </div>
        )}
      </Await>
      {asking && (
        <ActionDialog
          title="Cancel the job"
          verb="Cancel the job"
          danger
          close={() => setAsking(false)}
          run={async () => {
            await call(path`/v1/jobs/${id}` + ":cancel", { method: "POST", body: {} });
            loaded.reload();
          }}
        >
          <p>What it has done so far stays done.</p>
        </ActionDialog>
      )}
    </>
  );
}
