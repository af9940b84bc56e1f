import { type Verdict, type VerifierCase, verifierCases } from '../../support/verifier-cases.js';

/** One instruction as bytes: opcode, destination, source, offset, immediate. */
function insn(opcode: number, dst = 0, src = 0, off = 0, imm = 0): number[] {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  bytes[0] = opcode;
  bytes[1] = dst | (src << 4);
  view.setInt16(2, off, true);
  view.setInt32(4, imm, true);
  return [...bytes];
}

const ZERO = insn(0xb7, 0, 0, 0, 0);
const EXIT = insn(0x95);
const program = (...parts: number[][]): Uint8Array => Uint8Array.from(parts.flat());
const einval = (message: string): Verdict => ['EINVAL', message];
const eacces = (message: string): Verdict => ['EACCES', message];

/** r0 = 0; the instruction; exit. */
function form(rule: string, name: string, bytes: number[], want: Verdict, want61 = want): VerifierCase {
  return { rule, name, bytes: program(ZERO, bytes, EXIT), want, want61 };
}

const ALU = 'BPF_ALU uses reserved fields';
const MOV = 'BPF_MOV uses reserved fields';
const NEG = 'BPF_NEG uses reserved fields';
const END = 'BPF_END uses reserved fields';
const LDX = 'BPF_LDX uses reserved fields';
const STX = 'BPF_STX uses reserved fields';
const ST = 'BPF_ST uses reserved fields';
const CALL = 'BPF_CALL uses reserved fields';
const JA = 'BPF_JA uses reserved fields';
const JMP = 'BPF_JMP/JMP32 uses reserved fields';
const LEAVE = 'BPF_EXIT uses reserved fields';

const alu: readonly VerifierCase[] = [
  form(ALU, 'source with an immediate', insn(0x07, 0, 1, 0, 1), einval(ALU)),
  form(ALU, 'offset', insn(0x07, 0, 0, 1, 1), einval(ALU)),
  form(ALU, 'immediate with a register', insn(0x0f, 0, 0, 0, 1), einval(ALU)),
  form(ALU, 'offset with a register', insn(0x0f, 0, 0, 2, 0), einval(ALU)),
  form(ALU, 'signed division', insn(0x37, 0, 0, 1, 2), 'ok', einval(ALU)),
  form(ALU, 'signed division by a register', insn(0x3f, 0, 0, 1, 0), 'ok', einval(ALU)),
  form(ALU, 'signed remainder, 32 bits', insn(0x94, 0, 0, 1, 2), 'ok', einval(ALU)),
  form(ALU, 'offset 2 of a division', insn(0x37, 0, 0, 2, 2), einval(ALU)),
  form(ALU, 'plain', insn(0x07, 0, 0, 0, 1), 'ok'),
  form(MOV, 'source with an immediate', insn(0xb7, 0, 1, 0, 1), einval(MOV)),
  form(MOV, 'offset with an immediate', insn(0xb7, 0, 0, 8, 1), einval(MOV)),
  form(MOV, 'immediate with a register', insn(0xbf, 0, 0, 0, 1), einval(MOV)),
  form(MOV, 'an offset that is no width', insn(0xbf, 0, 0, 7, 0), einval(MOV)),
  form(MOV, 'sign extension of 8 bits', insn(0xbf, 0, 0, 8, 0), 'ok', einval(MOV)),
  form(MOV, 'sign extension of 16 bits', insn(0xbf, 0, 0, 16, 0), 'ok', einval(MOV)),
  form(MOV, 'sign extension of 32 bits', insn(0xbf, 0, 0, 32, 0), 'ok', einval(MOV)),
  form(MOV, 'sign extension of 32 bits in 32 bits', insn(0xbc, 0, 0, 32, 0), einval(MOV)),
  form(MOV, 'sign extension of 16 bits in 32 bits', insn(0xbc, 0, 0, 16, 0), 'ok', einval(MOV)),
  form(MOV, 'plain', insn(0xbf, 0, 0, 0, 0), 'ok'),
  form(NEG, 'source', insn(0x87, 0, 1, 0, 0), einval(NEG)),
  form(NEG, 'offset', insn(0x87, 0, 0, 1, 0), einval(NEG)),
  form(NEG, 'immediate', insn(0x84, 0, 0, 0, 1), einval(NEG)),
  form(NEG, 'plain', insn(0x87, 0, 0, 0, 0), 'ok'),
  form(END, 'width 8', insn(0xd4, 0, 0, 0, 8), einval(END)),
  form(END, 'offset', insn(0xd4, 0, 0, 1, 16), einval(END)),
  form(END, 'source', insn(0xdc, 0, 1, 0, 16), einval(END)),
  form(END, 'to big endian', insn(0xdc, 0, 0, 0, 64), 'ok'),
  form(END, 'to little endian', insn(0xd4, 0, 0, 0, 32), 'ok'),
  form(END, 'swap', insn(0xd7, 0, 0, 0, 32), 'ok', einval('unknown opcode d7')),
  form(END, 'swap of width 8', insn(0xd7, 0, 0, 0, 8), einval(END), einval('unknown opcode d7')),
  form('div by zero', 'division', insn(0x37, 0, 0, 0, 0), einval('div by zero')),
  form('div by zero', 'remainder, 32 bits', insn(0x94, 0, 0, 0, 0), einval('div by zero')),
  form('div by zero', 'signed', insn(0x37, 0, 0, 1, 0), einval('div by zero'), einval(ALU)),
  form('div by zero', 'by one', insn(0x37, 0, 0, 0, 1), 'ok'),
  form('invalid shift %d', '64 of 64', insn(0x67, 0, 0, 0, 64), einval('invalid shift 64')),
  form('invalid shift %d', '32 of 32', insn(0x64, 0, 0, 0, 32), einval('invalid shift 32')),
  form('invalid shift %d', '-1', insn(0x77, 0, 0, 0, -1), einval('invalid shift -1')),
  form('invalid shift %d', 'arithmetic', insn(0xc7, 0, 0, 0, 64), einval('invalid shift 64')),
  form('invalid shift %d', '63 of 64', insn(0x67, 0, 0, 0, 63), 'ok'),
  form('invalid shift %d', '31 of 32', insn(0xc4, 0, 0, 0, 31), 'ok'),
];

