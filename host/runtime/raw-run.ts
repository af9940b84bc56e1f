import type { GuestMemory } from '../mm/guest-memory.js';
import { UsageError } from '../errors.js';
import type { InsnIndex } from '../quantities.js';
import type { EngineRun } from './engine.js';
import type { InterpEngine } from './interpreter.js';

export interface RawRunOptions {
  /** Called for each helper call with its number and R1 to R5; the absence of a handler refuses every helper. */
  readonly helper?: (number: number, args: readonly bigint[]) => bigint;
  readonly maxSteps?: bigint;
}

export interface RawRun extends EngineRun {
  /** The memory as the program left it. */
  readonly memory: Uint8Array;
}

/**
 * Runs unverified instructions with r1 = the address of a copy of `bytes` and r2 = its length. Errors: USAGE_INSN,
 * USAGE_HELPER, LIMIT_STEPS, LIMIT_STACK; a bad access is an oops of the result.
 */
export function runRaw(
  engine: InterpEngine,
  memory: GuestMemory,
  insns: Uint8Array,
  bytes: Uint8Array,
  options: RawRunOptions = {},
): RawRun {
  const program = engine.loadRaw(insns);
  const address = memory.alloc('direct', Math.max(bytes.length, 1));
  try {
    memory.write(address, bytes);
    const run = engine.run(program, [bytes.length === 0 ? 0n : address, BigInt(bytes.length)], {
      maxSteps: options.maxSteps,
      gate: (number, args) => {
        if (options.helper === undefined)
          throw new UsageError('USAGE_HELPER', `raw program: no helper ${number}`);
        return options.helper(Number(BigInt.asIntN(32, number)), args);
      },
    });
    return { ...run, memory: memory.read(address, bytes.length) };
  } finally {
    memory.free(address);
    engine.unload(program);
  }
}

const hasImm = (opcode: number): boolean => {
  const klass = opcode & 7;
  const operation = opcode & 0xf0;
  if (klass === 4 || klass === 7) {
    if (operation === 0x80) return false;
    return operation === 0xd0 || (opcode & 8) === 0;
  }
  if (klass === 5 || klass === 6) {
    if (opcode === 0x06 || opcode === 0x85) return true;
    return opcode !== 0x05 && opcode !== 0x95 && (opcode & 8) === 0;
  }
  return klass !== 1 && !(klass === 3 && (opcode & 0xe0) === 0x60);
};

const hasOffset = (opcode: number): boolean => {
  const klass = opcode & 7;
  const operation = opcode & 0xf0;
  if (klass === 4 || klass === 7)
    return operation === 0x30 || operation === 0x90 || (operation === 0xb0 && (opcode & 8) !== 0);
  if (klass === 0) return false;
  return opcode !== 0x85 && opcode !== 0x95 && opcode !== 0x06;
};

const hasDst = (opcode: number): boolean =>
  opcode !== 0x05 && opcode !== 0x06 && opcode !== 0x85 && opcode !== 0x95;

const hasSrc = (opcode: number): boolean => {
  const klass = opcode & 7;
  if (klass === 4 || klass === 7)
    return (opcode & 8) !== 0 && (opcode & 0xf0) !== 0x80 && (opcode & 0xf0) !== 0xd0;
  if (klass === 5 || klass === 6) return opcode === 0x85 || (opcode & 8) !== 0;
  return klass !== 2;
};

/** Throws USAGE_RESERVED at the first instruction with a field set that its opcode does not use (RFC 9669). */
export function checkReserved(insns: Uint8Array): void {
  const view = new DataView(insns.buffer, insns.byteOffset, insns.byteLength);
  for (let insn: InsnIndex = 0; insn * 8 + 8 <= insns.length; insn++) {
    const at = insn * 8;
    const opcode = insns[at];
    const offset = view.getInt16(at + 2, true);
    const imm = view.getInt32(at + 4, true);
    const field =
      !hasDst(opcode) && (insns[at + 1] & 15) !== 0
        ? 'dst'
        : !hasSrc(opcode) && insns[at + 1] >> 4 !== 0
          ? 'src'
          : offset !== 0 && !hasOffset(opcode)
            ? 'offset'
            : imm !== 0 && !hasImm(opcode)
              ? 'imm'
              : badOffset(opcode, offset)
                ? 'offset'
                : null;
    if (field !== null)
      throw new UsageError(
        'USAGE_RESERVED',
        `instruction ${insn}: opcode 0x${opcode.toString(16).padStart(2, '0')} does not use its ${field} field, which is set`,
        { insn },
      );
    if (opcode === 0x18) insn++;
  }
}

/** Offsets of ALU instructions select a variant: signed division, sign extension. */
function badOffset(opcode: number, offset: number): boolean {
  const klass = opcode & 7;
  if (klass !== 4 && klass !== 7) return false;
  const operation = opcode & 0xf0;
  if (operation === 0x30 || operation === 0x90) return offset !== 0 && offset !== 1;
  if (operation !== 0xb0 || offset === 0) return false;
  return offset !== 8 && offset !== 16 && !(offset === 32 && klass === 7);
}
