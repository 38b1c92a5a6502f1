import fc from 'fast-check';

/** Any text that JavaScript can hold, lone surrogates and NUL characters among it. */
export const anyText = (maxLength = 30) =>
  fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength }).map((codes) => String.fromCharCode(...codes));
