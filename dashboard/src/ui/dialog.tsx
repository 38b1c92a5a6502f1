import type { ComponentChildren } from 'preact';
import { useId, useLayoutEffect, useRef } from 'preact/hooks';

/** A modal dialog. The browser keeps the focus inside, closes the dialog by Escape, and restores the focus. */
export function Dialog({
  title,
  onClose,
  children,
}: {
  title: string;
  onClose: () => void;
  children: ComponentChildren;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  const left = useRef(false);
  const titleId = useId();
  useLayoutEffect(() => {
    const opener = document.activeElement;
    const shown = dialog.current!;
    shown.showModal();
    return () => {
      left.current = true;
      // While the dialog is open, no element outside of it can have the focus.
      shown.close();
      if (opener instanceof HTMLElement && opener.isConnected) {
        opener.focus();
      }
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      class="dialog"
      aria-labelledby={titleId}
      // Closes at once: the `close` event comes one turn later, and would also close a dialog that was opened meanwhile.
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onClose={() => left.current || onClose()}
    >
      <h2 id={titleId} class="dialog-title">
        {title}
      </h2>
      {children}
    </dialog>
  );
}
