// The small things that every view is made of.

import type { ComponentChildren, JSX } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";

import { ApiError, messageOf } from "../api/client.js";
import { moment, whole } from "../logic/format.js";
import { Icon, type IconName } from "./icon.js";
import { announce } from "./toast.js";

export function Badge({ tone = "plain", children }: { tone?: Tone; children: ComponentChildren }) {
  return <span class={`badge badge-${tone}`}>{children}</span>;
}

export type Tone = "plain" | "good" | "bad" | "warn" | "accent" | "live";

export function toneOf(state: unknown): Tone {
  switch (String(state ?? "").toLowerCase()) {
    case "ok":
    case "done":
    case "passed":
    case "succeeded":
    case "finished":
    case "ready":
    case "production":
      return "good";
    case "error":
    case "failed":
    case "revoked":
    case "denied":
    case "expired":
      return "bad";
    case "waiting":
    case "stopped":
    case "interrupted":
    case "cancelled":
    case "paused":
      return "warn";
    case "running":
    case "queued":
      return "live";
    default:
      return "plain";
  }
}

export function State({ value }: { value: unknown }) {
  return value === undefined || value === null || value === "" ? <span class="faint">–</span> : <Badge tone={toneOf(value)}>{String(value)}</Badge>;
}

export function Time({ iso }: { iso: unknown }) {
  const text = typeof iso === "string" ? iso : undefined;
  return text ? (
    <time dateTime={text} title={text}>
      {moment(text)}
    </time>
  ) : (
    <span class="faint">–</span>
  );
}

type ButtonProps = JSX.IntrinsicElements["button"] & { icon?: IconName; tone?: "plain" | "primary" | "danger" | "quiet"; busy?: boolean };

export function Button({ icon, tone = "plain", busy, children, class: extra, disabled, ...rest }: ButtonProps) {
  return (
    <button type="button" class={`button button-${tone}${children ? "" : " button-icon"} ${extra ?? ""}`} disabled={disabled || busy} aria-busy={busy} {...rest}>
      {busy ? <span class="spinner" aria-hidden="true" /> : icon && <Icon name={icon} />}
      {children}
    </button>
  );
}

export function Empty({ title, children, icon = "empty" }: { title: string; children?: ComponentChildren; icon?: IconName }) {
  return (
    <div class="empty">
      <Icon name={icon} size={28} />
      <p class="empty-title">{title}</p>
      {children && <div class="empty-text">{children}</div>}
    </div>
  );
}

export function ErrorBox({ error, retry }: { error: unknown; retry?: () => void }) {
  return (
    <div class="error-box" role="alert">
      <Icon name="warning" />
      <div>
        <p>{messageOf(error)}</p>
        {error instanceof ApiError && error.status > 0 && (
          <p class="faint small">
            {error.type} · {error.status}
            {error.field ? ` · ${error.field}` : ""}
          </p>
        )}
      </div>
      {retry && (
        <Button tone="quiet" onClick={retry}>
          Try again
        </Button>
      )}
    </div>
  );
}

export function Loading({ rows = 5, label = "Loading" }: { rows?: number; label?: string }) {
  return (
    <div class="loading" role="status" aria-label={label}>
      {Array.from({ length: rows }, (_, at) => (
        <span key={at} class="skeleton" />
      ))}
    </div>
  );
}

/** Loading, an error, or what was loaded. */
export function Await<T>({ of, rows, children }: { of: { data: T | undefined; error: unknown; loading: boolean; reload: () => void }; rows?: number; children: (data: T) => ComponentChildren }) {
  if (of.data !== undefined)
    return (
      <>
        {of.error !== undefined && <ErrorBox error={of.error} retry={of.reload} />}
        {children(of.data)}
      </>
    );
  if (of.error !== undefined) return <ErrorBox error={of.error} retry={of.reload} />;
  return <Loading rows={rows ?? 5} />;
}

export function Panel({ title, actions, children, class: extra }: { title?: ComponentChildren; actions?: ComponentChildren; children: ComponentChildren; class?: string }) {
  const id = useId();
  return (
    <section class={`panel ${extra ?? ""}`} aria-labelledby={title ? id : undefined}>
      {(title || actions) && (
        <header class="panel-head">
          <h2 id={id}>{title}</h2>
          {actions && <div class="row">{actions}</div>}
        </header>
      )}
      {children}
    </section>
  );
}

export function PageHead({ title, hint, actions }: { title: ComponentChildren; hint?: ComponentChildren; actions?: ComponentChildren }) {
  return (
    <header class="page-head">
      <div>
        <h1 tabIndex={-1}>{title}</h1>
        {hint && <div class="hint">{hint}</div>}
      </div>
      {actions && <div class="row">{actions}</div>}
    </header>
  );
}

export function Figures({ items }: { items: [label: string, value: ComponentChildren][] }) {
  return (
    <dl class="figures">
      {items.map(([label, value]) => (
        <div key={label}>
          <dt>{label}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

export function Labelled({ label, hint, error, children }: { label: ComponentChildren; hint?: ComponentChildren; error?: string; children: (id: string, describedBy: string | undefined) => ComponentChildren }) {
  const id = useId();
  return (
    <div class={`field${error ? " field-wrong" : ""}`}>
      <label for={id}>{label}</label>
      {children(id, error || hint ? `${id}-more` : undefined)}
      {(error || hint) && (
        <p id={`${id}-more`} class={error ? "field-error" : "hint"}>
          {error ?? hint}
        </p>
      )}
    </div>
  );
}

/** A text that can be long, with a button that copies it. */
export function Code({ text, label, tall }: { text: string; label?: string; tall?: boolean }) {
  return (
    <div class="code">
      <CopyButton text={text} />
      <pre tabIndex={0} aria-label={label} class={tall ? "tall" : ""}>
        {text}
      </pre>
    </div>
  );
}

export function CopyButton({ text }: { text: string }) {
  const [copied, setCopied] = useState(false);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  return (
    <Button
      tone="quiet"
      class="copy"
      icon={copied ? "check" : "copy"}
      aria-label="Copy"
      onClick={() => {
        navigator.clipboard.writeText(text).then(
          () => {
            setCopied(true);
            announce("Copied");
            timer.current = setTimeout(() => setCopied(false), 1500);
          },
          () => announce("The browser does not allow copying here"),
        );
      }}
    />
  );
}

/** Named values, each in full: short ones beside their name, long ones below it. */
export function Values({ of }: { of: Record<string, unknown> | undefined | null }) {
  const entries = Object.entries(of ?? {});
  if (entries.length === 0) return <p class="faint">None</p>;
  return (
    <dl class="values">
      {entries.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>
            <Value value={value} />
          </dd>
        </div>
      ))}
    </dl>
  );
}

export function Value({ value }: { value: unknown }) {
  if (value === null || value === undefined) return <span class="faint">{value === null ? "null" : "–"}</span>;
  if (typeof value === "boolean" || typeof value === "number") return <span class="mono">{String(value)}</span>;
  const text = whole(value);
  return <div class={typeof value === "string" ? "text-value" : "text-value mono"}>{text === "" ? <span class="faint">empty</span> : text}</div>;
}
