import { useEffect, useState } from 'preact/hooks';
import { api, ApiError } from './api.js';
import { asSentence } from './format.js';
import { Header } from './header.js';
import { notice } from './notices.js';
import { OverviewPage } from './overview/overview-page.js';
import { links, type Route, routeOf, useHash } from './router.js';
import { session } from './session.js';
import { useStore } from './store.js';
import { TaskPage } from './task/task-page.js';
import { TasksPage } from './tasks/tasks-page.js';
import { Message } from './ui/message.js';
import { NoticeBar } from './ui/notice-bar.js';
import { PageTitle } from './ui/page-title.js';
import { WorkersPage } from './workers/workers-page.js';

const RETRY_MS = 3000;

export function App() {
  const visitor = useStore(session);
  const hash = useHash();
  const route = routeOf(hash);
  const failure = useSession();
  useSearchKey();
  // A notice belongs to the page where the action was done.
  useEffect(() => notice.set(null), [hash]);
  if (visitor === 'denied') {
    return (
      <main class="alone">
        <Message title="You may not see this" tone="bad">
          <p>You are not signed in, or no longer. Sign in and load the page again.</p>
        </Message>
      </main>
    );
  }
  return (
    <>
      <Header page={route.page} />
      <main id="content" class="content" tabIndex={-1}>
        <NoticeBar />
        {visitor === 'unknown' && failure ? (
          <Message title="The dashboard can't be shown" tone="bad">
            <p>{asSentence(failure)} It is asked again every few seconds.</p>
          </Message>
        ) : (
          visitor !== 'unknown' && <Page route={route} />
        )}
      </main>
    </>
  );
}

function Page({ route }: { route: Route }) {
  switch (route.page) {
    case 'overview':
      return <OverviewPage />;
    case 'tasks':
      return <TasksPage query={route.query} />;
    case 'task':
      return <TaskPage key={route.id} id={route.id} />;
    case 'workers':
      return <WorkersPage />;
    default:
      return (
        <>
          <PageTitle title="Nothing here" />
          <Message title="There is no such page">
            <a href={links.overview}>Go to the overview</a>
          </Message>
        </>
      );
  }
}

/** Loads the session, and repeats that until the server responds; returns the last error meanwhile. */
function useSession(): string | null {
  const [failure, setFailure] = useState<string | null>(null);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout>;
    const load = () =>
      api.session().then(session.set, (error: ApiError) => {
        setFailure(error.message);
        if (session.get() !== 'denied') {
          timer = setTimeout(load, RETRY_MS);
        }
      });
    void load();
    return () => clearTimeout(timer);
  }, []);
  return failure;
}

/** The key `/` moves the focus to the page's search field. */
function useSearchKey(): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const typing =
        event.target instanceof HTMLElement && event.target.closest('input, select, textarea, dialog');
      const field = document.querySelector<HTMLInputElement>('[data-search]');
      if (event.key === '/' && !typing && field && !event.ctrlKey && !event.metaKey && !event.altKey) {
        event.preventDefault();
        field.focus();
        field.select();
      }
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);
}
