// Trying a program: its inputs as a form, and answers side by side as they come.

import { useEffect, useMemo, useRef, useState } from "preact/hooks";

import { useData } from "../api/use.js";
import type { Item, Program, System } from "../api/types.js";
import { hashOf, type Place } from "../logic/router.js";
import { Await, Badge, Button, Empty, PageHead, Panel } from "../parts/basic.js";
import { entriesOf, FieldsForm, valuesOf, type Entries } from "../parts/form.js";
import { SaveExample } from "./save_example.js";
import { newVariant, VariantPanel, type Variant } from "./variant.js";

export function Playground({ place }: { place: Place }) {
  const loaded = useData<{ programs: Program[] }>("/v1/programs", "programs");
  return (
    <>
      <Await of={loaded}>
        {({ programs }) => {
          if (programs.length === 0)
            return (
              <>
                <PageHead title="Playground" />
                <Empty title="No program is served" icon="program">
                  Start the server with program files: <code>dspy serve triage.json --model …</code>
                </Empty>
              </>
            );
          const program = programs.find((candidate) => candidate.name === place.id) ?? programs[0];
          return program && <ProgramPlayground key={program.name} program={program} programs={programs} given={place.params} />;
        }}
      </Await>
      {loaded.data === undefined && <h1 class="sr-only">Playground</h1>}
    </>
  );
}

/** What was typed stays while one looks at another view. */
const kept = new Map<string, { entries: Entries; variants: Variant[] }>();

function ProgramPlayground({ program, programs, given }: { program: Program; programs: Program[]; given: Record<string, string> }) {
  const fields = program.inputs ?? [];
  const [entries, setEntries] = useState<Entries>(() => (given["inputs"] ? entriesOf(fields, jsonObject(given["inputs"])) : (kept.get(program.name)?.entries ?? {})));
  const [variants, setVariants] = useState<Variant[]>(() => kept.get(program.name)?.variants ?? [newVariant()]);
  const [errors, setErrors] = useState<Record<string, string>>({});
  const [request, setRequest] = useState<{ turn: number; inputs: Record<string, unknown> }>();
  const [busy, setBusy] = useState<Record<number, boolean>>({});
  const [saving, setSaving] = useState<Record<string, unknown>>();
  const system = useData<System>("/api/system");
  const models = useMemo(() => (system.data?.models ?? []).filter((model) => !/embed|rerank/i.test(model.kind ?? "")).map((model) => model.name), [system.data]);
  useEffect(() => void kept.set(program.name, { entries, variants }), [program.name, entries, variants]);

  const run = () => {
    const { values, errors: wrong } = valuesOf(fields, entries);
    setErrors(wrong);
    if (Object.keys(wrong).length > 0) {
      document.querySelector<HTMLElement>(".field-wrong :is(input, textarea, select)")?.focus();
      return;
    }
    setRequest((old) => ({ turn: (old?.turn ?? 0) + 1, inputs: values }));
  };
  const form = useRef<HTMLFormElement>(null);
  const anyBusy = Object.values(busy).some(Boolean);

  return (
    <>
      <PageHead
        title="Playground"
        hint={program.instructions}
        actions={
          <label class="row">
            <span class="sr-only">Program</span>
            <select value={program.name} onChange={(event) => (location.hash = hashOf("playground", event.currentTarget.value))}>
              {programs.map((candidate) => (
                <option key={candidate.name} value={candidate.name}>
                  {candidate.name}
                </option>
              ))}
            </select>
          </label>
        }
      />
      <div class="playground">
        <Panel title={program.name} actions={program.version && <Badge>{program.version.slice(0, 12)}</Badge>}>
          <form
            ref={form}
            class="stack"
            noValidate
            onSubmit={(event) => {
              event.preventDefault();
              run();
            }}
            onKeyDown={(event) => {
              if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
              event.preventDefault();
              run();
            }}
          >
            {program.signature && <p class="type break">{program.signature}</p>}
            <FieldsForm fields={fields} entries={entries} errors={errors} change={setEntries} />
            <div class="row">
              <Button type="submit" tone="primary" icon="play" busy={anyBusy}>
                Run
              </Button>
              <Button icon="plus" disabled={variants.length >= 3} onClick={() => setVariants([...variants, newVariant(variants.at(-1))])}>
                Compare with another
              </Button>
            </div>
          </form>
        </Panel>
        <div class="variants">
          {variants.map((variant, at) => (
            <VariantPanel
              key={variant.key}
              number={variants.length > 1 ? at + 1 : undefined}
              program={program}
              models={models}
              variant={variant}
              request={request}
              draft={() => valuesOf(fields, entries).values}
              change={(next) => setVariants(variants.map((old) => (old.key === variant.key ? next : old)))}
              remove={variants.length > 1 ? () => setVariants(variants.filter((old) => old.key !== variant.key)) : undefined}
              busy={(on) => setBusy((old) => (old[variant.key] === on ? old : { ...old, [variant.key]: on }))}
              save={(outputs) => setSaving({ ...request?.inputs, ...outputs })}
            />
          ))}
        </div>
      </div>
      {saving && <SaveExample example={saving} close={() => setSaving(undefined)} />}
    </>
  );
}

function jsonObject(text: string): Item {
  try {
    const value = JSON.parse(text) as unknown;
    return typeof value === "object" && value !== null ? (value as Item) : {};
  } catch {
    return {};
  }
}

