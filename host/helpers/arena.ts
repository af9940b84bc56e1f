import { ArenaMap } from '../maps/arena-map.js';
import { type HelperTable, mapOf, u32 } from './helper.js';

export const arenaHelpers: HelperTable = {
  bpf_arena_alloc_pages: (env, [map, address, count, , flags]) =>
    flags === 0n ? mapOf(env, map, ArenaMap).allocPages(address, u32(count)) : 0n,
  bpf_arena_free_pages: (env, [map, address, count]) => {
    mapOf(env, map, ArenaMap).freePages(address, u32(count));
    return 0n;
  },
};
