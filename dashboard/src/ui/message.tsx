import type { ComponentChildren } from 'preact';

/** A message instead of content: an empty list, or an error. */
export function Message({
  title,
  tone = 'calm',
  children,
}: {
  title: string;
  tone?: 'calm' | 'bad';
  children?: ComponentChildren;
}) {
  return (
    <div class={`message message-${tone}`} role={tone === 'bad' ? 'alert' : undefined}>
      <p class="message-title">{title}</p>
      {children && <div class="message-body">{children}</div>}
    </div>
  );
}
