import type { MapSpec } from '../../program/program-spec.js';
import type { InsnIndex } from '../../quantities.js';
import type { RewriteEnvironment } from './environment.js';

/** The map that a helper call was always given; null when it differs between paths. `origin`: submitted slot. */
export function mapOfCall(env: RewriteEnvironment, origin: InsnIndex): MapSpec | null {
  if (env.aux.mapPoison[origin] === 1) return null;
  const index = env.aux.map[origin];
  return index < 0 ? null : (env.maps[index]?.spec ?? null);
}
