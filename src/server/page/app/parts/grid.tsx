// A table of any length: only the rows in sight are in the document. One stop for the Tab key; arrows, Page, Home and End
// move the active row, Enter opens it.

import type { ComponentChildren } from "preact";
import { useEffect, useId, useLayoutEffect, useRef, useState } from "preact/hooks";

import { Icon } from "./icon.js";

export interface Column<T> {
  name: string;
  title: ComponentChildren;
  /** As in `grid-template-columns`. */
  width?: string;
  /** Narrow tables leave columns out, the highest numbers first; those without one stay. */
  rank?: number;
  align?: "end";
  sortable?: boolean;
  cell: (row: T) => ComponentChildren;
}

interface GridProps<T> {
  label: string;
  columns: Column<T>[];
  length: number;
  row: (at: number) => T | undefined;
  need?: (last: number) => void;
  open?: (row: T, at: number) => void;
  selected?: (row: T) => boolean;
  sort?: string;
  onSort?: (sort: string) => void;
  height?: string;
  rowClass?: (row: T) => string;
  initial?: number;
}

const rowHeight = 34;
const spare = 12;
const gap = 12;

export function Grid<T>({ label, columns, length, row, need, open, selected, sort, onSort, height, rowClass, initial }: GridProps<T>) {
  const id = useId();
  const outer = useRef<HTMLDivElement>(null);
  const body = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const [size, setSize] = useState({ width: 900, height: 600 });
  const [active, setActive] = useState(initial ?? 0);

  useLayoutEffect(() => {
    const element = body.current;
    if (!element) return undefined;
    const watcher = new ResizeObserver(() => setSize({ width: element.clientWidth, height: element.clientHeight }));
    watcher.observe(element);
    return () => watcher.disconnect();
  }, []);

  const first = Math.max(0, Math.floor(top / rowHeight) - spare);
  const last = Math.min(length, Math.ceil((top + size.height) / rowHeight) + spare);
  useEffect(() => need?.(last), [last, need]);

  const shown = fitting(columns, size.width);
  const template = shown.map((column) => column.width ?? "minmax(0, 1fr)").join(" ");
  const activate = (at: number) => {
    const next = Math.max(0, Math.min(length - 1, at));
    setActive(next);
    const element = body.current;
    if (!element) return;
    if (next * rowHeight < element.scrollTop) element.scrollTop = next * rowHeight;
    else if ((next + 1) * rowHeight > element.scrollTop + element.clientHeight) element.scrollTop = (next + 1) * rowHeight - element.clientHeight;
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.target !== outer.current || event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(1, Math.floor(size.height / rowHeight) - 1);
    const to = { ArrowDown: active + 1, ArrowUp: active - 1, PageDown: active + page, PageUp: active - page, Home: 0, End: length - 1 }[event.key];
    if (to !== undefined) {
      event.preventDefault();
      activate(to);
    } else if (event.key === "Enter" && open) {
      const current = row(active);
      if (current !== undefined) open(current, active);
    }
  };

  const rows = [];
  for (let at = first; at < last; at += 1) {
    const value = row(at);
    rows.push(
      <div
        key={at}
        id={`${id}-${at}`}
        role="row"
        aria-rowindex={at + 2}
        aria-selected={value !== undefined && selected ? selected(value) : undefined}
        class={`grid-row${at === active ? " grid-active" : ""}${open ? " grid-open" : ""} ${value !== undefined && rowClass ? rowClass(value) : ""}`}
        style={{ top: `${at * rowHeight}px`, gridTemplateColumns: template }}
        onClick={(event) => {
          if ((event.target as Element).closest("button, a, input, label")) return;
          setActive(at);
          if (value !== undefined) open?.(value, at);
        }}
      >
        {value === undefined ? (
          <div role="gridcell" class="grid-wait">
            <span class="skeleton" />
          </div>
        ) : (
          shown.map((column) => (
            <div key={column.name} role="gridcell" class={column.align === "end" ? "end" : ""}>
              {column.cell(value)}
            </div>
          ))
        )}
      </div>,
    );
  }

  return (
    <div ref={outer} class="grid" role="grid" aria-label={label} aria-rowcount={length + 1} tabIndex={0} aria-activedescendant={length > 0 ? `${id}-${active}` : undefined} onKeyDown={onKeyDown}>
      <div role="rowgroup" class="grid-head">
        <div role="row" aria-rowindex={1} style={{ gridTemplateColumns: template }}>
          {shown.map((column) => (
            <Head key={column.name} column={column} sort={sort} onSort={onSort} />
          ))}
        </div>
      </div>
      <div
        ref={body}
        role="rowgroup"
        class="grid-body"
        tabIndex={-1}
        style={{ height: height ?? `${Math.min(length, 14) * rowHeight}px` }}
        onScroll={(event) => setTop(event.currentTarget.scrollTop)}
      >
        <div role="presentation" style={{ height: `${length * rowHeight}px`, position: "relative" }}>
          {rows}
        </div>
      </div>
    </div>
  );
}

function Head<T>({ column, sort, onSort }: { column: Column<T>; sort: string | undefined; onSort: ((sort: string) => void) | undefined }) {
  const up = sort === column.name;
  const down = sort === `-${column.name}`;
  const className = column.align === "end" ? "end" : "";
  if (!column.sortable || !onSort) {
    return (
      <div role="columnheader" class={className}>
        {column.title}
      </div>
    );
  }
  return (
    <div role="columnheader" class={className} aria-sort={up ? "ascending" : down ? "descending" : "none"}>
      <button type="button" onClick={() => onSort(down ? column.name : `-${column.name}`)}>
        {column.title}
        {(up || down) && <Icon name={up ? "up" : "down"} size={12} />}
      </button>
    </div>
  );
}

/** The columns that a width has room for. */
function fitting<T>(columns: Column<T>[], width: number): Column<T>[] {
  const need = (column: Column<T>) => gap + Math.max(Number(/(\d+)px/.exec(column.width ?? "")?.[1] ?? 90), 20);
  let room = width - 28 - columns.filter((column) => column.rank === undefined).reduce((sum, column) => sum + need(column), 0);
  const kept = new Set<Column<T>>();
  for (const column of columns.filter((each) => each.rank !== undefined).sort((a, b) => (a.rank ?? 0) - (b.rank ?? 0))) {
    room -= need(column);
    if (room < 0) break;
    kept.add(column);
  }
  return columns.filter((column) => column.rank === undefined || kept.has(column));
}
