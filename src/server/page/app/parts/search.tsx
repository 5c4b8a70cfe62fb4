import { useEffect, useRef, useState } from "preact/hooks";

/** A search that waits until the typing pauses. */
export function SearchBox({ value, change, label, wait = 200 }: { value: string; change: (value: string) => void; label: string; wait?: number }) {
  const [typed, setTyped] = useState(value);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => setTyped(value), [value]);
  useEffect(() => () => clearTimeout(timer.current), []);
  return (
    <input
      type="search"
      value={typed}
      placeholder={label}
      aria-label={label}
      autocomplete="off"
      spellcheck={false}
      onInput={(event) => {
        const text = event.currentTarget.value;
        setTyped(text);
        clearTimeout(timer.current);
        timer.current = setTimeout(() => change(text), wait);
      }}
    />
  );
}
