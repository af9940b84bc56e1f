import { MapType } from '../../program/map-types.js';

export { MapType };

/** Operation of a map that a helper number 1, 2, 3, 51, 87, 88, 89, 164 or 195 stands for. */
export type MapOperation =
  'lookup' | 'update' | 'delete' | 'push' | 'pop' | 'peek' | 'redirect' | 'each' | 'percpu';

const hash = (prefix: string, lookup = prefix): Partial<Record<MapOperation, string>> => ({
  lookup: `${lookup}_map_lookup_elem`,
  update: `${prefix}_map_update_elem`,
  each: 'bpf_for_each_hash_elem',
});

const FUNCTIONS: Readonly<Record<number, Partial<Record<MapOperation, string>>>> = {
  [MapType.HASH]: { ...hash('htab'), delete: 'htab_map_delete_elem' },
  [MapType.PERCPU_HASH]: {
    ...hash('htab_percpu'),
    delete: 'htab_map_delete_elem',
    percpu: 'htab_percpu_map_lookup_percpu_elem',
  },
  [MapType.LRU_HASH]: { ...hash('htab_lru'), delete: 'htab_lru_map_delete_elem' },
  [MapType.LRU_PERCPU_HASH]: {
    ...hash('htab_lru_percpu'),
    delete: 'htab_lru_map_delete_elem',
    percpu: 'htab_lru_percpu_map_lookup_percpu_elem',
  },
  [MapType.ARRAY]: {
    lookup: 'array_map_lookup_elem',
    update: 'array_map_update_elem',
    delete: 'array_map_delete_elem',
    each: 'bpf_for_each_array_elem',
  },
  [MapType.PERCPU_ARRAY]: {
    lookup: 'percpu_array_map_lookup_elem',
    update: 'array_map_update_elem',
    delete: 'array_map_delete_elem',
    each: 'bpf_for_each_array_elem',
    percpu: 'percpu_array_map_lookup_percpu_elem',
  },
  [MapType.ARRAY_OF_MAPS]: { lookup: 'array_of_map_lookup_elem', delete: 'fd_array_map_delete_elem' },
  [MapType.HASH_OF_MAPS]: { lookup: 'htab_of_map_lookup_elem', delete: 'htab_map_delete_elem' },
  [MapType.LPM_TRIE]: { lookup: 'trie_lookup_elem', update: 'trie_update_elem', delete: 'trie_delete_elem' },
  [MapType.QUEUE]: {
    push: 'queue_stack_map_push_elem',
    pop: 'queue_map_pop_elem',
    peek: 'queue_map_peek_elem',
  },
  [MapType.STACK]: {
    push: 'queue_stack_map_push_elem',
    pop: 'stack_map_pop_elem',
    peek: 'stack_map_peek_elem',
  },
  [MapType.BLOOM_FILTER]: {
    push: 'bloom_map_push_elem',
    pop: 'bloom_map_pop_elem',
    peek: 'bloom_map_peek_elem',
  },
  [MapType.SOCKMAP]: {
    lookup: 'sock_map_lookup',
    update: 'sock_map_update_elem',
    delete: 'sock_map_delete_elem',
  },
  [MapType.SOCKHASH]: {
    lookup: 'sock_hash_lookup',
    update: 'sock_map_update_elem',
    delete: 'sock_hash_delete_elem',
  },
  [MapType.DEVMAP]: {
    lookup: 'dev_map_lookup_elem',
    update: 'dev_map_update_elem',
    delete: 'dev_map_delete_elem',
    redirect: 'dev_map_redirect',
  },
  [MapType.DEVMAP_HASH]: {
    lookup: 'dev_map_hash_lookup_elem',
    update: 'dev_map_hash_update_elem',
    delete: 'dev_map_hash_delete_elem',
    redirect: 'dev_hash_map_redirect',
  },
  [MapType.CPUMAP]: {
    lookup: 'cpu_map_lookup_elem',
    update: 'cpu_map_update_elem',
    delete: 'cpu_map_delete_elem',
    redirect: 'cpu_map_redirect',
  },
  [MapType.XSKMAP]: {
    lookup: 'xsk_map_lookup_elem',
    update: 'xsk_map_update_elem',
    delete: 'xsk_map_delete_elem',
    redirect: 'xsk_map_redirect',
  },
  [MapType.REUSEPORT_SOCKARRAY]: {
    lookup: 'reuseport_array_lookup_elem',
    update: 'reuseport_array_update_elem',
    delete: 'reuseport_array_delete_elem',
  },
};

/** Symbol of the function that does `operation` for maps of this type; undefined = the general helper does. */
export function mapFunction(type: number, operation: MapOperation): string | undefined {
  return FUNCTIONS[type]?.[operation];
}
