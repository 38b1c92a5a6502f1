import type { LoadedKind } from '../api.js';
import { plural } from '../format.js';
import { links } from '../router.js';
import { PauseButton } from '../ui/pause-button.js';
import { useMayChange } from '../session.js';
import { OPEN_STATUSES } from '../statuses.js';
import { ActionButton } from '../tasks/action-button.js';
import type { Trouble } from '../trouble.js';
import { inOrder, BY_TROUBLE, type JudgedKind } from './kind-order.js';

const SHOWN = 6;

/** The kinds that need an operator: what is wrong, why, and a button that helps. */
export function Attention({
  kinds,
  missing,
  lost,
}: {
  kinds: readonly JudgedKind[];
  /** The number of shards that are missing in the figures. */
  missing: number;
  /** The number of lost worker processes. */
  lost: number;
}) {
  const troubled = inOrder(kinds, BY_TROUBLE).filter(({ troubles }) => troubles.some(isUrgent));
  if (troubled.length === 0) {
    return <NoKind missing={missing} lost={lost} />;
  }
  const hidden = troubled.length - SHOWN;
  return (
    <section class="panel attention" aria-labelledby="attention-title">
      <h2 id="attention-title" class="panel-title">
        Needs attention
        <span class="panel-count">{troubled.length}</span>
      </h2>
      <ul class="attention-list">
        {troubled.slice(0, SHOWN).map(({ kind, troubles }) => (
          <li key={kind.kind} class="attention-kind">
            <a class="attention-name" href={links.tasks({ kind: String(kind.kind) })}>
              {kind.name}
            </a>
            <ul class="attention-troubles">
              {troubles.filter(isUrgent).map((trouble) => (
                <li key={trouble.label} class={`attention-trouble severity-${trouble.severity}`}>
                  <span class="attention-text">{trouble.text}</span>
                  <span class="attention-remedy">
                    <Remedy kind={kind} trouble={trouble} />
                  </span>
                </li>
              ))}
            </ul>
          </li>
        ))}
      </ul>
      {hidden > 0 && (
        <p class="attention-more">
          {hidden} more {hidden === 1 ? 'kind is' : 'kinds are'} marked in the list below.
        </p>
      )}
    </section>
  );
}

/** Shown when no kind needs attention; missing shards and lost processes may need it nevertheless. */
function NoKind({ missing, lost }: { missing: number; lost: number }) {
  const calm = missing === 0 && lost === 0;
  const where = missing === 0 ? '' : ' in the shards that answer';
  return (
    <section
      class={`panel attention attention-none${calm ? '' : ' attention-unsure'}`}
      aria-label="Needs attention"
    >
      <p>
        {calm ? 'Nothing needs attention: no' : 'No'} kind is late, failing or without a worker{where}.
        {lost > 0 && (
          <>
            {' '}
            {plural(lost, 'worker process has', 'worker processes have')} fallen silent.{' '}
            <a href={links.workers}>See workers</a>
          </>
        )}
      </p>
    </section>
  );
}

function Remedy({ kind, trouble: { remedy } }: { kind: LoadedKind; trouble: Trouble }) {
  const mayChange = useMayChange(kind.kind);
  const number = String(kind.kind);
  switch (remedy) {
    case 'retry': {
      const filter = { kind: number, status: 'no_attempts_left' };
      return (
        <>
          <a class="button" href={links.tasks(filter)}>
            See tasks
          </a>
          {mayChange && (
            <ActionButton
              action="retry"
              target={{ filter, what: `the tasks of ${kind.name} without attempts left`, many: true }}
            />
          )}
        </>
      );
    }
    case 'resume':
      return mayChange ? <PauseButton kind={kind} /> : null;
    case 'look-at-errors': {
      // Filters by one status, which has an index: among all tasks of a kind the search could take several pages.
      const status = kind.statuses.must_retry.count > 0 ? 'must_retry' : 'no_attempts_left';
      return (
        <a class="button" href={links.tasks({ kind: number, status })}>
          See errors
        </a>
      );
    }
    default:
      return (
        <>
          <a class="button" href={links.tasks({ kind: number, status: OPEN_STATUSES.join() })}>
            See tasks
          </a>
          <a class="button" href={links.workers}>
            See workers
          </a>
        </>
      );
  }
}

function isUrgent({ severity }: Trouble): boolean {
  return severity !== 'note';
}
