// Words for the test double: ordinary ones, and such as an attacker would send.

export const hostile = [
  `<img src=x onerror="window.__hacked='img'">`,
  `<script>window.__hacked='script'</script>`,
  `"><svg onload="window.__hacked='svg'">`,
  `javascript:window.__hacked='url'`,
  `' onmouseover='window.__hacked="attr"`,
  `{{constructor.constructor('window.__hacked=1')()}}`,
  `</textarea><iframe srcdoc="<script>parent.__hacked='frame'</script>">`,
  `\u202Egnp.exe \u200B\uFEFF null\u0000byte`,
  `__proto__`,
  `${"W".repeat(3000)}`,
  `עברית العربية 中文 🧑🏽‍🚀 e\u0301\u0301\u0301\u0301`,
  `&lt;b&gt; &amp; %00 %3Cscript%3E ../../etc/passwd`,
];

const tickets = [
  "The invoice of March was charged twice, please refund one of them.",
  "I cannot log in since the update; the code from the app is refused.",
  "How do I move my workspace to another region?",
  "Your export leaves out the last column when a name has a comma.",
  "Cancel my subscription at the end of the month.",
  "The mobile app crashes when I open a shared folder.",
  "Could we get an offer for 250 seats with single sign-on?",
  "Two of my colleagues no longer receive notifications.",
];

export const categories = ["billing", "access", "howto", "bug", "sales"];

export function ticket(at: number): string {
  return tickets[at % tickets.length] as string;
}

/** Even numbers, the same at each run. */
export function random(seed: number): number {
  let x = (seed + 1) * 0x9e3779b1;
  x ^= x >>> 15;
  x = Math.imul(x, 0x85ebca6b);
  x ^= x >>> 13;
  x = Math.imul(x, 0xc2b2ae35);
  x ^= x >>> 16;
  return (x >>> 0) / 2 ** 32;
}

/** Puts hostile text into every text of a value, member names left alone; `seed` says which come. */
export function poisoned<T>(value: T, keep: Set<string> = new Set(["id", "name", "state", "status", "type", "kind", "started_at", "created_at", "at", "last_used", "expires_at", "loaded_at", "on", "method", "resource", "to", "field", "trace_id", "next"]), seed = 0): T {
  let turn = seed;
  const walk = (each: unknown, key: string): unknown => {
    if (typeof each === "string") return keep.has(key) ? each : `${hostile[(turn += 1) % hostile.length]} ${each}`;
    if (Array.isArray(each)) return each.map((item) => walk(item, key));
    if (typeof each === "object" && each !== null) return Object.fromEntries(Object.entries(each).map(([name, item]) => [name, walk(item, name)]));
    return each;
  };
  return walk(value, "") as T;
}
