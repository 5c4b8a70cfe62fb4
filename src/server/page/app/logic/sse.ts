// Server-sent events from text that comes in pieces (WHATWG, "Server-sent events", interpretation of a stream).

export interface ServerEvent {
  event: string;
  data: string;
  id: string;
}

export class EventReader {
  private rest = "";
  private event = "";
  private data: string[] = [];
  private id = "";
  private first = true;

  /** The events that these characters complete. */
  read(piece: string): ServerEvent[] {
    let text = this.rest + piece;
    if (this.first && text.length > 0) {
      if (text.charCodeAt(0) === 0xfeff) text = text.slice(1);
      this.first = false;
    }
    const out: ServerEvent[] = [];
    let start = 0;
    for (;;) {
      const match = nextBreak(text, start);
      if (!match) break;
      this.line(text.slice(start, match.at), out);
      start = match.at + match.length;
    }
    this.rest = text.slice(start);
    return out;
  }

  private line(line: string, out: ServerEvent[]): void {
    if (line === "") {
      if (this.data.length > 0) out.push({ event: this.event || "message", data: this.data.join("\n"), id: this.id });
      this.event = "";
      this.data = [];
      return;
    }
    if (line.startsWith(":")) return;
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    let value = colon < 0 ? "" : line.slice(colon + 1);
    if (value.startsWith(" ")) value = value.slice(1);
    if (field === "event") this.event = value;
    else if (field === "data") this.data.push(value);
    else if (field === "id" && !value.includes("\0")) this.id = value;
  }
}

/** A carriage return at the end may be half of a CRLF, so it waits for what follows. */
function nextBreak(text: string, from: number): { at: number; length: number } | undefined {
  for (let at = from; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === 10) return { at, length: 1 };
    if (code === 13) {
      if (at + 1 === text.length) return undefined;
      return { at, length: text.charCodeAt(at + 1) === 10 ? 2 : 1 };
    }
  }
  return undefined;
}
