// A long list that is read page by page, by cursor, as far as somebody looks.

export interface Page<T> {
  items: T[];
  next?: string | null;
  total?: number;
}

export class PagedList<T> {
  items: T[] = [];
  total: number | undefined;
  complete = false;
  error: unknown;
  private next: string | undefined;
  private wanted = 0;
  private running = false;
  private ended = false;

  constructor(
    private readonly load: (cursor: string | undefined) => Promise<Page<T>>,
    private readonly changed: () => void,
  ) {}

  /** How long the list is, as far as is known. */
  get length(): number {
    return this.complete ? this.items.length : Math.max(this.items.length, this.total ?? 0);
  }

  get loading(): boolean {
    return this.running;
  }

  /** Reads on until the item at `index` is there. */
  async ensure(index: number): Promise<void> {
    this.wanted = Math.max(this.wanted, index);
    if (this.running || this.ended) return;
    this.running = true;
    this.error = undefined;
    try {
      while (!this.complete && !this.ended && this.items.length <= this.wanted) {
        const page = await this.load(this.next);
        if (this.ended) return;
        for (const item of page.items) this.items.push(item);
        if (typeof page.total === "number") this.total = page.total;
        const next = page.next ?? undefined;
        this.complete = next === undefined || next === this.next;
        this.next = next;
        this.changed();
      }
    } catch (error) {
      this.error = error;
    } finally {
      this.running = false;
      if (!this.ended) this.changed();
    }
  }

  /** Nothing is read, and nobody told, after this. */
  stop(): void {
    this.ended = true;
  }
}
