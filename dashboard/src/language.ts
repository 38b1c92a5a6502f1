/*
 * Some browsers report a language that Intl rejects, such as `en-US@posix` of Chromium under LANG=C, and the chart's library hands it
 * to Intl as it is loaded. Import this before anything else.
 */
try {
  Intl.getCanonicalLocales(navigator.language);
} catch {
  Object.defineProperty(navigator, 'language', { value: 'en', configurable: true });
}
