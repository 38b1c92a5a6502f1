import { notice } from '../notices.js';
import { useStore } from '../store.js';
import { CloseIcon } from './icons.js';

/** The notice, which screen readers read when it appears. */
export function NoticeBar() {
  const told = useStore(notice);
  return (
    <div class="notices" role="status" aria-live="polite">
      {told && (
        <div class={`notice notice-${told.tone}`}>
          <span>{told.text}</span>
          <button type="button" class="icon-button" aria-label="Dismiss" onClick={() => notice.set(null)}>
            <CloseIcon />
          </button>
        </div>
      )}
    </div>
  );
}
