// Probabilities of tokens, from a reply that has them.

export interface Token {
  text: string;
  /** From 0 to 1. */
  probability: number;
  /** It had to come: the model was not asked. */
  forced: boolean;
  field?: string;
  top: { text: string; probability: number }[];
}

interface WrittenToken {
  text?: unknown;
  token?: unknown;
  logprob?: unknown;
  forced?: unknown;
  field?: unknown;
  top?: unknown;
  top_logprobs?: unknown;
}

/** Of a reply's first completion; empty where there are none. */
export function tokensOf(reply: unknown): Token[] {
  const completion = firstCompletion(reply);
  const written = completion?.["logprobs"] ?? completion?.["tokens"];
  const list = Array.isArray(written) ? written : isObject(written) && Array.isArray(written["content"]) ? written["content"] : [];
  return list.filter(isObject).map((token) => tokenOf(token));
}

/** What the model wrote, as text. */
export function replyText(reply: unknown): string | undefined {
  if (typeof reply === "string") return reply;
  const completion = firstCompletion(reply);
  return typeof completion?.["text"] === "string" ? completion["text"] : undefined;
}

function tokenOf(token: WrittenToken): Token {
  const top = Array.isArray(token.top) ? token.top : Array.isArray(token.top_logprobs) ? token.top_logprobs : [];
  return {
    text: textOf(token),
    probability: probabilityOf(token),
    forced: token.forced === true,
    ...(typeof token.field === "string" && token.field ? { field: token.field } : {}),
    top: top.filter(isObject).map((other) => ({ text: textOf(other), probability: probabilityOf(other) })),
  };
}

function textOf(token: WrittenToken): string {
  return typeof token.text === "string" ? token.text : typeof token.token === "string" ? token.token : "";
}

function probabilityOf(token: WrittenToken): number {
  return typeof token.logprob === "number" ? Math.exp(token.logprob) : Number.NaN;
}

function firstCompletion(reply: unknown): Record<string, unknown> | undefined {
  if (!isObject(reply)) return undefined;
  const completions = reply["completions"];
  if (Array.isArray(completions)) return isObject(completions[0]) ? completions[0] : undefined;
  return reply;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
