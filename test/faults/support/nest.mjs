import 'reflect-metadata';
import { Inject } from '@nestjs/common';

/**
 * Says what a class's constructor takes, which decorators do in TypeScript: these files run without a compiler.
 * @param {Function} target
 * @param {...any} tokens
 */
export function injected(target, ...tokens) {
  tokens.forEach((token, index) => Inject(token)(target, undefined, index));
}
