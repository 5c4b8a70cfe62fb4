// Rows from files: JSON lines, a JSON list, CSV (RFC 4180).

export type Row = Record<string, unknown>;

/** Throws `Error` that says which line is wrong. */
export function readRows(text: string, name: string): Row[] {
  const clean = text.startsWith("\uFEFF") ? text.slice(1) : text;
  if (/\.csv$/i.test(name)) return fromCsv(clean);
  if (clean.trimStart().startsWith("[")) return fromList(clean);
  const rows: Row[] = [];
  for (const [at, written] of clean.split("\n").entries()) {
    if (written.trim() === "") continue;
    rows.push(asRow(parse(written, `Line ${at + 1}`), `Line ${at + 1}`));
  }
  if (rows.length === 0) throw new Error("The file has no rows.");
  return rows;
}

function fromList(text: string): Row[] {
  const value = parse(text, "The file");
  if (!Array.isArray(value) || value.length === 0) throw new Error("The file has no rows.");
  return value.map((row: unknown, at) => asRow(row, `Row ${at + 1}`));
}

function fromCsv(text: string): Row[] {
  const [head, ...records] = readCsv(text);
  if (!head || records.length === 0) throw new Error("The file has no rows below its header.");
  const repeated = head.find((name, at) => head.indexOf(name) !== at);
  if (repeated !== undefined) throw new Error(`Two columns are called "${repeated}".`);
  return records.map((record, at) => {
    if (record.length !== head.length) throw new Error(`Row ${at + 1} has ${record.length} values, the header has ${head.length}.`);
    return Object.fromEntries(head.map((name, column) => [name, record[column]]));
  });
}

/** Records of texts. A quote may hold commas, line breaks and doubled quotes. */
export function readCsv(text: string): string[][] {
  const out: string[][] = [];
  let record: string[] = [];
  let value = "";
  let quoted = false;
  let started = false;
  const endRecord = () => {
    record.push(value);
    if (record.length > 1 || record[0] !== "" || started) out.push(record);
    record = [];
    value = "";
    started = false;
  };
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at] as string;
    if (quoted) {
      if (char !== '"') value += char;
      else if (text[at + 1] === '"') {
        value += '"';
        at += 1;
      } else quoted = false;
    } else if (char === '"' && value === "") {
      quoted = true;
      started = true;
    } else if (char === ",") {
      record.push(value);
      value = "";
    } else if (char === "\n" || char === "\r") {
      if (char === "\r" && text[at + 1] === "\n") at += 1;
      endRecord();
    } else value += char;
  }
  if (quoted) throw new Error("A quote is not closed.");
  if (value !== "" || record.length > 0 || started) endRecord();
  return out;
}

function parse(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`${where} is not JSON.`);
  }
}

function asRow(value: unknown, where: string): Row {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error(`${where} is not a JSON object.`);
  return value as Row;
}
