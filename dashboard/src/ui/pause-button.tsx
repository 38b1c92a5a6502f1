import { useState } from 'preact/hooks';
import { api, type LoadedKind } from '../api.js';
import { asSentence } from '../format.js';
import { showNotice } from '../notices.js';
import { Confirm } from './confirm.js';

/** Pauses or resumes a kind, after a confirmation. */
export function PauseButton({
  kind: { kind, name, pausedAt, unpausedIn },
  quiet = false,
}: {
  kind: LoadedKind;
  /** Whether the button is inconspicuous, as one of many in a table. */
  quiet?: boolean;
}) {
  // The wanted change stays the same while the dialog is open, whatever the server sends.
  const [pausing, setPausing] = useState<boolean | null>(null);
  // A kind that is paused in some shards only can be paused in all, or resumed in all.
  const offers = [
    ...(pausedAt === null || unpausedIn.length > 0 ? [true] : []),
    ...(pausedAt === null ? [] : [false]),
  ];
  const set = async (pause: boolean) => {
    const { changed, missing = [] } = await api.setPaused(kind, pause);
    const done = changed
      ? doneText(name, pause)
      : `${name} ${pause ? 'was paused' : 'was not paused'} already.`;
    const without = missing.map(({ shard, message }) => ` Not in shard ${shard}: ${asSentence(message)}`);
    showNotice([done, ...without].join(''));
  };
  return (
    <>
      {offers.map((pause) => (
        <button
          key={pause}
          type="button"
          class={`button${quiet && pausedAt === null ? ' button-quiet' : ''}`}
          aria-label={`${pause ? 'Pause' : 'Resume'} ${name}`}
          onClick={() => setPausing(pause)}
        >
          {pause ? 'Pause' : 'Resume'}
        </button>
      ))}
      {pausing !== null && (
        <Confirm
          title={`${pausing ? 'Pause' : 'Resume'} ${name}?`}
          button={pausing ? 'Pause the kind' : 'Resume the kind'}
          onConfirm={() => set(pausing)}
          onClose={() => setPausing(null)}
        >
          <p>
            {pausing
              ? 'No process in the whole cluster claims its tasks any more, until it is resumed. Attempts that run go on, and tasks are pushed as ever.'
              : 'All processes that handle it claim its tasks again, at once or with their next heartbeat.'}
          </p>
        </Confirm>
      )}
    </>
  );
}

function doneText(name: string, paused: boolean): string {
  return paused
    ? `${name} is paused: no process claims its tasks until it is resumed.`
    : `${name} is resumed: its tasks are claimed again.`;
}
