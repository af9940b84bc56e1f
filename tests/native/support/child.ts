// The process that runs images on this computer's CPU. Started by NativeCpu with an IPC channel.
import koffi from 'koffi';
import * as L from './layout.js';
import * as P from './protocol.js';
import { stubs } from './stubs.js';

const PROT_NONE = 0;
const PROT_R = 1;
const PROT_RW = 3;
const PROT_RX = 5;
const MAP_FIXED_NOREPLACE = 0x100000;
const MAP_PRIVATE_ANONYMOUS = 0x22;
const SIGTRAP = 5;
const SIGFPE = 8;
const SIGSEGV = 11;
const SA_SIGINFO = 4;
const SA_ONSTACK = 0x08000000;
const SA_NODEFER = 0x40000000;
const SIGNAL_STACK = 1 << 18;

const libc = koffi.load('libc.so.6');
const mmap = libc.func('uintptr_t mmap(uintptr_t, size_t, int, int, int, int64_t)');
const mprotect = libc.func('int mprotect(uintptr_t, size_t, int)');
const sigaction = libc.func('int sigaction(int, const uint8_t *, uint8_t *)');
const sigaltstack = libc.func('int sigaltstack(const uint8_t *, uint8_t *)');

function must(what: string, result: number): void {
  if (result !== 0) throw new Error(`${what}: error ${koffi.errno()}`);
}

function protect(at: bigint, size: number, rights: number): void {
  must('mprotect', mprotect(at, size, rights));
}

const own = stubs('process');
const RIGHTS: Readonly<Record<L.Rights, number>> = { rw: PROT_RW, r: PROT_R, none: PROT_NONE };

/** Bytes of the whole area, mapped or not. */
function mapArea(): Uint8Array {
  const at = mmap(L.BASE, L.SIZE, PROT_NONE, MAP_PRIVATE_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  if (BigInt(at) !== L.BASE) throw new Error(`mmap: 0x${L.BASE.toString(16)} is taken`);
  const pages = (base: bigint, rights: readonly L.Rights[]): void =>
    rights.forEach((each, index) => protect(base + BigInt(index * L.PAGE), L.PAGE, RIGHTS[each]));
  pages(L.DATA, L.DATA_PAGES);
  pages(L.ARENA, L.ARENA_PAGES);
  pages(L.STACK, L.STACK_PAGES);
  protect(L.STATE, L.STATE_SIZE, PROT_RW);
  protect(L.OBJECTS, L.OBJECTS_SIZE, PROT_RW);
  return new Uint8Array(koffi.view(L.BASE, L.SIZE));
}

function installHandler(): void {
  const stack = mmap(0, SIGNAL_STACK, PROT_RW, MAP_PRIVATE_ANONYMOUS, -1, 0);
  const alternative = Buffer.alloc(24);
  alternative.writeBigUInt64LE(BigInt(stack));
  alternative.writeBigUInt64LE(BigInt(SIGNAL_STACK), 16);
  must('sigaltstack', sigaltstack(alternative, null));
  const action = Buffer.alloc(152);
  action.writeBigUInt64LE(own.handler);
  action.writeInt32LE(SA_SIGINFO | SA_ONSTACK | SA_NODEFER, 136);
  for (const signal of [SIGSEGV, SIGFPE, SIGTRAP]) must('sigaction', sigaction(signal, action, null));
}

const bytes = mapArea();
const words = new Int32Array(bytes.buffer, 0, L.SIZE >>> 2);
const state = new BigUint64Array(bytes.buffer, Number(L.STATE - L.BASE), L.STATE_SIZE >>> 3);
const compared = L.COMPARED.map(({ at, size }) => ({ at: Number(at - L.BASE), size }));

/** Writable, never executable while it is written. */
function place(at: bigint, size: number, content: Uint8Array): void {
  protect(at, size, PROT_RW);
  bytes.set(content, Number(at - L.BASE));
  protect(at, size, PROT_RX);
}

place(L.STUBS, L.STUBS_SIZE, own.bytes);
installHandler();
const enter = koffi.proto('void Enter(void)');
const setGs = koffi.proto('int SetGs(uint64_t)');

function runCase(cases: BigUint64Array, at: number): void {
  state[L.STATE_RSP >> 3] = L.STACK_TOP;
  state[L.STATE_ENTRY >> 3] = cases[at + P.CASE_ENTRY];
  for (let k = 0; k < 2 * L.TABLES; k++) state[(L.STATE_TABLES >> 3) + k] = cases[at + P.CASE_TABLES + k];
  for (let k = 0; k < 16; k++) state[(L.STATE_REGISTERS >> 3) + k] = cases[at + P.CASE_REGISTERS + k];
  state[L.STATE_FAULTS >> 3] = 0n;
  state[L.STATE_SIGNAL >> 3] = 0n;
  const seed = Number(cases[at + P.CASE_SEED]);
  compared.forEach((area, index) => L.fill(words, area.at, area.size, seed + index));
  koffi.call(own.enter, enter);
}

function answer(into: bigint[]): void {
  const out = L.STATE_OUT >> 3;
  for (let word = 0; word < L.STATE_OUT_SIZE >> 3; word++) into.push(state[out + word]);
  let hash = 0;
  for (const { at, size } of compared) hash = L.digest(words, at, size, hash);
  into.push(BigInt.asUintN(32, BigInt(hash)));
  const faults = Math.min(Number(state[L.STATE_FAULTS >> 3]), L.LOG_RECORDS);
  for (let word = 0; word < faults * P.FAULT_WORDS; word++) into.push(state[(L.STATE_LOG >> 3) + word]);
}

function batch({ code, cases }: { code: Uint8Array; cases: BigUint64Array }): bigint[] {
  place(L.CODE, L.CODE_SIZE, code);
  const answers: bigint[] = [];
  for (let at = 0; at < cases.length; at += P.CASE_WORDS) {
    runCase(cases, at);
    answer(answers);
  }
  return answers;
}

process.on('message', (request: P.Request) => {
  switch (request.kind) {
    case 'setup':
      bytes.set(request.objects, Number(L.OBJECTS - L.BASE));
      must('arch_prctl', koffi.call(own.setGs, setGs, request.gs));
      process.send?.(null);
      break;
    case 'batch':
      process.send?.(BigUint64Array.from(batch(request)));
      break;
    case 'memory':
      batch(request);
      process.send?.(compared.map(({ at, size }) => bytes.slice(at, at + size)));
  }
});
process.on('disconnect', () => process.exit(0));
process.send?.('ready');