const memory: readonly VerifierCase[] = [
  form(LDX, 'immediate', insn(0x79, 0, 10, -8, 1), einval(LDX)),
  form(LDX, 'sign extension', insn(0x81, 0, 10, -8, 0), 'ok', einval(LDX)),
  form(LDX, 'sign extension of 8 bytes', insn(0x99, 0, 10, -8, 0), einval('unknown opcode 99'), einval(LDX)),
  form(LDX, 'probe mode', insn(0x39, 0, 10, -8, 0), einval(LDX)),
  form(LDX, 'plain', insn(0x79, 0, 10, -8, 0), 'ok'),
  form(STX, 'immediate', insn(0x7b, 10, 0, -8, 1), einval(STX)),
  form(STX, 'plain', insn(0x7b, 10, 0, -8, 0), 'ok'),
  form(ST, 'source', insn(0x7a, 10, 1, -8, 0), einval(ST)),
  form(ST, 'plain', insn(0x7a, 10, 0, -8, 0), 'ok'),
  form('unknown opcode %02x', 'store of mode 0x20', insn(0x23, 10, 0, -8, 0), einval('unknown opcode 23')),
  form('unknown opcode %02x', 'arithmetic e0', insn(0xe7, 0, 0, 0, 1), einval('unknown opcode e7')),
  form('unknown opcode %02x', 'indirect call', insn(0x8d, 0, 0, 0, 1), einval('unknown opcode 8d')),
  form('unknown opcode %02x', 'jump f0', insn(0xf5, 0, 0, 0, 0), einval('unknown opcode f5')),
  form('unknown opcode %02x', 'exit of 32 bits', insn(0x9e, 0, 0, 0, 0), einval('unknown opcode 9e')),
  form('unknown opcode %02x', 'atomic of 2 bytes', insn(0xcb, 10, 0, -8, 0), einval('unknown opcode cb')),
  form('unknown opcode %02x', 'negation of a register', insn(0x8f, 0, 0, 0, 0), einval('unknown opcode 8f')),
  form('unknown opcode %02x', 'packet load of 8 bytes', insn(0x38, 0, 0, 0, 0), einval('unknown opcode 38')),
  {
    rule: 'unknown opcode %02x',
    name: 'may_goto',
    bytes: program(ZERO, insn(0xe5, 0, 0, 1, 0), ZERO, EXIT),
    want: 'ok',
    want61: einval('unknown opcode e5'),
  },
  {
    rule: 'unknown opcode %02x',
    name: 'gotol',
    bytes: program(ZERO, insn(0x06, 0, 0, 0, 0), EXIT),
    want: 'ok',
    want61: 'ok',
  },
];

