import { parseArgs } from 'node:util';
import type { ParseArgsConfig } from 'node:util';
import { UsageError } from '../host/errors.js';

/** Exit codes of every command. */
export const Exit = {
  DONE: 0,
  /** The input was refused or a check failed. */
  REFUSED: 1,
  USAGE: 2,
  /** A fault of our own. */
  INTERNAL: 3,
} as const;

type Options = NonNullable<ParseArgsConfig['options']>;
type Parsed<T extends Options> = ReturnType<typeof parseArgs<{ options: T; allowPositionals: true }>>;

/** node:util parseArgs whose complaints are UsageErrors (exit code 2). */
export function parseOptions<T extends Options>(args: readonly string[], options: T): Parsed<T> {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (error) {
    throw new UsageError('USAGE_OPTION', (error as Error).message, {}, { cause: error });
  }
}

/** The value of an option that names one of a few things. */
export function oneOf<T extends string>(option: string, value: string, allowed: readonly T[]): T {
  const found = allowed.find((name) => name === value);
  if (found === undefined)
    throw new UsageError('USAGE_OPTION', `--${option}: expected ${allowed.join(', ')}, found '${value}'`);
  return found;
}

/** The value of a non-negative integer option. */
export function integer(option: string, value: string): number {
  const number = Number(value);
  if (!/^\d+$/.test(value) || !Number.isSafeInteger(number))
    throw new UsageError('USAGE_OPTION', `--${option}: expected a non-negative integer, found '${value}'`);
  return number;
}
