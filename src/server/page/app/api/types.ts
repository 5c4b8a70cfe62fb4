// What the server sends. Everything but names is optional: absent means not known.

export interface Schema {
  type?: string | string[];
  enum?: unknown[];
  const?: unknown;
  items?: Schema;
  anyOf?: Schema[];
  oneOf?: Schema[];
  minimum?: number;
  maximum?: number;
  [name: string]: unknown;
}

export interface Field {
  name: string;
  type?: string;
  title?: string;
  desc?: string;
  schema?: Schema;
  required?: boolean;
}

export interface Program {
  name: string;
  version?: string;
  source?: string;
  loaded_at?: string;
  signature?: string;
  instructions?: string;
  inputs?: Field[];
  outputs?: Field[];
  predictors?: string[];
}

export interface RunResult {
  outputs?: Record<string, unknown>;
  usage?: Record<string, unknown>;
  version?: string;
  trace_id?: string;
  flags?: unknown[];
  seconds?: number;
  /** Its spans, where they were asked for. */
  trace?: Span[];
}

export interface Message {
  role?: string;
  text?: string;
  content?: unknown;
  parts?: unknown;
}

export interface Span {
  id: string | number;
  parent?: string | number | null;
  kind?: string;
  path?: string;
  lm?: string;
  started_at?: string;
  seconds?: number;
  inputs?: Record<string, unknown>;
  outputs?: Record<string, unknown>;
  messages?: Message[];
  reply?: unknown;
  usage?: Record<string, unknown>;
  cost?: number;
  error?: unknown;
}

export type Item = Record<string, unknown> & { id?: string | number; name?: string };

export interface Trace extends Item {
  started_at?: string;
  program?: string;
  seconds?: number;
  cost?: number;
  tokens?: number;
  status?: string;
  inputs?: Record<string, unknown>;
  outputs?: Record<string, unknown>;
  spans?: Span[];
}

export interface ResourceField {
  name: string;
  type?: string;
  title?: string;
  sortable?: boolean;
  searchable?: boolean;
}

export interface ResourceAction {
  name: string;
  title?: string;
  method?: string;
  on?: "one" | "all";
  inputs?: Field[];
  confirm?: boolean;
  scope?: string;
}

export interface Resource {
  name: string;
  title?: string;
  fields?: ResourceField[];
  relations?: { field: string; to: string }[];
  actions?: ResourceAction[];
}

export interface System {
  version?: string;
  uptime?: number;
  memory_bytes?: number;
  queue?: { waiting?: number; running?: number; limit?: number };
  models?: { name: string; kind?: string; stats?: Record<string, unknown> }[];
  programs?: number;
  costs?: Record<string, unknown> | number;
  dropped_traces?: number;
  [name: string]: unknown;
}
