// Forms from fields: what a program takes, what an action asks for.

import { useId } from "preact/hooks";

import type { Field } from "../api/types.js";
import { controlOf, entryOf, parsed, type Control, type Entry } from "../logic/form.js";
import { line, title } from "../logic/format.js";
import { Button } from "./basic.js";

export type Entries = Record<string, Entry>;

export function entriesOf(fields: Field[], values: Record<string, unknown>): Entries {
  return Object.fromEntries(fields.map((field) => [field.name, entryOf(controlOf(field), values[field.name])]));
}

/** The values of a form, or what is wrong with it, by field. */
export function valuesOf(fields: Field[], entries: Entries): { values: Record<string, unknown>; errors: Record<string, string> } {
  const values: Record<string, unknown> = {};
  const errors: Record<string, string> = {};
  for (const field of fields) {
    const result = parsed(controlOf(field), entries[field.name], field.required !== false);
    if ("error" in result) errors[field.name] = result.error;
    else if ("value" in result) values[field.name] = result.value;
  }
  return { values, errors };
}

export function FieldsForm({ fields, entries, errors, change }: { fields: Field[]; entries: Entries; errors: Record<string, string>; change: (entries: Entries) => void }) {
  return (
    <div class="stack">
      {fields.map((field) => (
        <FieldRow key={field.name} field={field} entry={entries[field.name]} error={errors[field.name]} change={(entry) => change({ ...entries, [field.name]: entry })} />
      ))}
    </div>
  );
}

function FieldRow({ field, entry, error, change }: { field: Field; entry: Entry | undefined; error: string | undefined; change: (entry: Entry) => void }) {
  const id = useId();
  const control = controlOf(field);
  const required = field.required !== false;
  const more = error || field.desc ? `${id}-more` : undefined;
  const label = (
    <>
      <span>{field.title ?? field.name}</span>
      {field.type && <span class="type">{field.type}</span>}
      {!required && <span class="faint small">optional</span>}
    </>
  );
  const common = { id, "aria-describedby": more, "aria-invalid": error ? true : undefined, name: field.name };
  return (
    <div class={`field${error ? " field-wrong" : ""}`}>
      {control.kind === "list" ? (
        <fieldset aria-describedby={more}>
          <legend>{label}</legend>
          <ListControl name={field.title ?? field.name} item={control.item} entry={Array.isArray(entry) ? entry : []} change={change} />
        </fieldset>
      ) : (
        <>
          <label for={id}>{label}</label>
          <ControlInput control={control} entry={typeof entry === "string" ? entry : ""} change={change} common={common} optional={!required} />
        </>
      )}
      {more && (
        <p id={more} class={error ? "field-error" : "hint"}>
          {error ?? field.desc}
        </p>
      )}
    </div>
  );
}

interface Common {
  id?: string;
  name?: string;
  "aria-describedby"?: string | undefined;
  "aria-invalid"?: boolean | undefined;
  "aria-label"?: string;
}

function ControlInput({ control, entry, change, common, optional }: { control: Control; entry: string; change: (entry: string) => void; common: Common; optional: boolean }) {
  const typed = (event: { currentTarget: { value: string } }) => change(event.currentTarget.value);
  switch (control.kind) {
    case "text":
      return control.long ? <textarea {...common} rows={3} value={entry} onInput={typed} /> : <input {...common} type="text" value={entry} onInput={typed} autocomplete="off" />;
    case "number":
      return <input {...common} type="text" inputMode={control.integer ? "numeric" : "decimal"} value={entry} onInput={typed} autocomplete="off" class="short" />;
    case "boolean":
      return (
        <select {...common} value={entry} onChange={typed} class="short">
          <option value="">{optional ? "not given" : "choose"}</option>
          <option value="true">true</option>
          <option value="false">false</option>
        </select>
      );
    case "choice":
      return (
        <select {...common} value={entry} onChange={typed}>
          <option value="">{optional ? "not given" : "choose"}</option>
          {control.options.map((option, at) => (
            <option key={at} value={String(at)}>
              {line(option)}
            </option>
          ))}
        </select>
      );
    default:
      return <textarea {...common} rows={4} class="mono" spellcheck={false} placeholder="JSON" value={entry} onInput={typed} />;
  }
}

function ListControl({ name, item, entry, change }: { name: string; item: Control; entry: string[]; change: (entry: Entry) => void }) {
  return (
    <div class="stack tight">
      {entry.map((text, at) => (
        <div key={at} class="row list-item">
          <ControlInput control={item.kind === "text" ? { kind: "text", long: false } : item} entry={text} optional={false} common={{ "aria-label": `${name}, item ${at + 1}` }} change={(next) => change(entry.map((old, place) => (place === at ? next : old)))} />
          <Button tone="quiet" icon="close" aria-label={`Remove item ${at + 1}`} onClick={() => change(entry.filter((_, place) => place !== at))} />
        </div>
      ))}
      <div>
        <Button tone="quiet" icon="plus" onClick={() => change([...entry, ""])}>
          Add {title(name).toLowerCase()}
        </Button>
      </div>
    </div>
  );
}
