import { le, loads, MachineCode, stores } from './machine-code.js';
import * as L from './layout.js';

const RAX = 0;
const RSP = 4;
const OTHERS = [1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
/** x86 numbers of the first 15 words of gregset_t (ucontext_t.uc_mcontext). */
const GREGS = [8, 9, 10, 11, 12, 13, 14, 15, 7, 6, 5, 3, 2, 0, 1];
/** By word of struct pt_regs. */
const PT_REGS = [15, 14, 13, 12, 5, 3, 11, 10, 9, 8, 0, 1, 2, 6, 7];
/** Offset in ucontext_t of general register `index`. */
const greg = (index: number): number => 40 + 8 * index;
const RIP = greg(16);

export interface Stubs {
  readonly bytes: Uint8Array;
  /** Loads all registers from the state page and calls the image; on its return the case is over. */
  readonly start: bigint;
  /** Helpers: callable at any time. */
  readonly helpers: readonly bigint[];
  /** Target of `jmp returnThunk`. */
  readonly returnThunk: bigint;
  /** Jump to rcx: direct, and through a return. */
  readonly jumpRcx: bigint;
  readonly retpolineRcx: bigint;
  /** For the process: callable from C, runs the case in the state page. */
  readonly enter: bigint;
  /** For the process: signal handler with SA_SIGINFO. */
  readonly handler: bigint;
  /** For the process: sets the base of gs to its argument. */
  readonly setGs: bigint;
}

/** The machine code of the tests. In the guest a case ends with a breakpoint, in the process it goes back to the caller. */
export function stubs(place: 'guest' | 'process'): Stubs {
  const code = new MachineCode(L.STUBS);
  // Offset 0 of the call base is no helper: Linux refuses a call of it.
  code.bytes(0xcc, 0xcc, 0xcc, 0xcc);
  start(code, place);
  helpers(code);
  enter(code);
  handler(code);
  const bytes = code.finish();
  return {
    bytes,
    start: code.at('start'),
    helpers: [code.at('sum'), code.at('mix')],
    returnThunk: code.at('return'),
    jumpRcx: code.at('jump'),
    retpolineRcx: code.at('retpoline'),
    enter: code.at('enter'),
    handler: code.at('handler'),
    setGs: code.at('gs'),
  };
}

function start(code: MachineCode, place: 'guest' | 'process'): void {
  code.label('start');
  code.memory(loads(RSP), L.state(L.STATE_RSP)).memory(loads(RAX), L.state(L.STATE_ENTRY));
  for (const register of OTHERS) code.memory(loads(register), L.state(L.STATE_REGISTERS + 8 * register));
  // call rax
  code.bytes(0xff, 0xd0);
  if (place === 'guest') code.bytes(0xcc, 0xcc, 0xcc, 0xcc, 0xcc);
  else code.to([0xe9], 'finish', 4);
}

function helpers(code: MachineCode): void {
  // mov rax, rdi; add rax, rsi; xor rdx, rcx; ret
  code.label('sum').bytes(0x48, 0x89, 0xf8, 0x48, 0x01, 0xf0, 0x48, 0x31, 0xca, 0xc3);
  // mov rax, rdi; xor rax, r8; mov esi, edx; ret
  code.label('mix').bytes(0x48, 0x89, 0xf8, 0x4c, 0x31, 0xc0, 0x89, 0xd6, 0xc3);
  code.label('return').bytes(0xc3, 0xcc);
  code.label('jump').bytes(0xff, 0xe1, 0xcc);
  code.label('retpoline').to([0xe8], 'over', 4);
  // pause; lfence; jmp back
  code.label('spin').bytes(0xf3, 0x90, 0x0f, 0xae, 0xe8).to([0xeb], 'spin');
  // mov [rsp], rcx; ret
  code.label('over').bytes(0x48, 0x89, 0x0c, 0x24, 0xc3);
}

function enter(code: MachineCode): void {
  // push rbx, rbp, r12 to r15
  code.label('enter').bytes(0x53, 0x55, 0x41, 0x54, 0x41, 0x55, 0x41, 0x56, 0x41, 0x57);
  code.memory(stores(RSP), L.state(L.STATE_HOST_RSP)).to([0xe9], 'start', 4);
  code.label('finish');
  for (const register of [RAX, RSP, ...OTHERS])
    code.memory(stores(register), L.state(L.STATE_OUT + 8 * register));
  code.memory(loads(RSP), L.state(L.STATE_HOST_RSP));
  // pushfq; pop rax
  code.bytes(0x9c, 0x58).memory(stores(RAX), L.state(L.STATE_FLAGS));
  code.bytes(0x41, 0x5f, 0x41, 0x5e, 0x41, 0x5d, 0x41, 0x5c, 0x5d, 0x5b, 0xc3);
  // mov rsi, rdi; mov edi, ARCH_SET_GS; mov eax, SYS_arch_prctl; syscall; ret
  code.label('gs').bytes(0x48, 0x89, 0xfe, 0xbf, ...le(0x1001n, 4), 0xb8, ...le(158n, 4), 0x0f, 0x05, 0xc3);
}

/** (int signal, siginfo_t *, ucontext_t *): logs the fault, then does what the exception table says, or ends the case. */
function handler(code: MachineCode): void {
  const ucontext = (opcode: readonly number[], offset: number): MachineCode =>
    code.bytes(...opcode, ...le(BigInt(offset), 4));
  code.label('handler');
  // mov rax, [rdx + rip]
  ucontext([0x48, 0x8b, 0x82], RIP);
  // mov rcx, [faults]; inc qword [faults]; cmp rcx, LOG_RECORDS; jae search
  code.memory(loads(1), L.state(L.STATE_FAULTS));
  code.memory([0x48, 0xff, 0x05], L.state(L.STATE_FAULTS));
  code.bytes(0x48, 0x81, 0xf9, ...le(BigInt(L.LOG_RECORDS), 4)).to([0x73], 'search');
  // shl rcx, 5; lea r8, [log]; add r8, rcx; mov [r8], rax
  code.bytes(0x48, 0xc1, 0xe1, 5).memory([0x4c, 0x8d, 0x05], L.state(L.STATE_LOG));
  code.bytes(0x49, 0x01, 0xc8, 0x49, 0x89, 0x00);
  // mov rcx, [rdx + x]; mov [r8 + at], rcx: CR2, trap number, error code
  [22, 20, 19].forEach((index, k) => {
    ucontext([0x48, 0x8b, 0x8a], greg(index)).bytes(0x49, 0x89, 0x48, 8 * (k + 1));
  });
  // lea r8, [tables]
  code.label('search').memory([0x4c, 0x8d, 0x05], L.state(L.STATE_TABLES));
  // mov r9, [r8]; mov rcx, [r8 + 8]; add r8, 16; test r9, r9; je fatal
  code.label('table').bytes(0x4d, 0x8b, 0x08, 0x49, 0x8b, 0x48, 8, 0x49, 0x83, 0xc0, 16, 0x4d, 0x85, 0xc9);
  code.to([0x74], 'fatal');
  // test ecx, ecx; je table; movsxd r10, [r9]; add r10, r9; cmp r10, rax; je found; add r9, 12; dec ecx; jmp next
  code.label('next').bytes(0x85, 0xc9).to([0x74], 'table').bytes(0x4d, 0x63, 0x11, 0x4d, 0x01, 0xca);
  code.bytes(0x49, 0x39, 0xc2).to([0x74], 'found').bytes(0x49, 0x83, 0xc1, 12, 0xff, 0xc9).to([0xeb], 'next');
  // mov r10d, [r9 + 4]; movzx ecx, r10b; add rax, rcx; mov [rdx + rip], rax
  code.label('found').bytes(0x45, 0x8b, 0x51, 4, 0x41, 0x0f, 0xb6, 0xca, 0x48, 0x01, 0xc8);
  ucontext([0x48, 0x89, 0x82], RIP);
  // shr r10d, 8; cmp r10d, 1; je done; lea r11, [gregs]; movzx r10d, byte [r11 + r10]
  code.bytes(0x41, 0xc1, 0xea, 8, 0x41, 0x83, 0xfa, 1).to([0x74], 'done');
  code.to([0x4c, 0x8d, 0x1d], 'gregs', 4).bytes(0x47, 0x0f, 0xb6, 0x14, 0x13);
  // mov qword [rdx + r10], 0
  code.bytes(0x4a, 0xc7, 0x04, 0x12, 0, 0, 0, 0).label('done').bytes(0xc3);
  // mov [signal], rdi; lea rax, [finish]; mov [rdx + rip], rax; ret
  code.label('fatal').memory(stores(7), L.state(L.STATE_SIGNAL)).to([0x48, 0x8d, 0x05], 'finish', 4);
  ucontext([0x48, 0x89, 0x82], RIP).bytes(0xc3);
  code.label('gregs');
  for (let offset = 0; offset < PT_REGS.length * 8; offset++)
    code.bytes(offset % 8 === 0 ? greg(GREGS.indexOf(PT_REGS[offset / 8])) : 0);
}
