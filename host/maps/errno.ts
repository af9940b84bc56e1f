import { MapError } from '../errors.js';

/** Error numbers of x86-64 Linux, positive. */
export const Errno = {
  EPERM: 1,
  ENOENT: 2,
  E2BIG: 7,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EFAULT: 14,
  EBUSY: 16,
  EEXIST: 17,
  ENODEV: 19,
  EINVAL: 22,
  ENOSPC: 28,
  ERANGE: 34,
  ENOTSUPP: 524,
  EOPNOTSUPP: 95,
} as const;

const names = new Map<number, string>(Object.entries(Errno).map(([name, value]) => [value, name]));

/** EINVAL for 22; `errno 200` for a number without a name here. */
export function errnoName(errno: number): string {
  return names.get(errno) ?? `errno ${errno}`;
}

/** The error of a map operation that answered -errno. */
export function mapError(errno: number, message: string): MapError {
  const name = names.get(errno);
  return new MapError(
    name === undefined ? 'MAP_ERRNO' : `MAP_${name}`,
    `${message} (${errnoName(errno)})`,
    errno,
  );
}
