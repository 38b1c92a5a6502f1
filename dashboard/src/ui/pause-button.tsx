import { useState } from 'preact/hooks';
import { api, type LoadedKind } from '../api.js';
import { asSentence } from '../format.js';
import { tell } from '../notices.js';
import { Confirm } from './confirm.js';

/** Pauses a kind, or resumes it, after a question. */
export function PauseButton({
  kind: { kind, name, pausedAt },
  quiet = false,
}: {
  kind: LoadedKind;
  /** One of many: stands back until it is needed. */
  quiet?: boolean;
}) {
  // What was asked for stays so while the question is open, whatever comes from the server.
  const [pausing, setPausing] = useState<boolean | null>(null);
  const paused = pausedAt !== null;
  const set = async (pause: boolean) => {
    const { changed, missing = [] } = await api.setPaused(kind, pause);
    const done = changed
      ? doneText(name, pause)
      : `${name} ${pause ? 'was paused' : 'was not paused'} already.`;
    const without = missing.map(({ shard, message }) => ` Not in shard ${shard}: ${asSentence(message)}`);
    tell([done, ...without].join(''));
  };
  return (
    <>
      <button
        type="button"
        class={`button${quiet && !paused ? ' button-quiet' : ''}`}
        aria-label={`${paused ? 'Resume' : 'Pause'} ${name}`}
        onClick={() => setPausing(!paused)}
      >
        {paused ? 'Resume' : 'Pause'}
      </button>
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
