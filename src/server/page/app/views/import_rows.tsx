import { useState } from "preact/hooks";

import { act } from "../api/use.js";
import { count } from "../logic/format.js";
import { readRows } from "../logic/rows.js";
import { Button, Labelled } from "../parts/basic.js";
import { ActionDialog } from "../parts/dialog.js";
import { toast } from "../parts/toast.js";

/** Rows from a file of JSON lines, a JSON list or CSV, which is read here and shown before it is sent. */
export function ImportButton({ id, done }: { id?: string; done: () => void }) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <Button icon="upload" onClick={() => setOpen(true)}>
        {id === undefined ? "Import a dataset" : "Import"}
      </Button>
      {open && <ImportDialog id={id} done={done} close={() => setOpen(false)} />}
    </>
  );
}

function ImportDialog({ id, done, close }: { id: string | undefined; done: () => void; close: () => void }) {
  const [rows, setRows] = useState<Record<string, unknown>[]>();
  const [title, setTitle] = useState("");
  const [problem, setProblem] = useState<string>();
  const choose = async (file: File | undefined) => {
    setRows(undefined);
    setProblem(undefined);
    if (!file) return;
    try {
      setRows(readRows(await file.text(), file.name));
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    }
  };
  return (
    <ActionDialog
      title="Import rows"
      verb={rows ? `Import ${count(rows.length)} rows` : "Import"}
      close={close}
      run={async () => {
        if (!rows) throw new Error("Choose a file first.");
        const name = title.trim();
        if (id === undefined && name === "") throw new Error("Give the dataset a name.");
        await act("datasets", "import", id, { ...(id === undefined ? { name } : {}), text: rows.map((row) => JSON.stringify(row)).join("\n"), format: "jsonl" });
        toast(`${count(rows.length)} rows imported`);
        done();
      }}
    >
      <Labelled label="File" hint="JSON lines, a JSON list, or CSV with a header." {...(problem ? { error: problem } : {})}>
        {(field, more) => <input id={field} aria-describedby={more} type="file" accept=".jsonl,.ndjson,.json,.csv" onChange={(event) => void choose(event.currentTarget.files?.[0])} />}
      </Labelled>
      {id === undefined && <Labelled label="Name">{(field) => <input id={field} value={title} onInput={(event) => setTitle(event.currentTarget.value)} />}</Labelled>}
      {rows && <pre class="small">{JSON.stringify(rows[0] ?? {}, null, 2).slice(0, 600)}</pre>}
    </ActionDialog>
  );
}
