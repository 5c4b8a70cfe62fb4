// What changes on the server, told as it happens. Lost connections are made again, with longer and longer waits; after
// that everything shown is read anew, as changes may have been missed.

import { ApiError, stream } from "./client.js";
import { Store } from "./store.js";

export interface Change {
  resource: string;
  id: string;
  change: string;
}

/** `off`: the server tells of no changes. */
export type LiveState = "connecting" | "live" | "waiting" | "off";
export const liveState = new Store<LiveState>("connecting");

const watchers = new Set<(change: Change | "all") => void>();
const silence = 40_000;

export function onChange(watcher: (change: Change | "all") => void): () => void {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}

function tell(change: Change | "all"): void {
  for (const watcher of [...watchers]) watcher(change);
}

export async function connect(): Promise<never> {
  let failures = 0;
  let first = true;
  for (;;) {
    const ended = new AbortController();
    let timer = setTimeout(() => ended.abort(), silence);
    const alive = () => {
      clearTimeout(timer);
      timer = setTimeout(() => ended.abort(), silence);
      if (liveState.value === "live") return;
      failures = 0;
      liveState.set("live");
      if (!first) tell("all");
      first = false;
    };
    let offered = true;
    try {
      await stream("/api/events", { signal: ended.signal }, ({ event, data }) => tell(changeOf(event, data)), alive);
    } catch (error) {
      // The state says it; the next attempt comes below.
      offered = !(error instanceof ApiError && error.status === 404);
    }
    clearTimeout(timer);
    first = first && liveState.value !== "live";
    liveState.set(offered ? "waiting" : "off");
    failures += 1;
    const wait = offered ? Math.min(15_000, 400 * 2 ** Math.min(failures, 6)) * (0.5 + Math.random() / 2) : 60_000;
    await new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(pause);
        window.removeEventListener("online", done);
        resolve();
      };
      const pause = setTimeout(done, wait);
      window.addEventListener("online", done);
    });
  }
}

function changeOf(resource: string, data: string): Change {
  try {
    const { id, change } = JSON.parse(data) as { id?: unknown; change?: unknown };
    return { resource, id: String(id ?? ""), change: String(change ?? "updated") };
  } catch {
    return { resource, id: "", change: "updated" };
  }
}
