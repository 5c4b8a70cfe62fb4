// Dialogs: the browser's own, which keep the focus inside and give it back.

import type { ComponentChildren } from "preact";
import { useId, useLayoutEffect, useRef, useState } from "preact/hooks";

import { messageOf } from "../api/client.js";
import { Button } from "./basic.js";

export function Dialog({ title, close, children, wide }: { title: ComponentChildren; close: () => void; children: ComponentChildren; wide?: boolean }) {
  const ref = useRef<HTMLDialogElement>(null);
  const id = useId();
  const latest = useRef(close);
  latest.current = close;
  // At once, so that the focus goes back to where it was when the dialog was asked for.
  useLayoutEffect(() => {
    const dialog = ref.current;
    const before = document.activeElement;
    if (dialog && !dialog.open) {
      dialog.showModal();
      dialog.querySelector<HTMLElement>("form :is(input, select, textarea)")?.focus();
    }
    return () => {
      // The browser tells of the closing later, when nobody wants to know.
      latest.current = () => undefined;
      dialog?.close();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={ref}
      class={wide ? "dialog dialog-wide" : "dialog"}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        close();
      }}
      onClose={() => latest.current()}
      onClick={(event) => event.target === ref.current && close()}
    >
      <div class="dialog-body">
        <header class="panel-head">
          <h2 id={id}>{title}</h2>
          <Button tone="quiet" icon="close" aria-label="Close" onClick={close} />
        </header>
        {children}
      </div>
    </dialog>
  );
}

/** A dialog that does something: what goes wrong is said in it, and it stays; so it does where `stay` says so. */
export function ActionDialog({ title, verb, danger, stay, close, run, children, wide }: { title: ComponentChildren; verb: string; danger?: boolean; stay?: boolean; close: () => void; run: () => Promise<unknown>; children?: ComponentChildren; wide?: boolean }) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string>();
  const submit = async (event: Event) => {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    setError(undefined);
    try {
      await run();
      if (!stay) close();
    } catch (reason) {
      setError(messageOf(reason));
    } finally {
      setBusy(false);
    }
  };
  return (
    <Dialog title={title} close={close} {...(wide ? { wide } : {})}>
      <form onSubmit={submit} class="stack" noValidate>
        {children}
        {error && (
          <p class="field-error" role="alert">
            {error}
          </p>
        )}
        <div class="row end">
          <Button onClick={close}>Cancel</Button>
          <Button type="submit" tone={danger ? "danger" : "primary"} busy={busy}>
            {verb}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
