import {
  BPF_ADD,
  BPF_ALU64,
  BPF_AND,
  BPF_B,
  BPF_DW,
  BPF_JEQ,
  BPF_JGE,
  BPF_JNE,
  BPF_LSH,
  BPF_MOV,
  BPF_MUL,
  BPF_W,
  BPF_X,
} from '../../../assembly/isa.js';
import type { MapSpec } from '../../program/program-spec.js';
import { MapType } from './map-type.js';
import type { Pass } from './pass.js';
import type { KernelOffsets } from '../ctx/offsets.js';

const PER_CPU_ADDRESS = -1;
const roundUp8 = (bytes: number): number => (bytes + 7) & ~7;

/** r0 = the address of this CPU's copy of what r0 points to. */
export function perCpuAddress(pass: Pass, register: number): void {
  pass.insn(BPF_ALU64 | BPF_MOV | BPF_X, register, register, PER_CPU_ADDRESS, 0);
}

/** Keeps an index that is in range as it is, and any other inside the array's memory. */
export function indexMask(map: MapSpec): number {
  return 2 ** Math.ceil(Math.log2(Math.max(map.maxEntries, 1))) - 1;
}

/** map_lookup_elem without a call of the map's function (or of its inner half only). False: this type has no such form. */
export function inlineLookup(
  pass: Pass,
  map: MapSpec,
  offsets: KernelOffsets,
  immediateOf: (symbol: string) => number,
  hasPerCpuInsn: boolean,
  masksIndex: boolean,
): boolean {
  switch (map.type) {
    case MapType.ARRAY:
      arrayElement(pass, map, roundUp8(map.valueSize), 3, offsets.arrayValue, masksIndex);
      pass.skipAlways(1);
      pass.movImm(0, 0);
      return true;
    case MapType.PERCPU_ARRAY:
      if (!hasPerCpuInsn) return false;
      arrayElement(pass, map, 8, 5, offsets.arrayPointers, masksIndex);
      pass.load(BPF_DW, 0, 0, 0);
      perCpuAddress(pass, 0);
      pass.skipAlways(1);
      pass.movImm(0, 0);
      return true;
    case MapType.ARRAY_OF_MAPS:
      arrayElement(pass, map, 8, 5, offsets.arrayValue, masksIndex);
      pass.load(BPF_DW, 0, 0, 0);
      pass.skipIfImm(BPF_JEQ, 0, 0, 1);
      pass.skipAlways(1);
      pass.movImm(0, 0);
      return true;
    case MapType.HASH:
      hashElement(pass, 1, immediateOf);
      pass.aluImm(BPF_ADD, 0, hashValue(map, offsets));
      return true;
    case MapType.PERCPU_HASH:
      if (!hasPerCpuInsn) return false;
      hashElement(pass, 3, immediateOf);
      pass.aluImm(BPF_ADD, 0, hashValue(map, offsets));
      pass.load(BPF_DW, 0, 0, 0);
      perCpuAddress(pass, 0);
      return true;
    case MapType.HASH_OF_MAPS:
      hashElement(pass, 2, immediateOf);
      pass.aluImm(BPF_ADD, 0, hashValue(map, offsets));
      pass.load(BPF_DW, 0, 0, 0);
      return true;
    case MapType.LRU_HASH:
      hashElement(pass, 4, immediateOf);
      pass.load(BPF_B, 1, 0, offsets.hashElementRef);
      pass.skipIfImm(BPF_JNE, 1, 0, 1);
      pass.storeImm(BPF_B, 0, offsets.hashElementRef, 1);
      pass.aluImm(BPF_ADD, 0, hashValue(map, offsets));
      return true;
    default:
      return false;
  }
}

/** r0 = address of element *r2, or a jump over `rest` slots when the index is out of range. */
function arrayElement(
  pass: Pass,
  map: MapSpec,
  elementSize: number,
  rest: number,
  start: number,
  masksIndex: boolean,
): void {
  pass.aluImm(BPF_ADD, 1, start);
  pass.load(BPF_W, 0, 2, 0);
  pass.skipIfImm(BPF_JGE, 0, map.maxEntries, masksIndex ? rest + 1 : rest);
  if (masksIndex) pass.alu32Imm(BPF_AND, 0, indexMask(map));
  if ((elementSize & (elementSize - 1)) === 0) pass.aluImm(BPF_LSH, 0, Math.log2(elementSize));
  else pass.aluImm(BPF_MUL, 0, elementSize);
  pass.alu(BPF_ADD, 0, 1);
}

/** r0 = the element; a jump over `rest` slots when there is none. */
function hashElement(pass: Pass, rest: number, immediateOf: (symbol: string) => number): void {
  pass.call(immediateOf('__htab_map_lookup_elem'));
  pass.skipIfImm(BPF_JEQ, 0, 0, rest);
}

const hashValue = (map: MapSpec, offsets: KernelOffsets): number =>
  offsets.hashElementKey + roundUp8(map.keySize);
