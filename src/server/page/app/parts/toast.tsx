// What has happened, in a line that goes away, and for screen readers.

import { Store, useStore } from "../api/store.js";
import { Icon } from "./icon.js";

interface Note {
  id: number;
  text: string;
  bad: boolean;
}

const notes = new Store<Note[]>([]);
const spoken = new Store("");
let count = 0;

export function announce(text: string): void {
  // The same text twice is only read twice if it differs.
  spoken.set(spoken.value === text ? `${text}\u00a0` : text);
}

export function toast(text: string, bad = false): void {
  const id = (count += 1);
  notes.set([...notes.value.slice(-2), { id, text, bad }]);
  announce(text);
  setTimeout(() => dismiss(id), bad ? 10_000 : 4_000);
}

function dismiss(id: number): void {
  notes.set(notes.value.filter((note) => note.id !== id));
}

export function Toasts() {
  const shown = useStore(notes);
  const text = useStore(spoken);
  return (
    <>
      <div class="sr-only" aria-live="polite" id="spoken">
        {text}
      </div>
      <div class="toasts">
        {shown.map((note) => (
          <div key={note.id} class={`toast${note.bad ? " toast-bad" : ""}`}>
            <Icon name={note.bad ? "warning" : "check"} />
            <span>{note.text}</span>
            <button type="button" class="button button-quiet button-icon" aria-label="Dismiss" onClick={() => dismiss(note.id)}>
              <Icon name="close" size={14} />
            </button>
          </div>
        ))}
      </div>
    </>
  );
}
