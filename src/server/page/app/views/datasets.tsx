// Datasets: rows to look at, correct, label, bring in and take out.

import { useCallback, useMemo, useState } from "preact/hooks";

import { path, respond } from "../api/client.js";
import { act, itemUrl, useData, useLive, usePaged, useResource } from "../api/use.js";
import type { Item } from "../api/types.js";
import { count, line } from "../logic/format.js";
import type { Place } from "../logic/router.js";
import { Actions } from "../parts/actions.js";
import { Button, Empty, ErrorBox, Labelled, Loading, PageHead } from "../parts/basic.js";
import { ActionDialog } from "../parts/dialog.js";
import { Grid, type Column } from "../parts/grid.js";
import { SearchBox } from "../parts/search.js";
import { toast } from "../parts/toast.js";
import { BackLink, ListView } from "./resource.js";
import { parsedRow } from "./save_example.js";
import { ImportButton } from "./import_rows.js";

/** A row, by its place in the dataset. */
interface Row {
  row: number;
  values: Record<string, unknown>;
}

export function Datasets({ place }: { place: Place }) {
  const table = useResource("datasets");
  const offersImport = (table?.actions ?? []).some((action) => action.name === "import" && action.on === "all");
  if (place.id) return <Detail key={place.id} id={place.id} />;
  return <ListView place={place} hint="Examples to evaluate and to learn from." before={offersImport && <div class="toolbar"><ImportButton done={() => undefined} /></div>} except={["import"]} empty={<Empty title="No datasets yet" icon="dataset">Files in the folder that the server was started with appear here.</Empty>} />;
}

function Detail({ id }: { id: string }) {
  const head = useData<Item>(itemUrl("datasets", id), "datasets", id);
  const [q, setQ] = useState("");
  const [editing, setEditing] = useState<Row | "new">();
  const [labelling, setLabelling] = useState<Row>();
  const { list, reload } = usePaged<Row>(path`/api/datasets/${id}/rows`, { q, limit: 200 });
  useLive("datasets", reload, id);
  const need = useCallback((last: number) => void list.ensure(last), [list]);
  const table = useResource("datasets");
  const offers = (name: string) => (table?.actions ?? []).some((action) => action.name === name && action.on !== "all");
  const first = list.items.slice(0, 50);
  const columns = useMemo((): Column<Row>[] => {
    const names = [...new Set(first.flatMap((row) => Object.keys(row.values)))].slice(0, 8);
    return [
      { name: "at", title: "#", width: "56px", cell: (row) => row.row + 1 },
      ...names.map((name, at): Column<Row> => ({ name, title: name, ...(at > 0 ? { rank: at } : {}), cell: (row) => line(row.values[name]) })),
      ...(offers("label")
        ? [{ name: "act", title: <span class="sr-only">Label</span>, width: "64px", cell: (row: Row) => <button type="button" class="button button-quiet small" tabIndex={-1} onClick={() => setLabelling(row)}>Label</button> }]
        : []),
    ];
  }, [list, list.items.length, table]);
  const finished = () => {
    reload();
    head.reload();
  };
  return (
    <>
      <BackLink view="datasets" text="Datasets" />
      <PageHead
        title={String(head.data?.name ?? id)}
        hint={head.data && `${count(typeof head.data["rows"] === "number" ? head.data["rows"] : list.total)} rows`}
        actions={
          <>
            {offers("import") && <ImportButton id={id} done={finished} />}
            {offers("export") && <Button icon="download" onClick={() => exported(id).catch((error: unknown) => toast(String(error), true))}>Export</Button>}
            {offers("add_row") && <Button tone="primary" icon="plus" onClick={() => setEditing("new")}>Add a row</Button>}
            <Actions resource="datasets" id={id} except={["import", "export", "add_row", "edit_row", "label", "remove_row"]} done={finished} />
          </>
        }
      />
      <div class="toolbar">
        <SearchBox value={q} change={setQ} label="Search rows" />
      </div>
      {list.error !== undefined && <ErrorBox error={list.error} retry={reload} />}
      {list.items.length > 0 ? (
        <Grid label="Rows" columns={columns} length={list.length} row={(at) => list.items[at]} need={need} height="calc(100dvh - 250px)" {...(offers("edit_row") ? { open: (row: Row) => setEditing(row) } : {})} />
      ) : list.complete ? (
        <Empty title={q ? "Nothing found" : "No rows yet"} icon="dataset" />
      ) : (
        list.error === undefined && <Loading rows={8} />
      )}
      {editing && <RowDialog id={id} editing={editing} close={() => setEditing(undefined)} done={finished} fields={fieldsOf(head.data, first)} />}
      {labelling && <LabelDialog id={id} labelling={labelling} fields={fieldsOf(head.data, first)} close={() => setLabelling(undefined)} done={finished} />}
    </>
  );
}

