import { useState } from "preact/hooks";

import { act, useData } from "../api/use.js";
import type { Item } from "../api/types.js";
import { Await, Empty, Labelled } from "../parts/basic.js";
import { ActionDialog, Dialog } from "../parts/dialog.js";
import { toast } from "../parts/toast.js";
import { idOf } from "./resource.js";

/** Puts an example, which can be corrected first, into a dataset. */
export function SaveExample({ example, close }: { example: Record<string, unknown>; close: () => void }) {
  const datasets = useData<{ items: Item[] }>("/api/datasets?limit=200", "datasets");
  const [chosen, setChosen] = useState("");
  const [text, setText] = useState(() => JSON.stringify(example, null, 2));
  const items = datasets.data?.items ?? [];
  if (datasets.data && items.length === 0)
    return (
      <Dialog title="Save as example" close={close}>
        <Empty title="There is no dataset yet" icon="dataset">
          Import one under Datasets.
        </Empty>
      </Dialog>
    );
  const id = chosen || (items[0] ? idOf(items[0]) : "");
  return (
    <ActionDialog
      title="Save as example"
      verb="Save"
      close={close}
      run={async () => {
        if (!id) throw new Error("Choose a dataset.");
        await act("datasets", "add_row", id, { values: parsedRow(text) });
        toast(`Saved to ${id}`);
      }}
    >
      <Await of={datasets} rows={2}>
        {() => (
          <>
            <Labelled label="Dataset">
              {(field) => (
                <select id={field} value={id} onChange={(event) => setChosen(event.currentTarget.value)}>
                  {items.map((item) => (
                    <option key={idOf(item)} value={idOf(item)}>
                      {String(item.name ?? item.id)}
                    </option>
                  ))}
                </select>
              )}
            </Labelled>
            <Labelled label="Example" hint="Correct the outputs where they are wrong.">
              {(field, more) => <textarea id={field} aria-describedby={more} class="mono" rows={10} spellcheck={false} value={text} onInput={(event) => setText(event.currentTarget.value)} />}
            </Labelled>
          </>
        )}
      </Await>
    </ActionDialog>
  );
}

export function parsedRow(text: string): Item {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error(`This is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error("An example is a JSON object.");
  return value as Item;
}
