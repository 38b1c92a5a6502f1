import { useLayoutEffect, useState } from 'preact/hooks';
import type { TaskQuery } from '../../../lib/dashboard/dashboard-api.js';
import { useKinds, useMoreKinds } from '../kinds.js';
import { goTo, links } from '../router.js';
import { useRedacted, useShards } from '../session.js';
import { statusLabel, STATUSES } from '../statuses.js';
import { fromLocalInput, statusesOf, toLocalInput } from './task-query.js';

/** The filter is in the address, so that it can be shared, and so that the browser's back and forward buttons restore it. */
export function TaskFilters({ query }: { query: TaskQuery }) {
  const [draft, setDraft] = useState(query);
  // A layout effect runs before the visitor can type into the new fields.
  useLayoutEffect(() => setDraft(query), [JSON.stringify(query)]);
  const redacted = useRedacted();
  const moreKinds = useMoreKinds();
  // On a phone the fields would fill the screen.
  const [open, setOpen] = useState(() => Object.keys(query).some((field) => field !== 'status'));
  const change = (fields: TaskQuery) => setDraft({ ...draft, ...fields });
  const show = (wanted: TaskQuery) => goTo(links.tasks(trimmed(wanted)));
  const changeNow = (fields: TaskQuery) => {
    change(fields);
    show({ ...draft, ...fields });
  };
  return (
    <form
      class="panel filters"
      role="search"
      aria-label="Filter of tasks"
      onSubmit={(event) => {
        event.preventDefault();
        show(draft);
      }}
    >
      <StatusFilter query={draft} onChange={(status) => changeNow({ status })} />
      <button type="button" class="button filters-toggle" aria-expanded={open} onClick={() => setOpen(!open)}>
        {open ? 'Fewer filters' : 'More filters'}
      </button>
      <div class={`filters-fields${open ? ' filters-open' : ''}`}>
        <KindFilter kind={draft.kind} onChange={(kind) => changeNow({ kind })} />
        {moreKinds > 0 && (
          <TextField
            name="Kind by its number"
            value={draft.kind}
            onChange={(kind) => change({ kind: kind || undefined })}
          />
        )}
        <ShardFilter shard={draft.shard} onChange={(shard) => changeNow({ shard })} />
        <TextField name="Key" value={draft.externalKey} onChange={(externalKey) => change({ externalKey })} />
        <TextField name="Id" value={draft.id} hint="1, 2, 3" onChange={(id) => change({ id })} />
        {!redacted && (
          <TextField name="Text of the payload" value={draft.text} onChange={(text) => change({ text })} />
        )}
        <TimeField
          name="Pushed from"
          value={draft.createdFrom}
          onChange={(createdFrom) => change({ createdFrom })}
        />
        <TimeField
          name="Pushed before"
          value={draft.createdTo}
          onChange={(createdTo) => change({ createdTo })}
        />
        <div class="filters-buttons">
          <button type="submit" class="button button-main">
            Search
          </button>
          <a class="button" href={links.tasks()}>
            Clear
          </a>
        </div>
      </div>
    </form>
  );
}

function StatusFilter({
  query,
  onChange,
}: {
  query: TaskQuery;
  onChange: (status: string | undefined) => void;
}) {
  const chosen = statusesOf(query);
  return (
    <fieldset class="chips">
      <legend class="visually-hidden">Status</legend>
      {STATUSES.map((status) => (
        <label key={status} class="chip">
          <input
            type="checkbox"
            checked={chosen.includes(status)}
            onChange={({ currentTarget: { checked } }) => {
              const others = chosen.filter((each) => each !== status);
              onChange((checked ? [...others, status] : others).join(',') || undefined);
            }}
          />
          <span>{statusLabel(status)}</span>
        </label>
      ))}
    </fieldset>
  );
}

function KindFilter({
  kind,
  onChange,
}: {
  kind: string | undefined;
  onChange: (kind: string | undefined) => void;
}) {
  const kinds = useKinds().toSorted((a, b) => a.name.localeCompare(b.name, 'en'));
  const unknown = kind !== undefined && kinds.every((each) => String(each.kind) !== kind);
  return (
    <label class="field">
      <span class="field-name">Kind</span>
      <select value={kind ?? ''} onChange={({ currentTarget: { value } }) => onChange(value || undefined)}>
        <option value="">All kinds</option>
        {unknown && <option value={kind}>kind {kind}</option>}
        {kinds.map((each) => (
          <option key={each.kind} value={each.kind}>
            {each.name}
          </option>
        ))}
      </select>
    </label>
  );
}

/** Shown only for a queue with several shards. */
function ShardFilter({
  shard,
  onChange,
}: {
  shard: string | undefined;
  onChange: (shard: string | undefined) => void;
}) {
  const shards = useShards();
  return shards.length < 2 ? null : (
    <label class="field">
      <span class="field-name">Shard</span>
      <select value={shard ?? ''} onChange={({ currentTarget: { value } }) => onChange(value || undefined)}>
        <option value="">All shards</option>
        {shard !== undefined && !shards.includes(shard) && <option value={shard}>{shard}</option>}
        {shards.map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}

function TextField({
  name,
  value,
  hint,
  onChange,
}: {
  name: string;
  value: string | undefined;
  hint?: string;
  onChange: (value: string) => void;
}) {
  return (
    <label class="field">
      <span class="field-name">{name}</span>
      <input
        type="search"
        data-search={name === 'Key' || undefined}
        aria-keyshortcuts={name === 'Key' ? '/' : undefined}
        placeholder={hint}
        spellcheck={false}
        autocomplete="off"
        maxLength={1000}
        value={value ?? ''}
        onInput={(event) => onChange(event.currentTarget.value)}
      />
    </label>
  );
}

function TimeField({
  name,
  value,
  onChange,
}: {
  name: string;
  value: string | undefined;
  onChange: (value: string | undefined) => void;
}) {
  return (
    <label class="field field-time">
      <span class="field-name">{name}</span>
      <input
        type="datetime-local"
        value={toLocalInput(value)}
        onChange={(event) => onChange(fromLocalInput(event.currentTarget.value))}
      />
    </label>
  );
}

/** Removes spaces around ids, which come with copied text; keys and texts may contain spaces on purpose. */
function trimmed(query: TaskQuery): TaskQuery {
  const id = query.id
    ?.split(/[\s,]+/)
    .filter(Boolean)
    .join(',');
  return { ...query, id };
}