const wide = (...halves: number[][]): Uint8Array => program(ZERO, ...halves, EXIT);
const HALF = insn(0, 0, 0, 0, 0);
const imm64: readonly VerifierCase[] = [
  {
    rule: 'invalid bpf_ld_imm64 insn',
    bytes: wide(insn(0x18, 1), insn(0, 1)),
    ...both(einval('invalid bpf_ld_imm64 insn')),
  },
  {
    rule: 'invalid bpf_ld_imm64 insn',
    name: 'source',
    bytes: wide(insn(0x18, 1), insn(0, 0, 1)),
    ...both(einval('invalid bpf_ld_imm64 insn')),
  },
  {
    rule: 'invalid bpf_ld_imm64 insn',
    name: 'offset',
    bytes: wide(insn(0x18, 1), insn(0, 0, 0, 1)),
    ...both(einval('invalid bpf_ld_imm64 insn')),
  },
  {
    rule: 'invalid bpf_ld_imm64 insn',
    name: 'opcode',
    bytes: wide(insn(0x18, 1), ZERO),
    ...both(einval('invalid bpf_ld_imm64 insn')),
  },
  { rule: 'invalid bpf_ld_imm64 insn', name: 'whole', bytes: wide(insn(0x18, 1), HALF), ...both('ok') },
  {
    rule: 'BPF_LD_IMM64 uses reserved fields',
    bytes: wide(insn(0x18, 1, 0, 1), HALF),
    ...both(einval('BPF_LD_IMM64 uses reserved fields')),
  },
  {
    rule: 'unrecognized bpf_ld_imm64 insn',
    bytes: wide(insn(0x18, 1, 7), HALF),
    ...both(einval('unrecognized bpf_ld_imm64 insn')),
  },
  {
    rule: 'unrecognized bpf_ld_imm64 insn',
    name: 'map with an offset',
    bytes: wide(insn(0x18, 1, 1, 0, 1000), insn(0, 0, 0, 0, 4)),
    ...both(einval('unrecognized bpf_ld_imm64 insn')),
  },
  {
    rule: 'fd_idx without fd_array is invalid',
    bytes: wide(insn(0x18, 1, 5), HALF),
    ...both(['EPROTO', 'fd_idx without fd_array is invalid']),
  },
  {
    rule: 'fd_idx without fd_array is invalid',
    name: 'value',
    bytes: wide(insn(0x18, 1, 6), HALF),
    ...both(['EPROTO', 'fd_idx without fd_array is invalid']),
  },
  {
    rule: 'fd %d is not pointing to valid bpf_map',
    bytes: wide(insn(0x18, 1, 1, 0, 77), HALF),
    ...both(['EBADF', 'fd 77 is not pointing to valid bpf_map']),
  },
  {
    rule: 'jump into the middle of ldimm64 insn %d',
    text: 'r0 = 0\nif r0 == 0x0 goto +1\nr1 = 5 ll\nexit',
    ...both(einval('jump into the middle of ldimm64 insn 2')),
  },
  {
    rule: 'invalid module BTF object FD specified.',
    bytes: wide(insn(0x18, 1, 3, 0, 5), insn(0, 0, 0, 0, 7)),
    ...both(einval('invalid module BTF object FD specified.')),
  },
  {
    rule: 'ldimm64 insn specifies invalid btf_id %d.',
    bytes: wide(insn(0x18, 1, 3, 0, 0x7000000), HALF),
    ...both(['ENOENT', 'ldimm64 insn specifies invalid btf_id 117440512.']),
  },
  {
    rule: "pseudo btf_id %d in ldimm64 isn't KIND_VAR or KIND_FUNC",
    bytes: wide(insn(0x18, 1, 3, 0, 1), HALF),
    want: einval("pseudo btf_id 1 in ldimm64 isn't KIND_VAR or KIND_FUNC"),
    want61: einval("pseudo btf_id 1 in ldimm64 isn't KIND_VAR."),
  },
  {
    rule: "pseudo btf_id %d in ldimm64 isn't KIND_VAR or KIND_FUNC",
    text: 'r1 = btf_id runqueues\nr0 = 0\nexit',
    ...both('ok'),
  },
  {
    rule: "pseudo btf_id %d in ldimm64 isn't KIND_VAR or KIND_FUNC",
    name: 'a function',
    text: 'r1 = btf_id wake_up_new_task\nr0 = 0\nexit',
    want: 'ok',
  },
];

