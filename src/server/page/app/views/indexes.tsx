// Indexes: what is in them, and why a search finds what it finds.

import { useState } from "preact/hooks";

import { act, itemUrl, useData } from "../api/use.js";
import type { Item } from "../api/types.js";
import { count, figure, line, whole } from "../logic/format.js";
import type { Place } from "../logic/router.js";
import { Actions } from "../parts/actions.js";
import { Await, Badge, Button, Empty, ErrorBox, Figures, PageHead, Panel } from "../parts/basic.js";
import { Share } from "../parts/chart.js";
import { BackLink, ListView } from "./resource.js";

interface Hit extends Item {
  text?: string;
  passage?: unknown;
  score?: number;
  parts?: { by?: string; value?: number; rank?: number }[];
}

export function Indexes({ place }: { place: Place }) {
  if (place.id) return <Detail key={place.id} id={place.id} />;
  return <ListView place={place} hint="Passages that programs can find." except={["search"]} empty={<Empty title="No indexes yet" icon="index">Make one with <code>dspy index</code>.</Empty>} />;
}

function Detail({ id }: { id: string }) {
  const loaded = useData<Item>(itemUrl("indexes", id), "indexes", id);
  const [query, setQuery] = useState("");
  const [k, setK] = useState("10");
  const [busy, setBusy] = useState(false);
  const [found, setFound] = useState<Hit[]>();
  const [error, setError] = useState<unknown>();
  const search = async () => {
    if (query.trim() === "" || busy) return;
    setBusy(true);
    setError(undefined);
    try {
      const answer = await act<{ hits?: Hit[]; items?: Hit[] } | Hit[]>("indexes", "search", id, { query, k: Math.max(1, Math.min(100, Math.floor(Number(k)) || 10)) });
      setFound(Array.isArray(answer) ? answer : (answer.hits ?? answer.items ?? []));
    } catch (reason) {
      setError(reason);
    } finally {
      setBusy(false);
    }
  };
  const top = Math.max(...(found ?? []).map((hit) => hit.score ?? 0), 0);
  return (
    <>
      <BackLink view="indexes" text="Indexes" />
      <PageHead title={loaded.data?.name ?? id} actions={<Actions resource="indexes" id={id} except={["search"]} done={loaded.reload} />} />
      <Await of={loaded} rows={2}>
        {(index) => (
          <Panel>
            <Figures items={Object.entries(index).filter(([name, value]) => name !== "id" && name !== "name" && typeof value !== "object").map(([name, value]) => [name.replace(/_/g, " "), typeof value === "number" ? count(value) : line(value)])} />
          </Panel>
        )}
      </Await>
      <Panel title="Search">
        <form
          class="toolbar"
          role="search"
          onSubmit={(event) => {
            event.preventDefault();
            void search();
          }}
        >
          <input type="search" aria-label="Question" placeholder="Question" value={query} onInput={(event) => setQuery(event.currentTarget.value)} />
          <div class="field">
            <input aria-label="How many" inputMode="numeric" value={k} onInput={(event) => setK(event.currentTarget.value)} />
          </div>
          <Button type="submit" tone="primary" icon="index" busy={busy}>
            Search
          </Button>
        </form>
        {error !== undefined && <ErrorBox error={error} />}
        {found?.length === 0 && <Empty title="Nothing found" />}
        <ol aria-label="Passages">
          {found?.map((hit, at) => (
            <HitView key={at} hit={hit} at={at} top={top} />
          ))}
        </ol>
      </Panel>
    </>
  );
}

function HitView({ hit, at, top }: { hit: Hit; at: number; top: number }) {
  const parts = (hit.parts ?? []).filter((part): part is { by: string; value: number; rank?: number } => typeof part.value === "number");
  // Vectors and words are measured in different units, so each bar is of its own kind: by the rank that it gave.

  const passage = hit.text ?? (typeof hit.passage === "object" && hit.passage !== null ? (hit.passage as Item)["text"] : hit.passage);
  return (
    <li class="hit stack tight">
      <div class="row">
        <Badge>{at + 1}</Badge>
        <strong class="num">{figure(hit.score)}</strong>
        {hit.id !== undefined && <span class="mono faint break">{String(hit.id)}</span>}
        {typeof hit["source"] === "string" && <span class="faint break">{hit["source"]}</span>}
      </div>
      <Share value={hit.score} of={top} label={`Score ${figure(hit.score)}`} />
      <p class="text-value">{whole(passage)}</p>
      {parts.length > 0 && (
        <details>
          <summary class="hint">Why it was found</summary>
          <div class="bars">
            {parts.map((part, place) => (
              <div key={place} class="bar-row">
                <span>{String(part.by).replace(/_/g, " ")}</span>
                <Share value={part.rank === undefined ? undefined : 1 / (part.rank + 1)} label={`${part.by}: place ${(part.rank ?? 0) + 1}`} />
                <span title={part.rank === undefined ? undefined : `place ${part.rank + 1}`}>{figure(part.value)}</span>
              </div>
            ))}
          </div>
        </details>
      )}
    </li>
  );
}
