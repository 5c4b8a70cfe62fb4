// Calls of the server. The key, where it wants one, is kept for this tab only.

import { EventReader, type ServerEvent } from "../logic/sse.js";
import { Store } from "./store.js";

export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly type: string,
    message: string,
    readonly field?: string,
  ) {
    super(message);
  }
}

const keyName = "dspy.key";

/** Why a key is asked for; undefined while none is. */
export const keyWanted = new Store<string | undefined>(undefined);
let keyGiven: (() => void)[] = [];

export function hasKey(): boolean {
  return sessionStorage.getItem(keyName) !== null;
}

export function giveKey(key: string): void {
  if (key) sessionStorage.setItem(keyName, key);
  else sessionStorage.removeItem(keyName);
  keyWanted.set(undefined);
  const waiting = keyGiven;
  keyGiven = [];
  for (const resume of waiting) resume();
}

export interface CallOptions {
  method?: string;
  body?: unknown;
  signal?: AbortSignal;
}

/** A path of literal parts and values, these encoded: path`/api/${name}/${id}`. */
export function path(parts: TemplateStringsArray, ...values: (string | number)[]): string {
  return parts.reduce((out, part, at) => out + encodeURIComponent(String(values[at - 1] ?? "")) + part);
}

export function query(params: Record<string, string | number | undefined>): string {
  const out = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) if (value !== undefined && value !== "") out.set(name, String(value));
  const text = out.toString();
  return text ? `?${text}` : "";
}

/** The response of a call that went well; waits for a key where one is needed. Throws `ApiError`. */
export async function respond(url: string, { method, body, signal }: CallOptions = {}): Promise<Response> {
  for (;;) {
    const key = sessionStorage.getItem(keyName);
    const headers: Record<string, string> = { accept: "application/json, text/event-stream" };
    if (key) headers["authorization"] = `Bearer ${key}`;
    if (body !== undefined) headers["content-type"] = "application/json";
    let response: Response;
    try {
      response = await fetch(url, {
        method: method ?? (body === undefined ? "GET" : "POST"),
        headers,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        ...(signal ? { signal } : {}),
        credentials: "omit",
        cache: "no-store",
        redirect: "error",
      });
    } catch (error) {
      if (signal?.aborted) throw error;
      throw new ApiError(0, "unreachable", "The server cannot be reached. It may have ended, or be starting again.");
    }
    if (response.status === 401) {
      await wantKey(key ? "The server does not take this key." : "The server asks for a key.", signal);
      continue;
    }
    if (!response.ok) throw await errorOf(response);
    return response;
  }
}

export async function call<T>(url: string, options: CallOptions = {}): Promise<T> {
  const response = await respond(url, options);
  const text = await response.text();
  if (text === "") return undefined as T;
  try {
    return JSON.parse(text) as T;
  } catch {
    throw new ApiError(response.status, "bad_reply", `The server's answer to ${url} is not JSON.`);
  }
}

/** Hands on each server-sent event until the stream ends. */
export async function stream(url: string, options: CallOptions, take: (event: ServerEvent) => void, alive?: () => void): Promise<void> {
  const response = await respond(url, options);
  const source = response.body?.getReader();
  if (!source) return;
  const decoder = new TextDecoder();
  const events = new EventReader();
  for (;;) {
    const { done, value } = await source.read();
    if (done) return;
    alive?.();
    for (const event of events.read(decoder.decode(value, { stream: true }))) take(event);
  }
}

function wantKey(why: string, signal?: AbortSignal): Promise<void> {
  keyWanted.set(why);
  return new Promise((resolve, reject) => {
    keyGiven.push(resolve);
    signal?.addEventListener("abort", () => reject(new DOMException("aborted", "AbortError")));
  });
}

async function errorOf(response: Response): Promise<ApiError> {
  const text = await response.text().catch(() => "");
  try {
    const { error } = JSON.parse(text) as { error?: { message?: string; type?: string; field?: string } };
    if (error?.message) return new ApiError(response.status, error.type ?? "error", error.message, error.field);
  } catch {
    // What is no JSON is shown as it is.
  }
  return new ApiError(response.status, "error", text.slice(0, 300) || `The server answered ${response.status} ${response.statusText}.`);
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
