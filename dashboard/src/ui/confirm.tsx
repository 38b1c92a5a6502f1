import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { Dialog } from './dialog.js';

/** A confirmation before a change. When the change fails, the dialog stays open and shows the error. */
export function Confirm({
  title,
  button,
  danger = false,
  onConfirm,
  onClose,
  children,
}: {
  title: string;
  /** The label of the button that confirms. */
  button: string;
  danger?: boolean;
  onConfirm: () => Promise<void>;
  onClose: () => void;
  children: ComponentChildren;
}) {
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const confirm = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setFailure(null);
    try {
      await onConfirm();
      onClose();
    } catch (error) {
      setFailure((error as Error).message);
      setBusy(false);
    }
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <form onSubmit={confirm}>
        <div class="dialog-body">{children}</div>
        {failure && (
          <p class="dialog-failure" role="alert">
            It failed: {failure}
          </p>
        )}
        <div class="dialog-buttons">
          <button type="button" class="button" autoFocus={danger} onClick={onClose}>
            Back
          </button>
          <button
            type="submit"
            class={`button button-${danger ? 'danger' : 'main'}`}
            disabled={busy}
            autoFocus={!danger}
          >
            {busy ? 'One moment …' : button}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
