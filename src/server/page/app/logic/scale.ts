// Axes and bars of the plots.

/** Round numbers that cover `[low, high]`: steps of 1, 2 or 5 times a power of ten. */
export function ticks(low: number, high: number, wanted = 5): number[] {
  if (!(high > low)) return [low];
  const rough = (high - low) / Math.max(1, wanted);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((factor) => factor * power >= rough * 0.999) ?? 10) * power;
  const out: number[] = [];
  for (let at = Math.ceil(low / step - 1e-9); at * step <= high + step * 1e-9; at += 1) out.push(Number((at * step).toPrecision(12)));
  return out;
}

export function linear(low: number, high: number, from: number, to: number): (value: number) => number {
  const size = high - low;
  return (value) => (size === 0 ? (from + to) / 2 : from + ((value - low) / size) * (to - from));
}

export interface Bin {
  from: number;
  to: number;
  count: number;
}

/** How many values are in each of `bins` equal ranges; the last one has its upper end. Nothing that is not a number counts. */
export function histogram(values: number[], bins = 20): Bin[] {
  const kept = values.filter((value) => Number.isFinite(value));
  if (kept.length === 0) return [];
  let low = Infinity;
  let high = -Infinity;
  for (const value of kept) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (low >= 0 && high <= 1) [low, high] = [0, 1];
  if (low === high) return [{ from: low, to: high, count: kept.length }];
  const width = (high - low) / bins;
  const out = Array.from({ length: bins }, (_, at) => ({ from: low + at * width, to: low + (at + 1) * width, count: 0 }));
  for (const value of kept) {
    const bin = out[Math.min(bins - 1, Math.floor((value - low) / width))];
    if (bin) bin.count += 1;
  }
  return out;
}

/** The best score once so much was spent, by cost; points without a score or a cost are left out. */
export function bestSoFar(points: { cost?: number | null; score?: number | null }[]): { cost: number; score: number }[] {
  const kept = points.filter((point): point is { cost: number; score: number } => Number.isFinite(point.cost) && Number.isFinite(point.score));
  kept.sort((a, b) => a.cost - b.cost);
  let best = -Infinity;
  return kept.map(({ cost, score }) => {
    best = Math.max(best, score);
    return { cost, score: best };
  });
}
