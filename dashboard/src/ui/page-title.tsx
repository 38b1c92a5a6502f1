import type { ComponentChildren } from 'preact';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';

/** The first page keeps the focus at the top of the document. */
let isFirst = true;

/** The heading of a page. It gets the focus when the visitor comes from another page, so that screen readers begin there. */
export function PageTitle({
  title,
  hidden = false,
  children,
}: {
  title: string;
  /** Whether only screen readers get the title. */
  hidden?: boolean;
  children?: ComponentChildren;
}) {
  const heading = useRef<HTMLHeadingElement>(null);
  // A later change of the title must not move the focus.
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
