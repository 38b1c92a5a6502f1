import * as attempt from './attempt.errors.js';
import * as base from './base.error.js';
import * as database from './database.errors.js';
import { brand } from './error-brand.js';
import * as handler from './handler.errors.js';
import * as option from './option.errors.js';

/** The errors of the files below, which get their brands here: this is where all others import them from. */
export * from './attempt.errors.js';
export * from './base.error.js';
export * from './database.errors.js';
export * from './handler.errors.js';
export * from './option.errors.js';

brand({ ...base, ...option, ...database, ...handler, ...attempt });
