// The shortest edit from one text to another, by lines or by words (Myers, "An O(ND) difference algorithm", 1986).

export interface Piece {
  kind: "same" | "removed" | "added";
  text: string;
}

/** Beyond so many edits two texts are shown as one replaced by the other. */
const maxEdits = 1500;

export function diffLines(before: string, after: string): Piece[] {
  return diff(splitLines(before), splitLines(after));
}

export function diffWords(before: string, after: string): Piece[] {
  return diff(before.match(/\s+|[\p{L}\p{N}_]+|[^\s\p{L}\p{N}_]/gu) ?? [], after.match(/\s+|[\p{L}\p{N}_]+|[^\s\p{L}\p{N}_]/gu) ?? []);
}

function splitLines(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}

export function diff(before: string[], after: string[]): Piece[] {
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) start += 1;
  let end = 0;
  while (end < before.length - start && end < after.length - start && before[before.length - 1 - end] === after[after.length - 1 - end]) end += 1;
  const middle = edits(before.slice(start, before.length - end), after.slice(start, after.length - end));
  const same = (part: string[]): Piece[] => part.map((text) => ({ kind: "same", text }));
  return joined([...same(before.slice(0, start)), ...middle, ...same(before.slice(before.length - end))]);
}

function edits(a: string[], b: string[]): Piece[] {
  const limit = Math.min(a.length + b.length, maxEdits);
  const furthest = new Int32Array(2 * limit + 3);
  const middle = limit + 1;
  const steps: Int32Array[] = [];
  for (let d = 0; d <= limit; d += 1) {
    steps.push(furthest.slice());
    for (let k = -d; k <= d; k += 2) {
      const down = k === -d || (k !== d && at(furthest, middle + k - 1) < at(furthest, middle + k + 1));
      let x = down ? at(furthest, middle + k + 1) : at(furthest, middle + k - 1) + 1;
      let y = x - k;
      while (x < a.length && y < b.length && a[x] === b[y]) {
        x += 1;
        y += 1;
      }
      furthest[middle + k] = x;
      if (x >= a.length && y >= b.length) return traced(a, b, steps, d, middle);
    }
  }
  return [...a.map((text): Piece => ({ kind: "removed", text })), ...b.map((text): Piece => ({ kind: "added", text }))];
}

function traced(a: string[], b: string[], steps: Int32Array[], edited: number, middle: number): Piece[] {
  const out: Piece[] = [];
  let x = a.length;
  let y = b.length;
  for (let d = edited; d >= 0; d -= 1) {
    const furthest = steps[d] as Int32Array;
    const k = x - y;
    const down = k === -d || (k !== d && at(furthest, middle + k - 1) < at(furthest, middle + k + 1));
    const fromK = down ? k + 1 : k - 1;
    const fromX = d === 0 ? 0 : at(furthest, middle + fromK);
    const fromY = d === 0 ? 0 : fromX - fromK;
    while (x > fromX && y > fromY) {
      x -= 1;
      y -= 1;
      out.push({ kind: "same", text: a[x] as string });
    }
    if (d === 0) break;
    if (down) {
      y -= 1;
      out.push({ kind: "added", text: b[y] as string });
    } else {
      x -= 1;
      out.push({ kind: "removed", text: a[x] as string });
    }
  }
  return out.reverse();
}

function at(array: Int32Array, index: number): number {
  return array[index] ?? 0;
}

/** Neighbours of one kind become one piece; within a change, what was removed comes first. */
function joined(pieces: Piece[]): Piece[] {
  const out: Piece[] = [];
  let removed = "";
  let added = "";
  const flush = () => {
    if (removed) out.push({ kind: "removed", text: removed });
    if (added) out.push({ kind: "added", text: added });
    removed = added = "";
  };
  for (const { kind, text } of pieces) {
    if (kind === "removed") removed += text;
    else if (kind === "added") added += text;
    else {
      flush();
      const last = out.at(-1);
      if (last?.kind === "same") last.text += text;
      else out.push({ kind, text });
    }
  }
  flush();
  return out;
}
