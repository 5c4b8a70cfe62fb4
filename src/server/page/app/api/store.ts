// A value that several components watch.

import { useEffect, useState } from "preact/hooks";

export class Store<T> {
  private watchers = new Set<() => void>();

  constructor(private current: T) {}

  get value(): T {
    return this.current;
  }

  set(value: T): void {
    if (Object.is(value, this.current)) return;
    this.current = value;
    for (const watcher of [...this.watchers]) watcher();
  }

  watch(watcher: () => void): () => void {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  }
}

export function useStore<T>(store: Store<T>): T {
  const [, redraw] = useState(0);
  const drawn = store.value;
  useEffect(() => {
    const stop = store.watch(() => redraw((n) => n + 1));
    // It may have changed between the drawing and this.
    if (!Object.is(store.value, drawn)) redraw((n) => n + 1);
    return stop;
  }, [store]);
  return store.value;
}
