import { diffLines, diffWords, type Piece } from "../logic/diff.js";
import { whole } from "../logic/format.js";

/** Two texts as one, with what was removed and added marked; by lines where they are long, within a line by words. */
export function DiffView({ before, after, label }: { before: unknown; after: unknown; label: string }) {
  const a = whole(before);
  const b = whole(after);
  if (a === b) return <p class="faint">No difference</p>;
  const pieces = a.length + b.length < 20_000 ? diffWords(a, b) : diffLines(a, b);
  const { removed, added } = counts(pieces);
  return (
    <pre class="diff" tabIndex={0} aria-label={`${label}: ${removed} removed, ${added} added`}>
      {pieces.map((piece, at) => (piece.kind === "same" ? <span key={at}>{piece.text}</span> : piece.kind === "removed" ? <del key={at}>{piece.text}</del> : <ins key={at}>{piece.text}</ins>))}
    </pre>
  );
}

function counts(pieces: Piece[]): { removed: number; added: number } {
  return { removed: pieces.filter((piece) => piece.kind === "removed").length, added: pieces.filter((piece) => piece.kind === "added").length };
}
