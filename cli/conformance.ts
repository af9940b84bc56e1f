import { readFileSync } from 'node:fs';
import '../host/platform/node.js';
import { FaultlineError, UsageError } from '../host/errors.js';
import { ProgramUnwind } from '../host/runtime/engine.js';
import { RawMachine } from '../host/runtime/raw-machine.js';
import { hexBytes } from './exec/record.js';
import { oneOf, parseOptions } from './usage.js';

const STDIN = 0;
/** The suite's own helper: it returns its argument, and a zero ends the program with r0 = 0. */
const UNWIND_HELPER = 5;

export const help = `usage: faultline conformance [MEMORY_HEX] [--program HEX] [--engine NAME]

Runs unverified bytecode on bytes, as the bpf_conformance suite asks its plugins to: r1 = their address, r2 = their
number. Prints r0 in hex. faultline-bpf-conformance is the same as a program of its own.

  --program HEX          the instructions (default: the first line of stdin)
  --engine NAME          interp (default), wasm, x86

example: faultline conformance --program b7000000070000009500000000000000
`;

/**
 * The bpf_conformance plugin: [MEMORY_HEX] [--program HEX] [--engine NAME]; without --program the first line of stdin
 * is the program. Prints r0 in hex and exits 0; prints the reason on stderr and exits 1 otherwise.
 */
export async function main(args: string[]): Promise<number> {
  try {
    const { values, positionals } = parseOptions(args, {
      program: { type: 'string' },
      engine: { type: 'string', default: 'interp' },
    });
    const engine = oneOf('engine', values.engine, ['x86', 'wasm', 'interp']);
    const program = values.program ?? readFileSync(STDIN, 'utf8').split('\n')[0];
    const insns = plainHex('program', program);
    const memory = plainHex('memory', positionals[0] ?? '');
    if (insns.length === 0 || insns.length % 8 !== 0)
      throw new UsageError(
        'USAGE_PROGRAM',
        `program: expected whole 8-byte instructions, found ${insns.length} bytes`,
      );
    const machine = await RawMachine.boot();
    const { r0, oops } = machine.run(insns, memory, { engine, helper: conformanceHelper });
    if (oops) {
      process.stderr.write(
        `${oops.kind} on ${oops.access} of 0x${oops.address.toString(16)} at instruction ${oops.ip}\n`,
      );
      return 1;
    }
    process.stdout.write(`${r0.toString(16)}\n`);
    return 0;
  } catch (error) {
    if (!(error instanceof FaultlineError)) throw error;
    process.stderr.write(`${error.code}: ${error.message}\n`);
    return 1;
  }
}

function plainHex(what: string, text: string): Uint8Array {
  return hexBytes(what, text.replace(/\s+/g, ''));
}

/** Helpers of the conformance suite. */
export function conformanceHelper(number: number, args: readonly bigint[]): bigint {
  if (number !== UNWIND_HELPER)
    throw new UsageError('USAGE_HELPER', `raw program: expected helper ${UNWIND_HELPER}, found ${number}`);
  if (args[0] === 0n) throw new ProgramUnwind(0n);
  return args[0];
}
