import type { ComponentChildren } from 'preact';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';

/** The first page opens like any other: at its top. */
let isFirst = true;

/** The heading of a page: it has the focus when the visitor comes from another one, so that screen readers begin there. */
export function PageTitle({
  title,
  hidden = false,
  children,
}: {
  title: string;
  /** For screen readers only. */
  hidden?: boolean;
  children?: ComponentChildren;
}) {
  const heading = useRef<HTMLHeadingElement>(null);
  // Later it would take the focus from where the visitor has gone meanwhile.
  useLayoutEffect(() => {
    if (!isFirst) {
      heading.current?.focus({ preventScroll: true });
    }
    isFirst = false;
  }, []);
  useEffect(() => {
    document.title = `${title} · Task queue`;
  }, [title]);
  return (
    <div class={hidden ? 'visually-hidden' : 'page-title'}>
      <h1 ref={heading} tabIndex={-1}>
        {title}
      </h1>
      {children}
    </div>
  );
}
