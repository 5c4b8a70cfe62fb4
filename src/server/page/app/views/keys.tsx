// Keys: who may ask what, and how much of it.

import { useState } from "preact/hooks";

import { useResource } from "../api/use.js";
import type { Item } from "../api/types.js";
import { money, percent } from "../logic/format.js";
import type { Place } from "../logic/router.js";
import { ActionButton } from "../parts/actions.js";
import { Badge, Button, Code, Empty, PageHead } from "../parts/basic.js";
import { Share } from "../parts/chart.js";
import { Dialog } from "../parts/dialog.js";
import { columnsOf, idOf, ResourceGrid } from "./resource.js";

export function Keys({ place }: { place: Place }) {
  const table = useResource("keys");
  const [secret, setSecret] = useState<string>();
  const [chosen, setChosen] = useState<Item>();
  const columns = columnsOf((table?.fields ?? []).filter((field) => field.name !== "spent"));
  for (const column of columns) {
    if (column.name === "budget") Object.assign(column, { cell: budgetCell, align: undefined, width: "minmax(130px, 1fr)" });
    if (column.name === "scopes") column.cell = (key) => (Array.isArray(key["scopes"]) ? key["scopes"].map((scope) => <Badge key={String(scope)}>{String(scope)}</Badge>) : "–");
  }
  const reveal = (result: Item) => {
    const value = result?.["key"] ?? result?.["secret"] ?? result?.["token"];
    if (typeof value === "string") setSecret(value);
    setChosen(undefined);
  };
  const actions = table?.actions ?? [];
  return (
    <>
      <PageHead title="Keys" hint="A key is shown once, when it is made; the server keeps only its hash." actions={actions.filter((action) => action.on === "all").map((action) => <ActionButton key={action.name} resource="keys" id={undefined} action={action} done={reveal} />)} />
      <ResourceGrid resource="keys" label="Keys" columns={columns} params={{ limit: 200 }} open={setChosen} selected={(key) => idOf(key) === (chosen ? idOf(chosen) : "")} empty={<Empty title="No keys yet" icon="key">{place.id || "Without keys the server answers only on this machine."}</Empty>} />
      {chosen && (
        <Dialog title={String(chosen.name ?? chosen.id)} close={() => setChosen(undefined)}>
          <div class="stack">
            {columns.map((column) => (
              <div key={column.name} class="row between">
                <span class="faint">{column.title}</span>
                <span class="break">{column.cell(chosen)}</span>
              </div>
            ))}
            <div class="row end">
              {actions.filter((action) => (action.on ?? "one") === "one").map((action) => (
                <ActionButton key={action.name} resource="keys" id={idOf(chosen)} action={{ ...action, confirm: action.confirm ?? true }} done={reveal} />
              ))}
            </div>
          </div>
        </Dialog>
      )}
      {secret && (
        <Dialog title="The new key" close={() => setSecret(undefined)}>
          <div class="stack">
            <p>Copy it now. It is not shown again.</p>
            <Code text={secret} label="Key" />
            <div class="row end">
              <Button tone="primary" onClick={() => setSecret(undefined)}>
                Done
              </Button>
            </div>
          </div>
        </Dialog>
      )}
    </>
  );
}

function budgetCell(key: Item) {
  const budget = typeof key["budget"] === "number" ? key["budget"] : undefined;
  const spent = typeof key["spent"] === "number" ? key["spent"] : undefined;
  if (budget === undefined) return spent === undefined ? "–" : money(spent);
  const share = spent === undefined ? undefined : spent / budget;
  return (
    <span title={share === undefined ? undefined : percent(share)}>
      {money(spent)} of {money(budget)}
      <Share value={share} label={`${percent(share)} of the budget`} tone={(share ?? 0) > 0.9 ? "bad" : (share ?? 0) > 0.7 ? "warn" : ""} />
    </span>
  );
}
