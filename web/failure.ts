import type { Failure } from './request.js';

/** What an error says, as data. */
export function failure(error: unknown): Failure {
  if (!(error instanceof Error)) return { name: 'Error', code: null, message: String(error) };
  const code = 'code' in error && typeof error.code === 'string' ? error.code : null;
  return { name: error.name, code, message: error.message };
}

/** An error that a worker sent. */
export class WorkerFailure extends Error {
  readonly code: string | null;

  constructor({ name, code, message }: Failure) {
    super(message);
    this.name = name;
    this.code = code;
  }
}
