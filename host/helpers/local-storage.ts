import { RingbufMap } from '../maps/ringbuf-map.js';
import { type Helper, type HelperTable, mapArgument, mapOf } from './helper.js';

/** Storage of the cgroup that the program is attached to: the one there is. */
const cgroupStorage: Helper = (env, [address]) => {
  const map = mapArgument(env, address);
  const key = new Uint8Array(map.spec.keySize);
  const known = map.find(key);
  if (known !== 0n) return known;
  map.store(key, new Uint8Array(map.spec.valueSize), 0n);
  return map.find(key);
};

const LOCAL_DYNPTR = 1n << 28n;

/** Hands each record that the host put in the ring to the callback, as a dynptr; 1 ends it. Answers how many. */
const drain: Helper = (env, [address, callback, context]) => {
  const ring = mapOf(env, address, RingbufMap);
  let handed = 0n;
  const records = ring.consume();
  for (const [at, record] of records.entries()) {
    const data = env.memory.alloc('direct', Math.max(record.length, 1));
    const dynptr = env.memory.alloc('direct', 16);
    try {
      env.memory.write(data, record);
      env.memory.writeUint(dynptr, 8, data);
      env.memory.writeUint(dynptr + 8n, 4, LOCAL_DYNPTR | BigInt(record.length));
      handed++;
      if (env.call(callback, dynptr, context) === 0n) continue;
      for (const rest of records.slice(at + 1)) ring.output(rest);
      break;
    } finally {
      env.memory.free(dynptr);
      env.memory.free(data);
    }
  }
  return handed;
};

export const localStorageHelpers: HelperTable = {
  bpf_get_local_storage: cgroupStorage,
  bpf_user_ringbuf_drain: drain,
};
