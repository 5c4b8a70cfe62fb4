// What surrounds the views: where one can go, whether the page is live, light or dark, the key.

import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

import { giveKey, hasKey, keyWanted } from "./api/client.js";
import { liveState } from "./api/live.js";
import { Store, useStore } from "./api/store.js";
import { resources } from "./api/use.js";
import { Button, Labelled } from "./parts/basic.js";
import { ActionDialog, Dialog } from "./parts/dialog.js";
import { Icon, type IconName } from "./parts/icon.js";
import { Toasts } from "./parts/toast.js";
import { hashOf } from "./logic/router.js";

export interface ViewLink {
  view: string;
  title: string;
  icon: IconName;
  /** What is pressed after `g`. */
  letter: string;
  /** The resource that it shows; the link is there where the server has it. */
  resource?: string;
}

export const groups: { title: string; links: ViewLink[] }[] = [
  {
    title: "Use",
    links: [
      { view: "playground", title: "Playground", icon: "play", letter: "p" },
      { view: "traces", title: "Traces", icon: "trace", letter: "t", resource: "traces" },
      { view: "agents", title: "Agents", icon: "agent", letter: "a", resource: "agents" },
      { view: "indexes", title: "Indexes", icon: "index", letter: "i", resource: "indexes" },
    ],
  },
  {
    title: "Improve",
    links: [
      { view: "datasets", title: "Datasets", icon: "dataset", letter: "d", resource: "datasets" },
      { view: "runs", title: "Evaluations", icon: "evaluation", letter: "e", resource: "runs" },
      { view: "optimizations", title: "Optimizations", icon: "optimize", letter: "o", resource: "optimizations" },
      { view: "programs", title: "Registry", icon: "program", letter: "r", resource: "programs" },
      { view: "experiments", title: "Experiments", icon: "experiment", letter: "x", resource: "experiments" },
    ],
  },
  {
    title: "Operate",
    links: [
      { view: "jobs", title: "Jobs", icon: "job", letter: "j", resource: "jobs" },
      { view: "feedback", title: "Feedback", icon: "feedback", letter: "f", resource: "feedback" },
      { view: "keys", title: "Keys", icon: "key", letter: "k", resource: "keys" },
      { view: "system", title: "System", icon: "system", letter: "s" },
    ],
  },
];

type Theme = "auto" | "light" | "dark";
const theme = new Store<Theme>(storedTheme());

function storedTheme(): Theme {
  const stored = localStorage.getItem("dspy.theme");
  return stored === "light" || stored === "dark" ? stored : "auto";
}

export function applyTheme(next: Theme = theme.value): void {
  theme.set(next);
  localStorage.setItem("dspy.theme", next);
  document.documentElement.dataset["theme"] = next;
}

export function Shell({ view, children }: { view: string; children: ComponentChildren }) {
  const [menu, setMenu] = useState(false);
  const [help, setHelp] = useState(false);
  useEffect(() => setMenu(false), [view]);
  useShortcuts(() => setHelp(true));
  return (
    <>
      <a class="skip" href="#main" onClick={(event) => { event.preventDefault(); document.getElementById("main")?.focus(); }}>
        Skip to content
      </a>
      <header class="top">
        <Button class="menu-button" tone="quiet" icon="menu" aria-label="Menu" aria-expanded={menu} aria-controls="nav" onClick={() => setMenu(!menu)} />
        <a class="brand" href="#/playground">
          <img src={new URL("./icon.svg", import.meta.url).href} alt="" width="20" height="20" />
          dspy
        </a>
        <span class="grow" />
        <Live />
        <Button tone="quiet" icon="keyboard" aria-label="Keyboard shortcuts" onClick={() => setHelp(true)} />
        <ThemeButton />
        {hasKey() && <Button tone="quiet" icon="key" aria-label="Forget the key" onClick={() => { giveKey(""); location.reload(); }} />}
      </header>
      <div class="frame">
        <Nav view={view} open={menu} />
        <main id="main" tabIndex={-1}>
          {children}
        </main>
      </div>
      <Toasts />
      <KeyDialog />
      {help && <Shortcuts close={() => setHelp(false)} />}
    </>
  );
}

