import type { HelperEnvironment, RunScope } from './helper.js';

/** What helpers remember during one run, for what the kernel keeps where programs do not look. */
export function runState<T>(make: () => T): (env: Pick<HelperEnvironment, 'scope'>) => T {
  const known = new WeakMap<RunScope, T>();
  return ({ scope }) => {
    let state = known.get(scope);
    if (state === undefined) known.set(scope, (state = make()));
    return state;
  };
}
