import { HashMap } from '../maps/hash-map.js';
import { Errno } from '../maps/errno.js';
import {
  type Helper,
  type HelperEnvironment,
  type HelperTable,
  answer,
  fail,
  mapArgument,
  mapOf,
} from './helper.js';

function keyOf(env: HelperEnvironment, map: bigint, key: bigint): Uint8Array {
  return env.memory.read(key, mapArgument(env, map).spec.keySize);
}

const lookup: Helper = (env, [map, key]) => mapArgument(env, map).find(keyOf(env, map, key));

/** One CPU: any other number has no value. */
const lookupPerCpu: Helper = (env, [map, key, cpu]) =>
  BigInt.asUintN(32, cpu) === 0n ? lookup(env, [map, key]) : 0n;

const update: Helper = (env, [map, key, value, flags]) => {
  const target = mapArgument(env, map);
  const bytes = env.memory.read(value, target.spec.valueSize);
  return answer(target.store(keyOf(env, map, key), bytes, flags));
};

const remove: Helper = (env, [map, key]) => answer(mapArgument(env, map).remove(keyOf(env, map, key)));

const push: Helper = (env, [map, value, flags]) => {
  const target = mapArgument(env, map);
  return answer(target.push(env.memory.read(value, target.spec.valueSize), flags));
};

const pop: Helper = (env, [map, value]) => {
  const target = mapArgument(env, map);
  const found = target.pop();
  env.memory.write(value, typeof found === 'number' ? new Uint8Array(target.spec.valueSize) : found);
  return typeof found === 'number' ? answer(found) : 0n;
};

/** A bloom filter is asked for the value; a queue fills it in. */
const peek: Helper = (env, [map, value]) => {
  const target = mapArgument(env, map);
  const asked = env.memory.read(value, target.spec.valueSize);
  const found = target.peek(asked);
  if (typeof found === 'number') return answer(found);
  env.memory.write(value, found);
  return 0n;
};

/** What an inlined hash lookup calls: the element, not the value. */
const element: Helper = (env, [map, key]) => mapOf(env, map, HashMap).element(keyOf(env, map, key));

/** Calls callback(map, key, value, context) for each entry until it answers 1; answers how many were visited. */
const forEach: Helper = (env, [map, callback, context, flags]) => {
  if (flags !== 0n) return fail(Errno.EINVAL);
  const target = mapArgument(env, map);
  const scratch = env.memory.alloc('direct', Math.max(target.spec.keySize, 8));
  let visited = 0n;
  try {
    for (const cell of target.cells()) {
      if (cell.keyAddress === 0n) env.memory.write(scratch, cell.key);
      visited++;
      const key = cell.keyAddress === 0n ? scratch : cell.keyAddress;
      const stop = env.call(callback, map, key, cell.value, context);
      if (stop !== 0n) break;
    }
  } finally {
    env.memory.free(scratch);
  }
  return visited;
};

export const mapHelpers: HelperTable = {
  bpf_map_lookup_elem: lookup,
  bpf_map_update_elem: update,
  bpf_map_delete_elem: remove,
  bpf_map_push_elem: push,
  bpf_map_pop_elem: pop,
  bpf_map_peek_elem: peek,
  bpf_map_lookup_percpu_elem: lookupPerCpu,
  bpf_for_each_map_elem: forEach,
  __htab_map_lookup_elem: element,
};

/** The functions of map types, which the verifier calls directly: array_map_update_elem, trie_lookup_elem and so on. */
export const mapFunctionPatterns: readonly (readonly [RegExp, Helper])[] = [
  [/_lookup_percpu_elem$/, lookupPerCpu],
  [/_lookup_elem$|^sock_(map|hash)_lookup$/, lookup],
  [/_update_elem$/, update],
  [/_delete_elem$/, remove],
  [/_push_elem$/, push],
  [/_pop_elem$/, pop],
  [/_peek_elem$/, peek],
  [/^bpf_for_each_\w+_elem$/, forEach],
];
