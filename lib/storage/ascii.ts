/** Begins a key that is stored in ASCII, since the database's encoding lacks some of its characters. No key of an application may. */
export const ESCAPED_KEY = '\u001a';

/** JSON text that means the same, in ASCII. */
export function asciiJson(json: string): string {
  return json.replace(/[\u0080-\uffff]/g, escapeUnit);
}

/** A key as a database whose encoding lacks some characters stores it; an ASCII key is unchanged. */
export function storedKey(key: string): string {
  return /[\u0080-\uffff]/.test(key) ? ESCAPED_KEY + key.replace(/[\u0080-\uffff]|\\/g, escapeUnit) : key;
}

/** The key of a stored text: the reverse of `storedKey`. */
export function shownKey<Key extends string | null>(stored: Key): Key | string {
  return stored?.startsWith(ESCAPED_KEY)
    ? stored
        .slice(ESCAPED_KEY.length)
        .replace(/\\u([0-9a-f]{4})/g, (_, unit: string) => String.fromCharCode(Number.parseInt(unit, 16)))
    : stored;
}

function escapeUnit(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
