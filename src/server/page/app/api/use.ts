// Server data in components: what is there stays on the screen while newer data is on its way.

import { useCallback, useEffect, useMemo, useRef, useState } from "preact/hooks";

import { PagedList, type Page } from "../logic/paged.js";
import { ApiError, call, path, query } from "./client.js";
import { onChange } from "./live.js";
import { Store, useStore } from "./store.js";
import type { Item, Resource } from "./types.js";

export interface Loaded<T> {
  data: T | undefined;
  error: unknown;
  loading: boolean;
  reload: () => void;
}

/** Reads `url` ("" for nothing), again when it changes, and when `resource` (or its item `id`) does. */
export function useData<T>(url: string, resource?: string, id?: string): Loaded<T> {
  const [state, setState] = useState<{ url: string; data?: T; error?: unknown; loading: boolean }>({ url, loading: true });
  const [turn, setTurn] = useState(0);
  const reload = useCallback(() => setTurn((n) => n + 1), []);
  useEffect(() => {
    if (!url) return undefined;
    const ended = new AbortController();
    setState((old) => (old.url === url ? { ...old, loading: true } : { url, loading: true }));
    call<T>(url, { signal: ended.signal }).then(
      (data) => !ended.signal.aborted && setState({ url, data, loading: false }),
      (error: unknown) => !ended.signal.aborted && setState((old) => ({ url, data: old.url === url ? old.data : undefined, error, loading: false })),
    );
    return () => ended.abort();
  }, [url, turn]);
  useLive(resource, reload, id);
  const current = state.url === url ? state : { data: undefined, error: undefined, loading: url !== "" };
  return { data: current.data, error: current.error, loading: current.loading, reload };
}

/** Calls `reload` shortly after something of the resource has changed; many changes at once are one. */
export function useLive(resource: string | undefined, reload: () => void, id?: string): void {
  const latest = useRef(reload);
  latest.current = reload;
  useEffect(() => {
    if (!resource) return undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stop = onChange((change) => {
      if (change !== "all" && (change.resource !== resource || (id !== undefined && change.id !== "" && change.id !== id))) return;
      timer ??= setTimeout(() => {
        timer = undefined;
        latest.current();
      }, 250);
    });
    return () => {
      stop();
      clearTimeout(timer);
    };
  }, [resource, id]);
}

export type ListParams = Record<string, string | number | undefined>;

/** A resource's list, read as far as somebody scrolls. */
export function usePaged<T = Item>(url: string, params: ListParams): { list: PagedList<T>; reload: () => void } {
  const [, redraw] = useState(0);
  const [turn, setTurn] = useState(0);
  const text = query(params);
  const list = useMemo(() => {
    const made: PagedList<T> = new PagedList<T>(
      (cursor) => call<Page<T>>(url + query(cursor ? { ...params, cursor, limit: 1000 } : params)),
      () => redraw((n) => n + 1),
    );
    return made;
  }, [url, text, turn]);
  useEffect(() => {
    void list.ensure(0);
    return () => list.stop();
  }, [list]);
  // The old list stays on the screen until the new one has something to show.
  const shown = useRef(list);
  if (list.items.length > 0 || list.complete || list.error !== undefined) shown.current = list;
  const reload = useCallback(() => setTurn((n) => n + 1), []);
  return { list: shown.current, reload };
}

export const resources = new Store<Resource[] | undefined>(undefined);
export const resourcesError = new Store<unknown>(undefined);

export async function loadResources(): Promise<void> {
  try {
    resources.set((await call<{ resources: Resource[] }>("/api/resources")).resources);
    resourcesError.set(undefined);
  } catch (error) {
    // A server that keeps nothing has no table of resources either.
    if (error instanceof ApiError && error.status === 404) resources.set([]);
    resourcesError.set(error);
  }
}

/** What the server's table says of a resource; undefined where it has none of the name. */
export function useResource(name: string): Resource | undefined {
  return useStore(resources)?.find((resource) => resource.name === name);
}

export function itemUrl(resource: string, id: string | number): string {
  return path`/api/${resource}/${id}`;
}

/** Runs an action on one item, or on all where there is no id. */
export async function act<T = Item>(resource: string, action: string, id: string | number | undefined, body: unknown = {}): Promise<T> {
  return call<T>(id === undefined ? path`/api/${resource}/${action}` : path`/api/${resource}/${id}/${action}`, { method: "POST", body });
}
