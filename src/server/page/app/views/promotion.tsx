// Moving an alias to another version, through the gates of two runs where these are named; and two versions compared.

import { useState } from "preact/hooks";

import { act, useData } from "../api/use.js";
import type { Item } from "../api/types.js";
import { whole } from "../logic/format.js";
import { Badge, Figures, Labelled, Panel } from "../parts/basic.js";
import { ActionDialog, Dialog } from "../parts/dialog.js";
import { DiffView } from "../parts/diff.js";
import { toast } from "../parts/toast.js";
import type { Version } from "./programs.js";
import { idOf } from "./resource.js";
import { inPercent, type Run } from "./runs.js";

interface Gate {
  gate?: string;
  passed?: boolean;
  text?: string;
}

export function PromoteDialog({ id, versions, aliases, close, done }: { id: string; versions: Version[]; aliases: [name: string, number: number][]; close: () => void; done: () => void }) {
  const runs = useData<{ items: Run[] }>("/api/runs?limit=200", "runs");
  const [alias, setAlias] = useState(aliases[0]?.[0] ?? "production");
  const [version, setVersion] = useState(String(versions[0]?.number ?? ""));
  const [reason, setReason] = useState("");
  const [champion, setChampion] = useState("");
  const [challenger, setChallenger] = useState("");
  const [gates, setGates] = useState<Gate[]>();
  const now = aliases.find(([name]) => name === alias)?.[1];
  const run = async () => {
    if ((champion === "") !== (challenger === "")) throw new Error("Gates compare two runs: choose both, or neither.");
    const answer = await act<{ promoted?: boolean; gates?: Gate[] }>("programs", "promote", id, {
      alias,
      version,
      ...(now === undefined ? {} : { expected: now }),
      ...(reason ? { reason } : {}),
      ...(champion ? { champion_run: champion, challenger_run: challenger } : {}),
    });
    setGates(answer?.gates ?? []);
    if (answer?.promoted === false) throw new Error("Not promoted: a gate was not passed.");
    toast(`${alias} is version ${version} now`);
    done();
  };
  const choice = (label: string, value: string, change: (value: string) => void) => (
    <Labelled label={label}>
      {(field) => (
        <select id={field} value={value} onChange={(event) => change(event.currentTarget.value)}>
          <option value="">none</option>
          {(runs.data?.items ?? []).map((each) => (
            <option key={idOf(each)} value={idOf(each)}>{`${idOf(each)} · ${each.program ?? ""} · ${inPercent(each.score)}`}</option>
          ))}
        </select>
      )}
    </Labelled>
  );
  return (
    <ActionDialog title={`Promote a version of ${id}`} verb="Promote" close={close} run={run}>
      <p>
        {alias || "The alias"} {now === undefined ? "names no version yet" : `is version ${now} now`}. What is served by it changes at once.
      </p>
      <Labelled label="Alias">
        {(field) => (
          <>
            <input id={field} list={`${field}-known`} value={alias} onInput={(event) => setAlias(event.currentTarget.value)} />
            <datalist id={`${field}-known`}>
              {aliases.map(([name]) => (
                <option key={name} value={name} />
              ))}
            </datalist>
          </>
        )}
      </Labelled>
      <Labelled label="Version">
        {(field) => (
          <select id={field} value={version} onChange={(event) => setVersion(event.currentTarget.value)}>
            {versions.map((each) => (
              <option key={each.number} value={String(each.number)}>{`${each.number} · ${each.version ?? ""}`}</option>
            ))}
          </select>
        )}
      </Labelled>
      <Labelled label="Reason">{(field) => <input id={field} value={reason} onInput={(event) => setReason(event.currentTarget.value)} />}</Labelled>
      <details>
        <summary class="hint">Only if it does better in an evaluation</summary>
        <div class="stack">
          {choice("Run of the version that is served", champion, setChampion)}
          {choice("Run of the new one", challenger, setChallenger)}
        </div>
      </details>
      {gates?.map((gate, at) => (
        <p key={at} class="break">
          <Badge tone={gate.passed ? "good" : "bad"}>{gate.passed ? "passed" : "failed"}</Badge> {gate.gate}: {gate.text}
        </p>
      ))}
    </ActionDialog>
  );
}

interface Prompt {
  instructions?: unknown;
  demos?: unknown;
}

interface Comparison {
  changes?: unknown[];
  predictors?: { path?: string; a?: Prompt; b?: Prompt; same?: boolean }[];
}

export function CompareDialog({ id, versions, close }: { id: string; versions: Version[]; close: () => void }) {
  const [a, setA] = useState(String(versions[1]?.number ?? versions[0]?.number ?? ""));
  const [b, setB] = useState(String(versions[0]?.number ?? ""));
  const [found, setFound] = useState<Comparison & Item>();
  const choice = (label: string, value: string, change: (value: string) => void) => (
    <Labelled label={label}>
      {(field) => (
        <select id={field} value={value} onChange={(event) => change(event.currentTarget.value)}>
          {versions.map((each) => (
            <option key={each.number} value={String(each.number)}>{`${each.number} · ${each.version ?? ""}`}</option>
          ))}
        </select>
      )}
    </Labelled>
  );
  if (found)
    return (
      <Dialog title={`Versions ${a} and ${b} of ${id}`} close={close} wide>
        <div class="stack">
          <Figures items={[["Inputs and outputs", (found.changes?.length ?? 0) === 0 ? "the same" : found.changes?.map(whole).join("; ")]]} />
          {(found.predictors ?? []).map((predictor) => (
            <Panel key={predictor.path} title={predictor.path || "program"} actions={predictor.same ? <Badge>the same</Badge> : undefined}>
              <h3>Instructions</h3>
              <DiffView label="Instructions" before={predictor.a?.instructions} after={predictor.b?.instructions} />
              <h3>Demonstrations</h3>
              <DiffView label="Demonstrations" before={predictor.a?.demos ?? []} after={predictor.b?.demos ?? []} />
            </Panel>
          ))}
        </div>
      </Dialog>
    );
  return (
    <ActionDialog
      title="Compare two versions"
      verb="Compare"
      stay
      close={close}
      run={async () => {
        setFound(await act<Comparison & Item>("programs", "compare", id, { a, b }));
      }}
    >
      <div class="columns">
        {choice("First", a, setA)}
        {choice("Second", b, setB)}
      </div>
    </ActionDialog>
  );
}
