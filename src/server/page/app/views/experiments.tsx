// Experiments: two or more versions that share the requests, and which one does better.

import { itemUrl, useData } from "../api/use.js";
import type { Item } from "../api/types.js";
import { count, figure, percent } from "../logic/format.js";
import type { Place } from "../logic/router.js";
import { Actions } from "../parts/actions.js";
import { Await, Empty, Figures, PageHead, Panel, State, Values } from "../parts/basic.js";
import { Share } from "../parts/chart.js";
import { BackLink, ListView } from "./resource.js";
import { intervalOf } from "./runs.js";

interface Arm {
  name: string;
  weight?: number;
  /** Callers with a judgement. */
  count?: number;
  score?: number;
  /** Callers that it was given to, and their calls, where the server divides them. */
  units?: number;
  calls?: number;
}

interface Experiment extends Item {
  arms?: unknown;
  counts?: unknown;
  exposures?: unknown;
  result?: Record<string, unknown>;
  state?: string;
}

export function Experiments({ place }: { place: Place }) {
  if (place.id) return <Detail key={place.id} id={place.id} />;
  return <ListView place={place} hint="Versions that share the requests, until one is known to be better." except={["stop", "result"]} empty={<Empty title="No experiments yet" icon="experiment">Start one to send a part of the requests to another version.</Empty>} />;
}

function Detail({ id }: { id: string }) {
  const loaded = useData<Experiment>(itemUrl("experiments", id), "experiments", id);
  return (
    <>
      <BackLink view="experiments" text="Experiments" />
      <PageHead title={loaded.data?.name ?? id} actions={<Actions resource="experiments" id={id} except={["result"]} done={loaded.reload} />} />
      <Await of={loaded} rows={6}>
        {(experiment) => {
          const arms = armsOf(experiment);
          const total = arms.reduce((sum, arm) => sum + (arm.count ?? 0), 0);
          const { arms: _arms, counts: _counts, exposures: _exposures, result, ...rest } = experiment;
          const given = arms.reduce((sum, arm) => sum + (arm.units ?? 0), 0);
          return (
            <div class="columns">
              <Panel title="Arms" actions={<State value={experiment.state} />}>
                <div class="stack">
                  {arms.length === 0 && <p class="faint">No arms</p>}
                  {arms.map((arm) => (
                    <div key={arm.name} class="arm">
                      <div class="row between">
                        <strong class="break">{arm.name}</strong>
                        <span class="hint num">
                          {arm.units !== undefined ? `${count(arm.units)} callers, ${count(arm.calls)} calls · ` : ""}
                          {count(arm.count)} judged{arm.weight !== undefined ? ` · weight ${figure(arm.weight)}` : ""}
                          {arm.score !== undefined ? ` · score ${figure(arm.score)}` : ""}
                        </span>
                      </div>
                      {given > 0 ? <Share value={arm.units} of={given} label={`${arm.name}: ${percent((arm.units ?? 0) / given)} of the callers`} /> : <Share value={arm.count} of={total} label={`${arm.name}: ${percent(total > 0 ? (arm.count ?? 0) / total : undefined)} of those judged`} />}
                    </div>
                  ))}
                </div>
              </Panel>
              <Panel title="Result">
                {result ? (
                  <>
                    <Comparisons result={result} />
                    <Figures items={Object.entries(result).filter(([, value]) => typeof value === "number").map(([name, value]) => [name.replace(/_/g, " "), figure(value as number)])} />
                    <Values of={Object.fromEntries(Object.entries(result).filter(([name, value]) => typeof value !== "number" && name !== "comparisons"))} />
                  </>
                ) : (
                  <p class="faint">Not known yet: feedback is needed for each arm.</p>
                )}
              </Panel>
              <Panel title="Settings">
                <Values of={rest} />
              </Panel>
            </div>
          );
        }}
      </Await>
    </>
  );
}

/** Each arm against the control. */
function Comparisons({ result }: { result: Record<string, unknown> }) {
  const rows = Array.isArray(result["comparisons"]) ? (result["comparisons"] as Record<string, unknown>[]) : [];
  if (rows.length === 0) return null;
  const number = (value: unknown) => figure(typeof value === "number" ? value : undefined);
  return (
    <div class="scroll">
      <table class="plain">
        <thead>
          <tr>
            {["Arm", "Mean", "Difference", "Interval", "p"].map((name) => (
              <th key={name} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, at) => {
            const interval = intervalOf(row["interval"]);
            return (
              <tr key={at}>
                <td>{String(row["arm"])}</td>
                <td class="num">{number(row["mean"])}</td>
                <td class="num">{number(row["difference"])}</td>
                <td class="num">{interval ? `${figure(interval[0])} to ${figure(interval[1])}` : "–"}</td>
                <td class="num">{number(row["adjusted_p_value"] ?? row["p_value"])}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

/** Arms as a list or by name, with counts in them or beside them. */
export function armsOf(experiment: { arms?: unknown; counts?: unknown; exposures?: unknown }): Arm[] {
  const named = (of: unknown) => (typeof of === "object" && of !== null ? (of as Record<string, unknown>) : {});
  const counts = named(experiment.counts);
  const exposures = named(experiment.exposures);
  const entries: [string, unknown][] = Array.isArray(experiment.arms)
    ? experiment.arms.map((arm: unknown, at): [string, unknown] => [typeof arm === "object" && arm !== null ? String((arm as Item)["name"] ?? (arm as Item)["version"] ?? at + 1) : String(arm), arm])
    : Object.entries((experiment.arms as Record<string, unknown> | undefined) ?? {});
  return entries.map(([name, value]) => {
    const arm = typeof value === "object" && value !== null ? (value as Record<string, unknown>) : { weight: value };
    const number = (of: unknown) => (typeof of === "number" ? of : undefined);
    return { name, weight: number(arm["weight"] ?? arm["share"]), count: number(arm["count"] ?? counts[name]), score: number(arm["score"] ?? arm["mean"]), units: number(named(exposures[name])["units"]), calls: number(named(exposures[name])["calls"]) };
  });
}
