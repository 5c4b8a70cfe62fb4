// Values as people read them. What is absent is a dash, never a zero.

export const absent = "–";

const grouped = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

export function count(value: number | undefined | null): string {
  return value === undefined || value === null ? absent : grouped.format(value);
}

/** Three significant figures, without an exponent for what people meet. */
export function figure(value: number | undefined | null): string {
  if (value === undefined || value === null) return absent;
  if (!Number.isFinite(value)) return String(value);
  if (value !== 0 && (Math.abs(value) < 1e-4 || Math.abs(value) >= 1e9)) return value.toExponential(2);
  if (Number.isInteger(value)) return grouped.format(value);
  return Math.abs(value) >= 1000 ? grouped.format(value) : String(Number(value.toPrecision(3)));
}

export function duration(seconds: number | undefined | null): string {
  if (seconds === undefined || seconds === null) return absent;
  const size = Math.abs(seconds);
  if (size === 0) return "0 s";
  if (size < 0.0009995) return `${Number((seconds * 1e6).toPrecision(3))} µs`;
  if (size < 0.9995) return `${Number((seconds * 1e3).toPrecision(3))} ms`;
  if (size < 60) return `${Number(seconds.toPrecision(3))} s`;
  const whole = Math.round(size);
  const parts = [Math.floor(whole / 86400), Math.floor(whole / 3600) % 24, Math.floor(whole / 60) % 60, whole % 60];
  const units = ["d", "h", "min", "s"];
  const first = parts.findIndex((part) => part > 0);
  const shown = [first, first + 1].filter((at) => at < 4 && (parts[at] ?? 0) > 0);
  return (seconds < 0 ? "-" : "") + shown.map((at) => `${parts[at]} ${units[at]}`).join(" ");
}

export function money(usd: number | undefined | null): string {
  if (usd === undefined || usd === null) return absent;
  if (usd === 0) return "$0";
  const size = Math.abs(usd);
  const digits = size >= 0.995 ? 2 : Math.min(8, 1 - Math.floor(Math.log10(size)));
  return `${usd < 0 ? "-" : ""}$${size.toFixed(Math.max(2, digits))}`;
}

export function percent(share: number | undefined | null, digits = 1): string {
  return share === undefined || share === null ? absent : `${(share * 100).toFixed(digits)} %`;
}

export function bytes(value: number | undefined | null): string {
  if (value === undefined || value === null) return absent;
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let at = 0;
  let left = value;
  while (left >= 1024 && at < units.length - 1) {
    left /= 1024;
    at += 1;
  }
  return `${at === 0 ? left : Number(left.toPrecision(3))} ${units[at]}`;
}

/** `14:03:07` today, `Mar 4 14:03` before; the whole in ISO is what a title shows. */
export function moment(iso: string | undefined | null, now: number = Date.now()): string {
  if (!iso) return absent;
  const at = new Date(iso);
  if (Number.isNaN(at.getTime())) return iso;
  const today = new Date(now);
  const clock = at.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
  if (at.toDateString() === today.toDateString()) return clock;
  const sameYear = at.getFullYear() === today.getFullYear();
  const day = at.toLocaleDateString("en-US", { month: "short", day: "numeric", ...(sameYear ? {} : { year: "numeric" }) });
  return `${day} ${clock.slice(0, 5)}`;
}

/** A value in one line: texts as they are, all else as JSON. */
export function line(value: unknown): string {
  if (value === undefined || value === null) return absent;
  return (typeof value === "string" ? value : JSON.stringify(value)).replace(/\s+/g, " ");
}

/** A value in full: texts as they are, all else as indented JSON. */
export function whole(value: unknown): string {
  if (value === undefined) return "";
  return typeof value === "string" ? value : JSON.stringify(value, null, 2);
}

export function title(name: string): string {
  const words = name.replace(/_/g, " ").trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}
