import type { LoadedTaskPage } from '../api.js';
import { Ago, At } from '../ui/time.js';

type Entry = LoadedTaskPage['task']['timeline'][number];

/** The events of a task in order; the error history shows whole messages. */
export function Timeline({ entries }: { entries: readonly Entry[] }) {
  return (
    <section class="panel" aria-labelledby="timeline-title">
      <h2 id="timeline-title" class="panel-title">
        Timeline
      </h2>
      <ol class="timeline">
        {entries.map((entry, index) => (
          <li key={index} class={`timeline-entry timeline-${toneOf(entry)}`}>
            <p class="timeline-text">{firstLine(entry.text)}</p>
            {entry.at !== null && (
              <p class="faint">
                <At at={entry.at} /> · <Ago at={entry.at} />
              </p>
            )}
          </li>
        ))}
      </ol>
    </section>
  );
}

function toneOf({ event, text }: Entry): string {
  return event === 'finished' && text === 'succeeded' ? 'succeeded' : event;
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? '';
}
