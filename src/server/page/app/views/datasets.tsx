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

interface Row {
  id?: string | number;
  index?: number;
  label?: unknown;
  row?: Record<string, unknown>;
  [name: string]: unknown;
}

export function Datasets({ place }: { place: Place }) {
  if (place.id) return <Detail key={place.id} id={place.id} />;
  return <ListView place={place} hint="Examples to evaluate and to learn from." except={["import"]} empty={<Empty title="No datasets yet" icon="dataset">Files in the folder that the server was started with appear here.</Empty>} />;
}

function Detail({ id }: { id: string }) {
  const head = useData<Item>(itemUrl("datasets", id), "datasets", id);
  const [q, setQ] = useState("");
  const [editing, setEditing] = useState<{ at: number; row: Row } | "new">();
  const [labelling, setLabelling] = useState<{ at: number; row: Row }>();
  const { list, reload } = usePaged<Row>(path`/api/datasets/${id}/rows`, { q, limit: 200 });
  useLive("datasets", reload, id);
  const need = useCallback((last: number) => void list.ensure(last), [list]);
  const table = useResource("datasets");
  const offers = (name: string) => (table?.actions ?? []).some((action) => action.name === name);
  const first = list.items.slice(0, 50);
  const columns = useMemo((): Column<Row>[] => {
    const names = [...new Set(first.flatMap((row) => Object.keys(valuesOf(row))))].slice(0, 8);
    return [
      { name: "at", title: "#", width: "56px", cell: (row) => (row.index ?? list.items.indexOf(row)) + 1 },
      ...names.map((name, at): Column<Row> => ({ name, title: name, ...(at > 0 ? { rank: at } : {}), cell: (row) => line(valuesOf(row)[name]) })),
      ...(offers("label")
        ? [{ name: "act", title: <span class="sr-only">Label</span>, width: "64px", cell: (row: Row) => <button type="button" class="button button-quiet small" tabIndex={-1} onClick={() => setLabelling({ at: list.items.indexOf(row), row })}>Label</button> }]
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
            <Actions resource="datasets" id={id} except={["import", "export", "add_row", "edit_row", "label"]} done={finished} />
          </>
        }
      />
      <div class="toolbar">
        <SearchBox value={q} change={setQ} label="Search rows" />
      </div>
      {list.error !== undefined && <ErrorBox error={list.error} retry={reload} />}
      {list.items.length > 0 ? (
        <Grid label="Rows" columns={columns} length={list.length} row={(at) => list.items[at]} need={need} height="calc(100dvh - 250px)" {...(offers("edit_row") ? { open: (row: Row, at: number) => setEditing({ at, row }) } : {})} />
      ) : list.complete ? (
        <Empty title={q ? "Nothing found" : "No rows yet"} icon="dataset" />
      ) : (
        list.error === undefined && <Loading rows={8} />
      )}
      {editing && <RowDialog id={id} editing={editing} close={() => setEditing(undefined)} done={finished} fields={fieldsOf(head.data, first)} />}
      {labelling && <LabelDialog id={id} labelling={labelling} close={() => setLabelling(undefined)} done={finished} />}
    </>
  );
}

/** The row's own values, whether they stand in `row` or in the item itself. */
function valuesOf(row: Row): Record<string, unknown> {
  if (typeof row.row === "object" && row.row !== null) return row.label === undefined ? row.row : { ...row.row, label: row.label };
  const { id: _id, index: _index, ...values } = row;
  return values;
}

function keyOf(row: Row, at: number): { index: number } | { id: string | number } {
  return typeof row.index === "number" ? { index: row.index } : row.id !== undefined ? { id: row.id } : { index: at };
}

function fieldsOf(head: Item | undefined, rows: Row[]): string[] {
  const fields = head?.["fields"];
  if (Array.isArray(fields)) return fields.map((field: unknown) => (typeof field === "object" && field !== null ? String((field as Item)["name"]) : String(field)));
  return [...new Set(rows.flatMap((row) => Object.keys(valuesOf(row))))];
}

function RowDialog({ id, editing, fields, close, done }: { id: string; editing: { at: number; row: Row } | "new"; fields: string[]; close: () => void; done: () => void }) {
  const [text, setText] = useState(() => JSON.stringify(editing === "new" ? Object.fromEntries(fields.map((field) => [field, ""])) : valuesOf(editing.row), null, 2));
  return (
    <ActionDialog
      title={editing === "new" ? "Add a row" : `Row ${editing.at + 1}`}
      verb="Save"
      wide
      close={close}
      run={async () => {
        const row = parsedRow(text);
        if (editing === "new") await act("datasets", "add_row", id, { row });
        else await act("datasets", "edit_row", id, { ...keyOf(editing.row, editing.at), row });
        toast("Saved");
        done();
      }}
    >
      <Labelled label="Row" hint="A JSON object: one member a field.">
        {(field, more) => <textarea id={field} aria-describedby={more} class="mono" rows={14} spellcheck={false} value={text} onInput={(event) => setText(event.currentTarget.value)} />}
      </Labelled>
    </ActionDialog>
  );
}

function LabelDialog({ id, labelling, close, done }: { id: string; labelling: { at: number; row: Row }; close: () => void; done: () => void }) {
  const [label, setLabel] = useState(line(labelling.row.label ?? "").replace(/^–$/, ""));
  return (
    <ActionDialog
      title={`Label row ${labelling.at + 1}`}
      verb="Save"
      close={close}
      run={async () => {
        await act("datasets", "label", id, { ...keyOf(labelling.row, labelling.at), label });
        toast("Labelled");
        done();
      }}
    >
      <Labelled label="Label">{(field) => <input id={field} value={label} onInput={(event) => setLabel(event.currentTarget.value)} />}</Labelled>
    </ActionDialog>
  );
}

async function exported(id: string): Promise<void> {
  const response = await respond(path`/api/datasets/${id}/export`, { method: "POST", body: {} });
  const type = response.headers.get("content-type") ?? "";
  let text = await response.text();
  if (type.includes("json") && !type.includes("jsonl")) {
    const value = JSON.parse(text) as { text?: unknown; rows?: unknown };
    if (typeof value.text === "string") text = value.text;
    else if (Array.isArray(value.rows)) text = value.rows.map((row) => JSON.stringify(row)).join("\n") + "\n";
  }
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/octet-stream" }));
  link.download = `${id.replace(/[^\w.-]+/g, "_")}.jsonl`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
