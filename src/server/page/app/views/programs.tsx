// The registry: versions of a program, where they came from, and which one each alias names.

import { useState } from "preact/hooks";

import { itemUrl, useData, useResource } from "../api/use.js";
import type { Item } from "../api/types.js";
import { figure } from "../logic/format.js";
import { hashOf, type Place } from "../logic/router.js";
import { Actions } from "../parts/actions.js";
import { Await, Badge, Button, Code, Empty, PageHead, Panel, Time, toneOf, Values } from "../parts/basic.js";
import { CompareDialog, PromoteDialog } from "./promotion.js";
import { BackLink, columnsOf, ListView } from "./resource.js";

export interface Version {
  number?: number;
  version?: string;
  digest?: string;
  parent?: number | null;
  score?: number;
  metric?: string;
  created_at?: string;
}

interface Registered extends Item {
  versions?: Version[];
  aliases?: unknown;
  history?: Record<string, unknown>[];
  events?: Record<string, unknown>[];
}

export function Programs({ place }: { place: Place }) {
  const table = useResource("programs");
  if (place.id) return <Detail key={place.id} id={place.id} />;
  const columns = columnsOf((table?.fields ?? []).filter((field) => field.name !== "id"));
  return <ListView place={place} hint="Programs by version; aliases such as production say which one is served." columns={columns} except={["promote", "rollback", "compare"]} empty={<Empty title="The registry is empty" icon="program">Add a program with <code>dspy registry add</code>.</Empty>} />;
}

function Detail({ id }: { id: string }) {
  const loaded = useData<Registered>(itemUrl("programs", id), "programs", id);
  const table = useResource("programs");
  const [open, setOpen] = useState<"promote" | "compare">();
  const has = (name: string) => (table?.actions ?? []).some((action) => action.name === name);
  const versions = sortedVersions(loaded.data);
  return (
    <>
      <BackLink view="programs" text="Registry" />
      <PageHead
        title={loaded.data?.name ?? id}
        actions={
          <>
            <a class="button" href={hashOf("playground", String(loaded.data?.name ?? id))}>
              Open in playground
            </a>
            {has("compare") && versions.length > 1 && <Button icon="diff" onClick={() => setOpen("compare")}>Compare</Button>}
            <Actions resource="programs" id={id} except={["promote", "compare"]} done={loaded.reload} />
            {has("promote") && versions.length > 0 && <Button icon="up" onClick={() => setOpen("promote")}>Promote</Button>}
          </>
        }
      />
      <Await of={loaded} rows={8}>
        {(program) => <Lineage program={program} />}
      </Await>
      {open === "promote" && <PromoteDialog id={id} versions={versions} aliases={aliasesOf(loaded.data?.aliases)} close={() => setOpen(undefined)} done={loaded.reload} />}
      {open === "compare" && <CompareDialog id={id} versions={versions} close={() => setOpen(undefined)} />}
    </>
  );
}

/** The newest first. */
function sortedVersions(program: Registered | undefined): Version[] {
  return Array.isArray(program?.versions) ? [...program.versions].sort((a, b) => (b.number ?? 0) - (a.number ?? 0)) : [];
}

/** What a version says of where it came from, beside what is shown anyway. */
function originOf({ number: _number, version: _version, parent: _parent, score: _score, created_at: _created, ...rest }: Version): Record<string, unknown> {
  return rest;
}

function Lineage({ program }: { program: Registered }) {
  const versions = sortedVersions(program);
  const aliases = aliasesOf(program.aliases);
  const history = [...(program.history ?? program.events ?? [])].reverse();
  const shown = new Set(["id", "name", "versions", "aliases", "history", "events", "newest", "version", "number", "score", "created_at", "changed_at"]);
  const rest = Object.fromEntries(Object.entries(program).filter(([name]) => !shown.has(name)));
  return (
    <div class="columns">
      <Panel title="Versions">
        {versions.length === 0 ? (
          <Values of={program} />
        ) : (
          <ol class="lineage">
            {versions.map((version) => {
              const named = aliases.filter(([, number]) => number === version.number).map(([name]) => name);
              return (
                <li key={version.number ?? version.digest} class={named.length > 0 ? "current" : ""}>
                  <strong class="num">{version.number ?? "–"}</strong>
                  {version.version && <span class="mono">{version.version}</span>}
                  {named.map((name) => (
                    <Badge key={name} tone={toneOf(name) === "plain" ? "accent" : toneOf(name)}>
                      {name}
                    </Badge>
                  ))}
                  <span class="num">{figure(version.score)}</span>
                  {version.parent !== undefined && version.parent !== null && <span class="hint">from {version.parent}</span>}
                  <span class="grow" />
                  <span class="hint">
                    <Time iso={version.created_at} />
                  </span>
                  {Object.keys(originOf(version)).length > 0 && (
                    <details class="whole">
                      <summary class="hint">Where it came from</summary>
                      <Code text={JSON.stringify(originOf(version), null, 2)} label="Lineage" />
                    </details>
                  )}
                </li>
              );
            })}
          </ol>
        )}
      </Panel>
      <div class="stack">
        <Panel title="History">
          {history.length === 0 ? (
            <p class="faint">Nothing was promoted yet.</p>
          ) : (
            <ol class="lineage">
              {history.map((event, at) => (
                <li key={at}>
                  <span>{event["alias"] ? `${String(event["alias"])}: ${event["from"] ?? "none"} → ${event["to"] ?? "none"}` : `version ${String(event["to"] ?? "")} added`}</span>
                  {event["reason"] ? <span class="faint break">{String(event["reason"])}</span> : null}
                  <span class="grow" />
                  <span class="hint">
                    <Time iso={event["at"]} />
                  </span>
                </li>
              ))}
            </ol>
          )}
        </Panel>
        {versions.length > 0 && Object.keys(rest).length > 0 && (
          <Panel title="More">
            <Values of={rest} />
          </Panel>
        )}
      </div>
    </div>
  );
}

/** `{"production": 3}`, or a list of pairs or of objects. */
export function aliasesOf(value: unknown): [name: string, number: number][] {
  if (Array.isArray(value))
    return value.flatMap((each: unknown): [string, number][] => {
      if (Array.isArray(each)) return [[String(each[0]), Number(each[1])]];
      if (typeof each !== "object" || each === null) return [];
      const { alias, name, number, version } = each as Record<string, unknown>;
      return [[String(alias ?? name ?? ""), Number(number ?? version)]];
    });
  return typeof value === "object" && value !== null ? Object.entries(value).map(([name, number]) => [name, Number(number)]) : [];
}