const jumps: readonly VerifierCase[] = [
  form(JMP, 'source with an immediate', insn(0x15, 0, 1, 0, 0), einval(JMP)),
  form(JMP, 'immediate with a register', insn(0x1d, 0, 0, 0, 1), einval(JMP)),
  form(JMP, '32 bits', insn(0x16, 0, 1, 0, 0), einval(JMP)),
  form(JMP, 'plain', insn(0x1e, 0, 0, 0, 0), 'ok'),
  form(JA, 'immediate', insn(0x05, 0, 0, 0, 1), einval(JA)),
  form(JA, 'source', insn(0x05, 0, 1, 0, 0), einval(JA)),
  form(JA, 'destination', insn(0x05, 1, 0, 0, 0), einval(JA)),
  form(JA, 'long form with an offset', insn(0x06, 0, 0, 1, 0), einval(JA)),
  form(JA, 'plain', insn(0x05, 0, 0, 0, 0), 'ok'),
  form(LEAVE, 'immediate', insn(0x95, 0, 0, 0, 1), einval('unreachable insn 2')),
  { rule: LEAVE, bytes: program(ZERO, insn(0x95, 0, 0, 0, 1)), ...both(einval(LEAVE)) },
  { rule: LEAVE, name: 'source', bytes: program(ZERO, insn(0x95, 0, 1, 0, 0)), ...both(einval(LEAVE)) },
  { rule: LEAVE, name: 'destination', bytes: program(ZERO, insn(0x95, 1, 0, 0, 0)), ...both(einval(LEAVE)) },
  { rule: LEAVE, name: 'plain', bytes: program(ZERO, EXIT), ...both('ok') },
  form(CALL, 'destination', insn(0x85, 1, 0, 0, 5), einval(CALL)),
  form(CALL, 'source', insn(0x85, 0, 3, 0, 5), einval(CALL)),
  form(CALL, 'offset', insn(0x85, 0, 0, 1, 5), einval(CALL)),
  form(CALL, 'plain', insn(0x85, 0, 0, 0, 5), 'ok'),
  {
    rule: 'invalid may_goto off %d imm %d',
    bytes: program(ZERO, insn(0xe5, 0, 0, 1, 7), ZERO, EXIT),
    want: einval('invalid may_goto off 1 imm 7'),
  },
  {
    rule: 'invalid may_goto off %d imm %d',
    name: 'destination',
    bytes: program(ZERO, insn(0xe5, 1, 0, 1, 0), ZERO, EXIT),
    want: einval('invalid may_goto off 1 imm 0'),
  },
  {
    rule: 'invalid may_goto off %d imm %d',
    name: 'plain',
    text: 'r0 = 0\nmay_goto +1\nr0 = 1\nexit',
    want: 'ok',
  },
];

