import { live } from './live-overview.js';
import { asSentence, formatClockWithSeconds } from './format.js';
import { links, type Route } from './router.js';
import { session } from './session.js';
import { useStore } from './store.js';
import { theme, toggleTheme } from './theme.js';
import { BrandIcon, MoonIcon, SunIcon } from './ui/icons.js';

const LOOK_ONLY = 'You may look, but change nothing';

export function Header({ page }: { page: Route['page'] }) {
  const visitor = useStore(session);
  const readOnly = typeof visitor === 'object' && visitor.access === 'read-only';
  return (
    <header class="header">
      <a class="skip-link" href="#content" onClick={skipToContent}>
        Skip to the content
      </a>
      <div class="header-row">
        <a class="brand" href={links.overview} aria-label="Task queue, overview">
          <BrandIcon />
          <span class="brand-name">Task queue</span>
        </a>
        <nav class="nav" aria-label="Pages">
          <NavLink href={links.overview} current={page === 'overview'} text="Overview" />
          <NavLink href={links.tasks()} current={page === 'tasks' || page === 'task'} text="Tasks" />
          <NavLink href={links.workers} current={page === 'workers'} text="Workers" />
        </nav>
        <div class="header-end">
          {readOnly && (
            <span class="badge" title={LOOK_ONLY}>
              Read-only
            </span>
          )}
          {typeof visitor === 'object' && visitor.user !== null && (
            <span class="badge visitor" title={visitor.user}>
              {visitor.user}
            </span>
          )}
          <Connection />
          <ThemeButton />
        </div>
      </div>
      {/* In place of the badge where the row is too narrow for it. */}
      {readOnly && <p class="look-only-bar">{LOOK_ONLY}</p>}
      <Trouble />
    </header>
  );
}

/** The link moves the focus without changing the address, which is the route. */
function skipToContent(event: Event): void {
  event.preventDefault();
  document.getElementById('content')?.focus();
}

function NavLink({ href, current, text }: { href: string; current: boolean; text: string }) {
  return (
    <a class="nav-link" href={href} aria-current={current ? 'page' : undefined}>
      {text}
    </a>
  );
}

function Connection() {
  const { overview, lostAt, trouble } = useStore(live);
  if (lostAt !== null) {
    return (
      <span class="connection connection-lost" role="status">
        Not connected since {formatClockWithSeconds(lostAt)}
      </span>
    );
  }
  if (trouble !== null) {
    return <span class="connection connection-lost">Out of date</span>;
  }
  const ready = overview !== null;
  return (
    <span class={`connection${ready ? ' connection-live' : ''}`} role="status">
      {ready ? 'Live' : 'Connecting'}
    </span>
  );
}

/** The error of the server, and the time of the last overview, which the page still shows. */
function Trouble() {
  const { overview, trouble } = useStore(live);
  return trouble === null ? null : (
    <div class="trouble-bar" role="alert">
      {asSentence(trouble)}
      {overview && ` What you see is of ${formatClockWithSeconds(overview.at)}.`}
    </div>
  );
}

function ThemeButton() {
  const dark = useStore(theme) === 'dark';
  return (
    <button
      type="button"
      class="icon-button"
      aria-label={dark ? 'Use light colours' : 'Use dark colours'}
      title={dark ? 'Light colours' : 'Dark colours'}
      onClick={toggleTheme}
    >
      {dark ? <SunIcon /> : <MoonIcon />}
    </button>
  );
}
