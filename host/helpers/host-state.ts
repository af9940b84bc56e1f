import type { GuestMemory } from '../mm/guest-memory.js';
import type { HelperEnvironment } from './helper.js';

/** What helpers remember of one guest machine, for what the kernel keeps where programs do not look. */
export function hostState<T>(make: () => T): (env: Pick<HelperEnvironment, 'memory'>) => T {
  const known = new WeakMap<GuestMemory, T>();
  return ({ memory }) => {
    let state = known.get(memory);
    if (state === undefined) known.set(memory, (state = make()));
    return state;
  };
}
