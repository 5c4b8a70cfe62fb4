// A form's controls from the JSON Schema of fields, and values from what was typed.

import type { Field, Schema } from "../api/types.js";

export type Control =
  | { kind: "text"; long: boolean }
  | { kind: "number"; integer: boolean; min?: number; max?: number }
  | { kind: "choice"; options: unknown[] }
  | { kind: "boolean" }
  | { kind: "list"; item: Control }
  | { kind: "json" };

export function controlOf(field: Pick<Field, "name" | "type" | "schema">): Control {
  return fromSchema(field.schema ?? schemaOf(field.type), field.name, 0);
}

function fromSchema(schema: Schema, name: string, depth: number): Control {
  const options = schema.enum ?? (schema.const !== undefined ? [schema.const] : undefined);
  if (options && options.length > 0) return { kind: "choice", options };
  const branches = (schema.anyOf ?? schema.oneOf)?.filter((branch) => branch.type !== "null");
  if (branches?.length === 1 && branches[0]) return fromSchema(branches[0], name, depth);
  const types = (Array.isArray(schema.type) ? schema.type : [schema.type]).filter((type) => type !== "null");
  if (types.length !== 1) return { kind: "json" };
  switch (types[0]) {
    case "string":
      return { kind: "text", long: !/^(id|name|title|lang|language|code|key|email|date)$/i.test(name) };
    case "integer":
    case "number":
      return { kind: "number", integer: types[0] === "integer", min: schema.minimum, max: schema.maximum };
    case "boolean":
      return { kind: "boolean" };
    case "array": {
      const item = depth === 0 && schema.items ? fromSchema(schema.items, "name", depth + 1) : undefined;
      return item && item.kind !== "json" && item.kind !== "list" ? { kind: "list", item } : { kind: "json" };
    }
    default:
      return { kind: "json" };
  }
}

/** Where a server sends no schema, what the notation of plain types says. */
function schemaOf(type: string | undefined): Schema {
  switch ((type ?? "str").replace(/^optional\[(.*)\]$/i, "$1").toLowerCase()) {
    case "str":
    case "string":
    case "text":
      return { type: "string" };
    case "int":
    case "integer":
      return { type: "integer" };
    case "float":
    case "number":
      return { type: "number" };
    case "bool":
    case "boolean":
      return { type: "boolean" };
    case "list[str]":
      return { type: "array", items: { type: "string" } };
    default:
      return {};
  }
}

/** What stands in a control: text as typed, chosen option's place, a list of texts. */
export type Entry = string | string[];
export type Parsed = { value: unknown } | { error: string } | { absent: true };

export function parsed(control: Control, entry: Entry | undefined, required: boolean): Parsed {
  if (control.kind === "list") {
    const items = Array.isArray(entry) ? entry : [];
    const out: unknown[] = [];
    for (const [at, item] of items.entries()) {
      const value = parsed(control.item, item, true);
      if ("error" in value) return { error: `Item ${at + 1}: ${value.error}` };
      if ("value" in value) out.push(value.value);
    }
    return items.length === 0 && !required ? { absent: true } : { value: out };
  }
  const text = typeof entry === "string" ? entry : "";
  if (text === "" && control.kind !== "text") return required ? { error: "A value is needed." } : { absent: true };
  switch (control.kind) {
    case "text":
      return text === "" && !required ? { absent: true } : { value: text };
    case "boolean":
      return { value: text === "true" };
    case "choice": {
      const option = control.options[Number(text)];
      return option === undefined ? { error: "Choose one of the options." } : { value: option };
    }
    case "number":
      return parsedNumber(control, text);
    case "json":
      try {
        return { value: JSON.parse(text) as unknown };
      } catch (error) {
        return { error: `Not JSON: ${error instanceof Error ? error.message : String(error)}` };
      }
  }
}

function parsedNumber(control: { integer: boolean; min?: number; max?: number }, text: string): Parsed {
  const value = Number(text.trim());
  if (text.trim() === "" || !Number.isFinite(value)) return { error: "Not a number." };
  if (control.integer && !Number.isInteger(value)) return { error: "A whole number is needed." };
  if (control.integer && !Number.isSafeInteger(value)) return { error: "Too large to be exact here." };
  if (control.min !== undefined && value < control.min) return { error: `At least ${control.min}.` };
  if (control.max !== undefined && value > control.max) return { error: `At most ${control.max}.` };
  return { value };
}

/** What stands in the control for a value; the inverse of `parsed`. */
export function entryOf(control: Control, value: unknown): Entry {
  if (control.kind === "list") return Array.isArray(value) ? value.map((item) => entryOf(control.item, item) as string) : [];
  if (value === undefined || value === null) return "";
  if (control.kind === "choice") {
    const at = control.options.findIndex((option) => JSON.stringify(option) === JSON.stringify(value));
    return at < 0 ? "" : String(at);
  }
  if (control.kind === "json") return JSON.stringify(value, null, 2);
  return typeof value === "string" ? value : JSON.stringify(value);
}
