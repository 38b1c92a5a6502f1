import { plural } from '../format.js';

/** The error messages that the kind keeps, the last one first. */
export function ErrorHistory({
  errors,
  attempts,
  failed,
}: {
  errors: readonly string[];
  attempts: number;
  /** The number of attempts that ended without success. */
  failed: number;
}) {
  return (
    <section class="panel" aria-labelledby="errors-title">
      <h2 id="errors-title" class="panel-title">
        Errors
        {errors.length > 0 && <span class="panel-count">{errors.length}</span>}
      </h2>
      {errors.length === 0 ? (
        <p class="panel-note">
          {attempts === 0
            ? 'None: it was never attempted.'
            : failed === 0
              ? 'None: no attempt has failed.'
              : `None is kept of ${plural(failed, 'attempt')}.`}
        </p>
      ) : (
        <ol class="errors" reversed>
          {errors.toReversed().map((error, index) => (
            <li key={errors.length - index}>
              <ErrorText text={error} last={index === 0} />
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}

/** One error message, with its stack below it. */
function ErrorText({ text, last }: { text: string; last: boolean }) {
  const at = text.search(/\n\s+at /);
  const message = at < 0 ? text : text.slice(0, at);
  const stack = at < 0 ? '' : text.slice(at + 1).replaceAll(/^ {4}/gm, '');
  return (
    <article class="error">
      <p class="error-message">
        {last && <span class="error-last">Last</span>}
        {message}
      </p>
      {stack && (
        <pre class="code error-stack" tabIndex={0} aria-label="Stack">
          {stack}
        </pre>
      )}
    </article>
  );
}
