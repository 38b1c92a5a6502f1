/** The kinds of a shop: a name, attempts per minute, and how long one takes in ms. */
const KINDS = /** @type {const} */ ([
  ['charge-card', 64, 820],
  ['send-email', 212, 140],
  ['resize-image', 38, 2600],
  ['expire-order', 17, 22],
  ['export-report', 3, 41_000],
  ['sync-crm', 55, 390],
  ['index-search', 340, 35],
  ['notify-slack', 12, 210],
  ['refund-payment', 4, 900],
  ['import-feed', 6, 18_000],
  ['geocode-address', 48, 160],
  ['render-invoice', 61, 480],
  ['warm-cache', 120, 18],
  ['rotate-keys', 1, 60],
  ['poll-tracking', 95, 230],
  ['dedupe-contacts', 9, 1500],
  ['score-lead', 26, 75],
  ['archive-invoice', 14, 310],
  ['push-notification', 180, 90],
  ['transcode-video', 2, 190_000],
  ['check-stock', 150, 28],
  ['update-price', 72, 33],
  ['sync-marketplace', 11, 2100],
  ['verify-address', 33, 120],
  ['capture-payment', 58, 640],
  ['void-authorization', 5, 410],
  ['send-sms', 29, 180],
  ['build-sitemap', 1, 7200],
  ['print-label', 44, 260],
  ['book-courier', 40, 700],
  ['close-ticket', 8, 50],
  ['anonymize-user', 1, 340],
  ['rebuild-feed', 2, 9500],
  ['apply-coupon', 31, 24],
  ['award-points', 63, 19],
  ['expire-points', 2, 1800],
  ['audit-login', 88, 12],
  ['scan-upload', 21, 1300],
  ['backup-media', 1, 52_000],
  ['convert-currency', 10, 42],
  ['match-payment', 16, 130],
  ['remind-cart', 24, 85],
  ['review-request', 13, 95],
  ['restock-alert', 7, 60],
  ['sync-ledger', 5, 2400],
  ['tax-report', 1, 12_000],
  ['translate-review', 9, 1100],
  ['update-rating', 27, 16],
  ['validate-vat', 18, 450],
  ['watch-competitor', 3, 3300],
]);

/** @typedef {{ kind: number, name: string, perMinute: number, runMs: number, capacity: number }} ShownKind */

/** @type {readonly ShownKind[]} */
export const kinds = KINDS.map(([name, perMinute, runMs], index) => ({
  kind: index + 1,
  name,
  perMinute,
  runMs,
  capacity: Math.max(2, Math.ceil((perMinute * runMs) / 60_000) * 2),
}));

/** @param {string} name */
export function numberOf(name) {
  return /** @type {ShownKind} */ (kinds.find((kind) => kind.name === name)).kind;
}