const registers: readonly VerifierCase[] = [
  form('R%d is invalid', 'source of a mov', insn(0xbf, 1, 11), einval('R11 is invalid')),
  form('R%d is invalid', 'destination of a mov', insn(0xb7, 12), einval('R12 is invalid')),
  form('R%d is invalid', 'base of a load', insn(0x79, 1, 15, 0, 0), einval('R15 is invalid')),
  form('R%d is invalid', 'base of a store', insn(0x7b, 13, 0, 0, 0), einval('R13 is invalid')),
  form('R%d is invalid', 'comparison', insn(0x15, 14, 0, 0, 0), einval('R14 is invalid')),
  { rule: 'R%d !read_ok', text: 'r0 = r2\nexit', ...both(eacces('R2 !read_ok')) },
  { rule: 'R%d !read_ok', name: 'never set', text: 'exit', ...both(eacces('R0 !read_ok')) },
  {
    rule: 'R%d !read_ok',
    name: 'after a call',
    text: 'call bpf_ktime_get_ns\nr0 = r1\nexit',
    ...both(eacces('R1 !read_ok')),
  },
  {
    rule: 'R%d !read_ok',
    name: 'on one path',
    text: 'r0 = *(u32 *)(r1 +0)\nif r0 == 0x0 goto +1\nr3 = 1\nr0 = r3\nexit',
    ...both(eacces('R3 !read_ok')),
  },
  {
    rule: 'R%d !read_ok',
    name: 'kept over a call',
    text: 'r6 = r1\ncall bpf_ktime_get_ns\nr0 = *(u32 *)(r6 +0)\nexit',
    ...both('ok'),
  },
  { rule: 'R%d !read_ok', name: 'operand', text: 'r0 = 0\nr0 += r5\nexit', ...both(eacces('R5 !read_ok')) },
  {
    rule: 'R%d !read_ok',
    name: 'unset destination of an operation',
    text: 'r3 += 1\nr0 = 0\nexit',
    ...both(eacces('R3 !read_ok')),
  },
  {
    rule: 'R%d !read_ok',
    name: 'stored',
    text: '*(u64 *)(r10 -8) = r7\nr0 = 0\nexit',
    ...both(eacces('R7 !read_ok')),
  },
  {
    rule: 'frame pointer is read only',
    text: 'r10 = 0\nr0 = 0\nexit',
    ...both(eacces('frame pointer is read only')),
  },
  {
    rule: 'frame pointer is read only',
    name: 'arithmetic',
    text: 'r10 += 8\nr0 = 0\nexit',
    ...both(eacces('frame pointer is read only')),
  },
  {
    rule: 'frame pointer is read only',
    name: 'load',
    text: 'r10 = *(u64 *)(r10 -8)\nr0 = 0\nexit',
    ...both(eacces('frame pointer is read only')),
  },
  { rule: 'frame pointer is read only', name: 'read', text: 'r1 = r10\nr0 = 0\nexit', ...both('ok') },
];