function Nav({ view, open }: { view: string; open: boolean }) {
  const known = useStore(resources);
  const nav = useRef<HTMLElement>(null);
  const move = (event: KeyboardEvent) => {
    const links = [...(nav.current?.querySelectorAll("a") ?? [])];
    const at = links.indexOf(document.activeElement as HTMLAnchorElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: links.length - 1 }[event.key];
    if (to === undefined || at < 0) return;
    event.preventDefault();
    links[(to + links.length) % links.length]?.focus();
  };
  const shown = groups.map((group) => ({ ...group, links: group.links.filter((link) => !link.resource || !known || known.some((resource) => resource.name === link.resource)) }));
  const all = shown.flatMap((group) => group.links);
  const stop = all.some((link) => link.view === view) ? view : all[0]?.view;
  return (
    <nav id="nav" ref={nav} aria-label="Views" class={open ? "nav nav-open" : "nav"} onKeyDown={move}>
      {shown.filter((group) => group.links.length > 0).map((group) => (
        <div key={group.title} class="nav-group">
          <p id={`nav-${group.title}`}>{group.title}</p>
          <ul aria-labelledby={`nav-${group.title}`}>
            {group.links.map((link) => (
              <li key={link.view}>
                <a href={hashOf(link.view)} aria-current={link.view === view ? "page" : undefined} tabIndex={link.view === stop ? 0 : -1}>
                  <Icon name={link.icon} />
                  {link.title}
                </a>
              </li>
            ))}
          </ul>
        </div>
      ))}
    </nav>
  );
}

function Live() {
  const state = useStore(liveState);
  const text = { connecting: "Connecting", live: "Live", waiting: "Reconnecting", off: "Not live" }[state];
  return (
    <span class={`live live-${state}`} role="status" title={{ connecting: "", live: "Changes are shown as they happen", waiting: "Changes are shown once the connection is back", off: "This server tells of no changes; load a view again to see them" }[state]}>
      <span aria-hidden="true" />
      {text}
    </span>
  );
}

function ThemeButton() {
  const current = useStore(theme);
  const next = ({ auto: "light", light: "dark", dark: "auto" } as const)[current];
  const icon = ({ auto: "auto", light: "sun", dark: "moon" } as const)[current];
  return <Button tone="quiet" icon={icon} aria-label={`Colors: ${current === "auto" ? "as the system" : current}. Change to ${next === "auto" ? "the system's" : next}`} title={`Colors: ${current}`} onClick={() => applyTheme(next)} />;
}

function KeyDialog() {
  const why = useStore(keyWanted);
  const [key, setKey] = useState("");
  if (why === undefined) return null;
  return (
    <ActionDialog title="Key" verb="Use this key" stay close={() => undefined} run={async () => { giveKey(key.trim()); setKey(""); }}>
      <p>{why} It is kept until this tab is closed.</p>
      <Labelled label="Key">
        {(id) => <input id={id} type="password" autocomplete="off" value={key} onInput={(event) => setKey(event.currentTarget.value)} />}
      </Labelled>
    </ActionDialog>
  );
}

const keys: [keys: string, what: string][] = [
  ["/", "Search"],
  ["?", "This list"],
  ["Ctrl Enter", "Run, in the playground"],
  ["↑ ↓ Page Home End", "Move in a table"],
  ["Enter", "Open the row"],
  ["Esc", "Close"],
];

function Shortcuts({ close }: { close: () => void }) {
  const rows: [string, string][] = [...keys, ...groups.flatMap((group) => group.links.map((link): [string, string] => [`g ${link.letter}`, link.title]))];
  return (
    <Dialog title="Keyboard shortcuts" close={close}>
      <dl class="shortcuts">
        {rows.map(([pressed, what]) => (
          <div key={pressed}>
            <dt>{pressed.split(" ").map((key) => <kbd key={key}>{key}</kbd>)}</dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}

function useShortcuts(help: () => void): void {
  const showHelp = useRef(help);
  showHelp.current = help;
  useEffect(() => {
    let afterG = 0;
    const press = (event: KeyboardEvent) => {
      const target = event.target as HTMLElement;
      if (event.ctrlKey || event.metaKey || event.altKey || target.closest("input, textarea, select, dialog, [contenteditable]")) return;
      const link = Date.now() - afterG < 1200 ? groups.flatMap((group) => group.links).find((candidate) => candidate.letter === event.key) : undefined;
      afterG = event.key === "g" ? Date.now() : 0;
      if (link) location.hash = hashOf(link.view);
      else if (event.key === "?") showHelp.current();
      else if (event.key === "/") {
        const search = document.querySelector<HTMLElement>("main [type=search]");
        if (!search) return;
        search.focus();
      } else return;
      event.preventDefault();
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, []);
}
