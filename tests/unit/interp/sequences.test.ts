import assert from 'node:assert/strict';
import { it } from 'node:test';
import { SEQUENCES } from '../../../scripts/interp-sequences.js';
import { code, insn } from '../../support/interp.js';
import { Random } from '../../support/random.js';
import { BothEngines } from '../../support/wasm.js';

const TRIES = 24;
const ALU = 'add sub mul div or and lsh rsh neg mod xor mov'.split(' ');
const JUMPS = 'ja jeq jgt jge jset jne jsgt jsge call exit jlt jle jslt jsle'.split(' ');
const WIDTHS: Record<string, number> = { 8: 0x10, 16: 0x08, 32: 0x00, 64: 0x18 };

/** Opcode of a name in the table of sequences. */
function opcodeOf(name: string): number {
  const [, word, digits, form] = /^([a-z]+)(\d+)([kx]?)$/.exec(name) ?? assert.fail(name);
  if (word === 'ldx') return 0x61 | WIDTHS[digits];
  if (word === 'stx') return 0x63 | WIDTHS[digits];
  if (word === 'swap') return 0xdc;
  const isX = form === 'x' ? 8 : 0;
  const alu = ALU.indexOf(word);
  if (alu >= 0) return (digits === '64' ? 0x07 : 0x04) | isX | (alu << 4);
  const jump = JUMPS.indexOf(word);
  assert.ok(jump >= 0, name);
  return (digits === '64' ? 0x05 : 0x06) | isX | (jump << 4);
}

/** The operations with registers at random; `tied`: as their marks want them. */
function instructions(random: Random, sequence: string, tied: boolean): Uint8Array {
  let register = 0;
  const words = sequence.split(' ');
  return code(
    ...words.map((word, index) => {
      const mark = tied ? (/[=@>]$/.exec(word)?.[0] ?? '') : '';
      const opcode = opcodeOf(word.replace(/[=@>]$/, ''));
      const klass = opcode & 7;
      const any = (): number => 1 + random.below(5);
      const dst = mark === '=' || (mark === '@' && klass === 3) ? register : any();
      const src = mark === '>' || (mark === '@' && klass === 1) ? register : any();
      register = dst;
      const isBranch = klass === 5 || klass === 6;
      if (isBranch)
        return insn(
          opcode,
          opcode === 5 ? 0 : dst,
          (opcode & 8) !== 0 ? src : 0,
          words.length - index,
          small(random),
        );
      if (klass === 1 || klass === 3) return insn(opcode, dst, src, 8 * random.below(4));
      if (opcode === 0xdc) return insn(opcode, dst, 0, 0, 32);
      return insn(opcode, dst, (opcode & 8) !== 0 ? src : 0, 0, (opcode & 8) !== 0 ? 0 : small(random));
    }),
  );
}

const small = (random: Random): number => random.pick([0, 1, 2, 3, 8, 24, 64, -1]);

it('every sequence does what its operations do one by one, tied or not', async () => {
  const random = new Random(20191105);
  const both = await BothEngines.create();
  const block = both.memory.alloc('direct', 4096);
  const fill = Uint8Array.from({ length: 4096 }, (_, at) => (at * 7 + (at >> 8)) & 255);
  let ended = 0;
  for (const sequence of SEQUENCES)
    for (let at = 0; at < TRIES; at++) {
      const body = instructions(random, sequence, at % 4 !== 0);
      const insns = code(
        body,
        // Where a jump leads makes a difference.
        insn(0x07, 1, 0, 0, 1),
        insn(0x07, 2, 0, 0, 2),
        insn(0x07, 3, 0, 0, 4),
        ...[1, 2, 3, 4, 5].flatMap((register) => [insn(0x27, 0, 0, 0, 31), insn(0x0f, 0, register)]),
        insn(0x95),
      );
      const program = both.load({ insns, functions: [{ start: 0, stackDepth: 0 }], arena: null });
      const args = [1, 2, 3, 4, 5].map(() => random.pick([block, block + 64n, 0n, 1n, 16n, 40n]));
      try {
        const { oops } = both.run(program, args, {}, () => both.memory.write(block, fill));
        ended += oops ? 0 : 1;
      } catch (error) {
        assert.fail(`${sequence}, ${args}: ${String(error)}: ${Buffer.from(insns).toString('hex')}`);
      }
      both.unload(program);
    }
  assert.ok(ended > SEQUENCES.length * (TRIES / 3), `${ended} came to their end`);
});
