// Any resource as the server's table describes it: its fields as columns, its actions as buttons.

import type { ComponentChildren } from "preact";
import { useCallback, useState } from "preact/hooks";

import type { Item, ResourceField } from "../api/types.js";
import { itemUrl, resources, resourcesError, useData, useLive, usePaged, useResource, type ListParams } from "../api/use.js";
import { useStore } from "../api/store.js";
import { absent, bytes, count, duration, figure, line, money, title } from "../logic/format.js";
import { hashOf, type Place } from "../logic/router.js";
import { Actions } from "../parts/actions.js";
import { Await, Empty, ErrorBox, Loading, PageHead, Panel, State, Time, Values } from "../parts/basic.js";
import { Grid, type Column } from "../parts/grid.js";
import { SearchBox } from "../parts/search.js";

export function ResourceView({ place }: { place: Place }) {
  const known = useStore(resources);
  const failed = useStore(resourcesError);
  const table = useResource(place.view);
  const heading = table?.title ?? title(place.view);
  if (!known) return failed ? <ErrorBox error={failed} /> : <Loading />;
  if (!table)
    return (
      <>
        <PageHead title={heading} />
        <Empty title={`This server has no ${place.view}`}>What there is depends on what it was started with.</Empty>
      </>
    );
  return place.id ? <ItemView place={place} /> : <ListView place={place} hint={undefined} />;
}

export function ListView({ place, hint, before, columns, except, empty }: { place: Place; hint: ComponentChildren; before?: ComponentChildren; columns?: Column<Item>[]; except?: string[]; empty?: ComponentChildren }) {
  const table = useResource(place.view);
  const heading = table?.title ?? title(place.view);
  const [q, setQ] = useState(place.params["q"] ?? "");
  const [sort, setSort] = useState("");
  const shown = columns ?? columnsOf(table?.fields ?? []);
  const searchable = (table?.fields ?? []).some((field) => field.searchable);
  return (
    <>
      <PageHead title={heading} hint={hint} actions={<Actions resource={place.view} {...(except ? { except } : {})} />} />
      {before}
      {searchable && (
        <div class="toolbar">
          <SearchBox value={q} change={setQ} label={`Search ${heading.toLowerCase()}`} />
        </div>
      )}
      <ResourceGrid resource={place.view} label={heading} columns={shown} params={{ q, sort, limit: 200 }} sort={sort} onSort={setSort} empty={empty} open={(item) => (location.hash = hashOf(place.view, idOf(item)))} />
    </>
  );
}

export function ResourceGrid({ resource, label, columns, params, sort, onSort, open, empty, height, selected }: { resource: string; label: string; columns: Column<Item>[]; params: ListParams; sort?: string; onSort?: (sort: string) => void; open?: (item: Item) => void; empty?: ComponentChildren; height?: string; selected?: (item: Item) => boolean }) {
  const { list, reload } = usePaged<Item>(`/api/${resource}`, params);
  useLive(resource, reload);
  const need = useCallback((last: number) => void list.ensure(last), [list]);
  if (list.error !== undefined && list.items.length === 0) return <ErrorBox error={list.error} retry={reload} />;
  if (list.items.length === 0) return list.complete ? (params["q"] ? <Empty title="Nothing found">Try other words, or fewer.</Empty> : (empty ?? <Empty title={`No ${label.toLowerCase()} yet`} />)) : <Loading />;
  return (
    <>
      {list.error !== undefined && <ErrorBox error={list.error} retry={() => void list.ensure(list.items.length)} />}
      <Grid label={label} columns={columns} length={list.length} row={(at) => list.items[at]} need={need} {...(open ? { open } : {})} {...(sort !== undefined && onSort ? { sort, onSort } : {})} {...(height ? { height } : {})} {...(selected ? { selected } : {})} />
    </>
  );
}

function ItemView({ place }: { place: Place }) {
  const table = useResource(place.view);
  const loaded = useData<Item>(itemUrl(place.view, place.id), place.view, place.id);
  return (
    <>
      <BackLink view={place.view} text={table?.title ?? title(place.view)} />
      <PageHead title={place.id} actions={<Actions resource={place.view} id={place.id} done={loaded.reload} />} />
      <Await of={loaded}>
        {(item) => (
          <Panel>
            <Values of={item} />
          </Panel>
        )}
      </Await>
    </>
  );
}

export function BackLink({ view, text }: { view: string; text: string }) {
  return (
    <a class="crumb" href={hashOf(view)}>
      ← {text}
    </a>
  );
}

export function idOf(item: Item): string {
  return String(item.id ?? item.name ?? "");
}

export function columnsOf(fields: ResourceField[]): Column<Item>[] {
  return fields.slice(0, 9).map((field, at) => ({
    name: field.name,
    title: field.title ?? title(field.name),
    ...(at > 1 ? { rank: at } : {}),
    ...(isNumber(field) ? { align: "end" as const, width: "minmax(70px, 0.6fr)" } : {}),
    ...(field.sortable ? { sortable: true } : {}),
    cell: (item: Item) => cellOf(field, item[field.name]),
  }));
}

function isNumber(field: ResourceField): boolean {
  return /^(int|float|number|integer|usd|seconds|bytes)/i.test(field.type ?? "") || ["cost", "seconds", "tokens", "score", "spent", "budget"].includes(field.name);
}

/** A value by what its field is called, and what it is. */
export function cellOf(field: { name: string; type?: string }, value: unknown): ComponentChildren {
  if (value === undefined || value === null || value === "") return <span class="faint">{absent}</span>;
  if (/_at$|^at$|^last_used$|time$/.test(field.name) && typeof value === "string") return <Time iso={value} />;
  if (field.name === "state" || field.name === "status") return <State value={value} />;
  if (typeof value === "number") {
    if (/cost|spent|budget|usd/.test(field.name)) return money(value);
    if (/seconds|duration|uptime/.test(field.name)) return duration(value);
    if (/bytes/.test(field.name)) return bytes(value);
    return Number.isInteger(value) ? count(value) : figure(value);
  }
  if (Array.isArray(value) && value.every((item) => typeof item !== "object")) return value.join(", ");
  const text = line(value);
  return <span title={text.length > 40 ? text.slice(0, 2000) : undefined}>{text}</span>;
}