function fieldsOf(head: Item | undefined, rows: Row[]): string[] {
  const fields = head?.["fields"];
  return Array.isArray(fields) ? fields.map(String) : [...new Set(rows.flatMap((row) => Object.keys(row.values)))];
}

function RowDialog({ id, editing, fields, close, done }: { id: string; editing: Row | "new"; fields: string[]; close: () => void; done: () => void }) {
  const [text, setText] = useState(() => JSON.stringify(editing === "new" ? Object.fromEntries(fields.map((field) => [field, ""])) : editing.values, null, 2));
  const [removing, setRemoving] = useState(false);
  return (
    <ActionDialog
      title={editing === "new" ? "Add a row" : `Row ${editing.row + 1}`}
      verb={removing ? "Remove" : "Save"}
      danger={removing}
      wide
      close={close}
      run={async () => {
        // What it was when it was opened goes along, so that nobody's correction is overwritten.
        if (editing === "new") await act("datasets", "add_row", id, { values: parsedRow(text) });
        else if (removing) await act("datasets", "remove_row", id, { row: editing.row });
        else await act("datasets", "edit_row", id, { row: editing.row, values: parsedRow(text), expected: editing.values });
        toast(removing ? "Removed" : "Saved");
        done();
      }}
    >
      <Labelled label="Row" hint="A JSON object: one member a field.">
        {(field, more) => <textarea id={field} aria-describedby={more} class="mono" rows={14} spellcheck={false} value={text} onInput={(event) => setText(event.currentTarget.value)} />}
      </Labelled>
      {editing !== "new" && (
        <label class="check">
          <input type="checkbox" checked={removing} onChange={(event) => setRemoving(event.currentTarget.checked)} />
          Remove this row instead
        </label>
      )}
    </ActionDialog>
  );
}

/** Sets one field of a row: a text as it is, what is JSON as that. */
function LabelDialog({ id, labelling, fields, close, done }: { id: string; labelling: Row; fields: string[]; close: () => void; done: () => void }) {
  const [field, setField] = useState("label");
  const [value, setValue] = useState("");
  return (
    <ActionDialog
      title={`Label row ${labelling.row + 1}`}
      verb="Save"
      close={close}
      run={async () => {
        if (field.trim() === "") throw new Error("Name the field.");
        await act("datasets", "label", id, { row: labelling.row, field: field.trim(), value: asValue(value, labelling.values[field.trim()]) });
        toast("Labelled");
        done();
      }}
    >
      <Labelled label="Field">
        {(name) => (
          <>
            <input id={name} list={`${name}-known`} value={field} onInput={(event) => setField(event.currentTarget.value)} />
            <datalist id={`${name}-known`}>
              {fields.map((known) => (
                <option key={known} value={known} />
              ))}
            </datalist>
          </>
        )}
      </Labelled>
      <Labelled label="Value" hint={labelling.values[field] === undefined ? undefined : `Now: ${line(labelling.values[field])}`}>
        {(name, more) => <input id={name} aria-describedby={more} value={value} onInput={(event) => setValue(event.currentTarget.value)} />}
      </Labelled>
    </ActionDialog>
  );
}

/** In place of a text, or of nothing, what was typed is a text, even where it looks like a number. */
function asValue(typed: string, before: unknown): unknown {
  if (typeof before === "string" || before === undefined || before === null) return typed;
  try {
    return JSON.parse(typed) as unknown;
  } catch {
    throw new Error(`The field holds ${line(before)}; write a value of that kind as JSON.`);
  }
}

async function exported(id: string): Promise<void> {
  const response = await respond(path`/api/datasets/${id}/export`, { method: "POST", body: {} });
  const type = response.headers.get("content-type") ?? "";
  let text = await response.text();
  if (type.includes("json") && !type.includes("jsonl")) {
    const value = JSON.parse(text) as { text?: unknown };
    if (typeof value.text === "string") text = value.text;
  }
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/octet-stream" }));
  link.download = `${id.replace(/[^\w.-]+/g, "_")}.jsonl`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