const flow: readonly VerifierCase[] = [
  {
    rule: 'jump out of range from insn %d to %d',
    text: 'r0 = 0\ngoto +5\nexit',
    ...both(einval('jump out of range from insn 1 to 7')),
  },
  {
    rule: 'jump out of range from insn %d to %d',
    name: 'backwards',
    text: 'r0 = 0\nif r0 == 0x0 goto -5\nexit',
    ...both(einval('jump out of range from insn 1 to -3')),
  },
  {
    rule: 'jump out of range from insn %d to %d',
    name: 'into another function',
    text: 'call f\nif r0 == 0x0 goto f\nexit\nf: r0 = 0\nexit',
    ...both(einval('jump out of range from insn 1 to 3')),
  },
  {
    rule: 'jump out of range from insn %d to %d',
    name: 'inside',
    text: 'r0 = 0\ngoto +0\nexit',
    ...both('ok'),
  },
  {
    rule: 'last insn is not an exit or jmp',
    text: 'r0 = 0',
    ...both(einval('last insn is not an exit or jmp')),
  },
  {
    rule: 'last insn is not an exit or jmp',
    name: 'of a function',
    text: 'call f\nexit\nf: r0 = 0\nr1 = 0',
    ...both(einval('last insn is not an exit or jmp')),
  },
  {
    rule: 'last insn is not an exit or jmp',
    name: 'before a function',
    text: 'call f\nr0 = 0\nf: r0 = 0\nexit',
    ...both(einval('last insn is not an exit or jmp')),
  },
  {
    rule: 'last insn is not an exit or jmp',
    name: 'jump',
    text: 'r0 = 0\ngoto out\nback: r0 = 1\nout: exit\nback2: goto back',
    want: einval('unreachable insn 2'),
  },
  {
    rule: 'last insn is not an exit or jmp',
    name: 'jump back',
    text: 'r0 = 0\nif r0 == 0x0 goto end\nout: exit\nend: goto out',
    ...both('ok'),
  },
  { rule: 'unreachable insn %d', text: 'r0 = 0\nexit\nr0 = 1\nexit', ...both(einval('unreachable insn 2')) },
  {
    rule: 'unreachable insn %d',
    name: 'behind a jump',
    text: 'r0 = 0\ngoto +1\nr0 = 1\nexit',
    ...both(einval('unreachable insn 2')),
  },
  {
    rule: 'unreachable insn %d',
    name: 'behind a condition',
    text: 'r0 = 0\nif r0 == 0x0 goto +1\nr0 = 1\nexit',
    ...both('ok'),
  },
  {
    rule: 'back-edge from insn %d to %d',
    unprivileged: true,
    text: 'r0 = 0\nagain: r0 += 1\nif r0 < 0x5 goto again\nexit',
    ...both(einval('back-edge from insn 2 to 1')),
  },
  {
    rule: 'back-edge from insn %d to %d',
    name: 'privileged',
    text: 'r0 = 0\nagain: r0 += 1\nif r0 < 0x5 goto again\nexit',
    ...both('ok'),
  },
  {
    rule: 'back-edge from insn %d to %d',
    name: 'recursion',
    text: 'call f\nexit\nf: call f\nexit',
    want: ['E2BIG', 'the call stack of 9 frames is too deep'],
    want61: einval('back-edge from insn 2 to 2'),
  },
  {
    rule: 'infinite loop detected at insn %d',
    text: 'r0 = 0\nagain: goto again',
    ...both(einval('infinite loop detected at insn 1')),
  },
  {
    rule: 'infinite loop detected at insn %d',
    name: 'that does not count',
    text: 'call bpf_get_prandom_u32\nagain: r1 = 0\nif r0 != 0x0 goto again\nexit',
    want: einval('infinite loop detected at insn 2'),
  },
  {
    rule: 'infinite loop detected at insn %d',
    name: 'that counts',
    text: 'r0 = 0\nr6 = 0\nagain: r6 += 1\nif r6 < 0x64 goto again\nexit',
    ...both('ok'),
  },
  {
    rule: 'call to invalid destination',
    text: 'call pc+5\nr0 = 0\nexit',
    ...both(einval('call to invalid destination')),
  },
  {
    rule: 'call to invalid destination',
    name: 'backwards',
    text: 'r0 = 0\ncall pc-5\nexit',
    ...both(einval('call to invalid destination')),
  },
  {
    rule: 'call to invalid destination',
    name: 'inside',
    text: 'call f\nexit\nf: r0 = 0\nexit',
    ...both('ok'),
  },
  {
    rule: 'too many subprograms',
    text: `${calls(256)}r0 = 0\nexit\n${functions(256)}`,
    ...both(['E2BIG', 'too many subprograms']),
  },
  {
    rule: 'too many subprograms',
    name: '256 of them',
    text: `${calls(255)}r0 = 0\nexit\n${functions(255)}`,
    ...both('ok'),
  },
  {
    rule: 'the call stack of %d frames is too deep',
    text: `call f0\nexit\n${chain(8)}`,
    want: ['E2BIG', 'the call stack of 9 frames is too deep'],
    want61: ['E2BIG', 'the call stack of 9 frames is too deep'],
  },
  {
    rule: 'the call stack of %d frames is too deep',
    name: '8 frames',
    text: `call f0\nexit\n${chain(7)}`,
    ...both('ok'),
  },
];

function both(want: Verdict): { want: Verdict; want61: Verdict } {
  return { want, want61: want };
}

function calls(count: number): string {
  return Array.from({ length: count }, (_, i) => `call f${i}\n`).join('');
}

function functions(count: number): string {
  return Array.from({ length: count }, (_, i) => `f${i}: r0 = 0\nexit`).join('\n');
}

function chain(count: number): string {
  return Array.from({ length: count }, (_, i) =>
    i === count - 1 ? `f${i}: r0 = 0\nexit` : `f${i}: call f${i + 1}\nexit`,
  ).join('\n');
}

verifierCases('arithmetic forms', alu);
verifierCases('memory forms', memory);
verifierCases('ld_imm64', imm64);
verifierCases('jump forms', jumps);
verifierCases('registers', registers);
verifierCases('control flow', flow);
