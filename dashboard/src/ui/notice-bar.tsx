import { notice } from '../notices.js';
import { useStore } from '../store.js';
import { CloseIcon } from './icons.js';

/** The notice, which screen readers read when it appears. */
export function NoticeBar() {
  const shown = useStore(notice);
  return (
    <div class="notices" role="status" aria-live="polite">
      {shown && (
        <div class={`notice notice-${shown.tone}`}>
          <span>{shown.text}</span>
          <button type="button" class="icon-button" aria-label="Dismiss" onClick={() => notice.set(null)}>
            <CloseIcon />
          </button>
        </div>
      )}
    </div>
  );
}
