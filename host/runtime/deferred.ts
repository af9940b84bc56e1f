import type { DeferredWork } from '../helpers/timers.js';
import type { BpfMap, MapCell } from '../maps/bpf-map.js';
import type { GuestMemory } from '../mm/guest-memory.js';
import type { GuestAddress } from '../quantities.js';
import type { ProgramContext } from './context/program-context.js';

/** What a timer's function is called with. */
export interface DeferredArguments {
  /** Map, key, value. */
  readonly registers: readonly GuestAddress[];
  readonly context: ProgramContext;
}

/** The element that a timer lies in, as its function sees it; the key of an array is put in memory for the call. */
export function deferredArguments(
  memory: GuestMemory,
  maps: readonly BpfMap[],
  work: DeferredWork,
): DeferredArguments {
  const map = maps.find((one) => one.address === work.map);
  const cell = map === undefined ? null : cellOf(map, work.address);
  const key = cell === null ? new Uint8Array(4) : cell.key;
  const place = memory.alloc('direct', Math.max(key.length, 1));
  memory.write(place, key);
  return {
    registers: [
      work.map,
      cell === null || cell.keyAddress === 0n ? place : cell.keyAddress,
      cell?.value ?? 0n,
    ],
    context: {
      address: 0n,
      argumentCount: 0,
      functionAddress: 0n,
      output: () => null,
      close: () => memory.free(place),
    },
  };
}

function cellOf(map: BpfMap, address: GuestAddress): MapCell | null {
  for (const cell of map.cells()) {
    if (address >= cell.value && address < cell.value + BigInt(map.spec.valueSize)) return cell;
  }
  return null;
}
