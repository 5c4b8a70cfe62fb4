// Keys: who may ask what, and how much of it.

import { useState } from "preact/hooks";

import { useResource } from "../api/use.js";
import type { Item } from "../api/types.js";
import { count, money, percent } from "../logic/format.js";
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
  const columns = columnsOf((table?.fields ?? []).filter((field) => !["id", "spent", "models", "created_at"].includes(field.name)));
  for (const column of columns) {
    if (column.name === "budget") Object.assign(column, { cell: budgetCell, align: undefined, width: "minmax(150px, 1.6fr)" });
    if (column.name === "scopes") column.cell = (key) => (Array.isArray(key["scopes"]) ? key["scopes"].map((scope) => <Badge key={String(scope)}>{String(scope)}</Badge>) : "–");
  }
  const reveal = (result: Item) => {
    const value = result?.["secret"];
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

/** What of its budgets a key has used; the fullest one as a bar. */
function budgetCell(key: Item) {
  const budget = numbersOf(key["budget"]);
  const spent = numbersOf(key["spent"]);
  const limits: [limit: string, used: string, format: (value: number | undefined) => string, per: string][] = [
    ["usd_per_month", "usd_this_month", money, "a month"],
    ["usd_per_day", "usd_today", money, "a day"],
    ["tokens_per_month", "tokens_this_month", count, "tokens a month"],
    ["tokens_per_day", "tokens_today", count, "tokens a day"],
  ];
  const used = limits
    .filter(([limit]) => budget[limit] !== undefined)
    .map(([limit, name, format, per]) => ({ share: (spent[name] ?? 0) / (budget[limit] as number), text: `${format(spent[name])} of ${format(budget[limit])} ${per}` }))
    .sort((a, b) => b.share - a.share)[0];
  if (!used) return spent["usd_this_month"] === undefined ? "–" : `${money(spent["usd_this_month"])} this month`;
  return (
    <span title={percent(used.share)}>
      {used.text}
      <Share value={used.share} label={`${percent(used.share)} of the budget`} tone={used.share > 0.9 ? "bad" : used.share > 0.7 ? "warn" : ""} />
    </span>
  );
}

function numbersOf(value: unknown): Record<string, number> {
  return Object.fromEntries(Object.entries(typeof value === "object" && value !== null ? value : {}).filter((entry): entry is [string, number] => typeof entry[1] === "number"));
}
