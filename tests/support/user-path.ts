import { delimiter } from 'node:path';

/** The user's PATH: without this project's node_modules/.bin, where a dependency of as-pect leaves an old npm. */
export const USER_PATH = (process.env.PATH ?? '')
  .split(delimiter)
  .filter((part) => !part.includes('node_modules'))
  .join(delimiter);
