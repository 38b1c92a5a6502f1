import { useMemo, useState } from 'preact/hooks';
import { MAX_PAYLOAD_BYTES } from '../../../lib/dashboard/dashboard-api.js';
import { formatExactly } from '../format.js';

const COPIED_MS = 2000;

/** The payload as JSON text, never as HTML. */
export function Payload({ value, bytes }: { value: unknown; bytes: number }) {
  return value === null && bytes > MAX_PAYLOAD_BYTES ? (
    <section class="panel" aria-labelledby="payload-title">
      <h2 id="payload-title" class="panel-title">
        Payload
      </h2>
      <p class="panel-note">{formatExactly(Math.ceil(bytes / 1024))} kB: too large to be shown here.</p>
    </section>
  ) : (
    <ShownPayload value={value} />
  );
}

function ShownPayload({ value }: { value: unknown }) {
  const json = useMemo(() => JSON.stringify(value, null, 2), [value]);
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(json);
    setCopied(true);
    setTimeout(() => setCopied(false), COPIED_MS);
  };
  return (
    <section class="panel" aria-labelledby="payload-title">
      <div class="panel-head">
        <h2 id="payload-title" class="panel-title">
          Payload
        </h2>
        {/* Browsers give no clipboard to pages without TLS. */}
        {isSecureContext && (
          <button type="button" class="button" onClick={copy}>
            {copied ? 'Copied' : 'Copy'}
          </button>
        )}
      </div>
      <pre class="code payload" tabIndex={0} aria-label="Payload as JSON">
        {json}
      </pre>
    </section>
  );
}
