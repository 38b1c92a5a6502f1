import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

/** The heading of a page: it has the focus when the page opens, so that screen readers begin there. */
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
  useEffect(() => heading.current?.focus({ preventScroll: true }), []);
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
