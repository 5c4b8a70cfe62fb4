// Buttons for what the server says can be done with a thing: a form where an action asks for something, a question where
// it wants to be sure.

import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";

import { act, useResource } from "../api/use.js";
import type { Item, ResourceAction } from "../api/types.js";
import { title } from "../logic/format.js";
import { Button, Value } from "./basic.js";
import { ActionDialog, Dialog } from "./dialog.js";
import { entriesOf, FieldsForm, valuesOf, type Entries } from "./form.js";
import type { IconName } from "./icon.js";
import { toast } from "./toast.js";

const dangerous = new Set(["revoke", "delete", "remove", "rollback", "stop", "cancel", "deny"]);
const icons: Record<string, IconName> = { create: "plus", promote: "up", rollback: "left", stop: "stop", resume: "play", start: "play", replay: "retry", revoke: "close", rotate: "retry", export: "download", import: "upload", add_row: "plus" };

/** The buttons of all actions but those that the view has a better place for. */
export function Actions({ resource, id, except = [], done, given = {} }: { resource: string; id?: string | number; except?: string[]; done?: (result: Item, action: ResourceAction) => void; given?: Record<string, unknown> }) {
  const table = useResource(resource);
  const on = id === undefined ? "all" : "one";
  const actions = (table?.actions ?? []).filter((action) => (action.on ?? "one") === on && !except.includes(action.name));
  return (
    <>
      {actions.map((action) => (
        <ActionButton key={action.name} resource={resource} id={id} action={action} given={given} {...(done ? { done } : {})} />
      ))}
    </>
  );
}

export function ActionButton({ resource, id, action, done, given = {}, label }: { resource: string; id: string | number | undefined; action: ResourceAction; done?: (result: Item, action: ResourceAction) => void; given?: Record<string, unknown>; label?: ComponentChildren }) {
  const fields = (action.inputs ?? []).filter((field) => !(field.name in given));
  const [open, setOpen] = useState(false);
  const [entries, setEntries] = useState<Entries>({});
  const [errors, setErrors] = useState<Record<string, string>>({});
  const [result, setResult] = useState<Item>();
  const name = action.title ?? title(action.name);
  const run = async () => {
    const { values, errors: wrong } = valuesOf(fields, entries);
    setErrors(wrong);
    if (Object.keys(wrong).length > 0) throw new Error("Some of the values are missing or wrong.");
    const answer = await act<Item>(resource, action.name, id, { ...given, ...values });
    toast(`${name}: done`);
    if (done) done(answer, action);
    else if (answer && Object.keys(answer).length > 0) setResult(answer);
  };
  const begin = () => {
    setEntries(entriesOf(fields, Object.fromEntries(fields.map((field) => [field.name, field.schema?.["default"]]))));
    setErrors({});
    if (fields.length > 0 || action.confirm) setOpen(true);
    else run().catch((error: unknown) => toast(`${name}: ${error instanceof Error ? error.message : String(error)}`, true));
  };
  const icon = icons[action.name];
  return (
    <>
      <Button onClick={begin} tone={action.name === "create" ? "primary" : "plain"} {...(icon ? { icon } : {})}>
        {label ?? name}
      </Button>
      {open && (
        <ActionDialog title={name} verb={name} danger={dangerous.has(action.name)} close={() => setOpen(false)} run={run}>
          {action.confirm && (
            <p>
              {name} {id === undefined ? "" : <strong class="break">{String(id)}</strong>}
              {fields.length > 0 ? "." : "? This takes effect at once."}
            </p>
          )}
          <FieldsForm fields={fields} entries={entries} errors={errors} change={setEntries} />
        </ActionDialog>
      )}
      {result && (
        <Dialog title={`${name}: result`} close={() => setResult(undefined)} wide>
          <Value value={result} />
        </Dialog>
      )}
    </>
  );
}
