// Loads, stores and atomics. An address inside the window (the largest stretch of read-write pages of the direct map)
// costs one comparison; any other is looked up in the region table and the page rights, inline where code is hot.
import * as I from '../../assembly/isa.js';
import { STACK_REACH } from '../../assembly/layout/interp.js';
import { RIGHT_R, RIGHT_W } from '../../assembly/layout/mmu.js';
import { type Lookup, lookUp } from './address-lookup.js';
import { atomicAt, isAtomic } from './atomic.js';
import type { CodeWriter } from './code-writer.js';
import type { WasmEnvironment } from './environment.js';
import { logAt } from './fault-ring.js';
import type { Place } from './flow-graph.js';
import type { Insn } from './insn.js';
import * as W from './opcodes.js';
import { CONTEXT, FRAME, STACK, type Provenance, UNKNOWN } from './provenance.js';
import type { Locals } from './registers.js';

/** What code of accesses needs of the function around it. */
export interface AccessContext {
  readonly out: CodeWriter;
  readonly around: WasmEnvironment;
  readonly locals: Locals;
  readonly arenaKernel: bigint;
  /** Handle of the program, in fault records. */
  readonly program: number;
  /** Instruction that is being translated. */
  readonly slot: number;
  /** What registers point to here. */
  readonly pointers: Provenance;
  /** A verifier proved every plain access. */
  readonly isVerified: boolean;
  /** Where the address was found to lie before; null = it was not looked for. */
  readonly place: Place | null;
  /** Translation and logging stand inline: no call where the value of a register lives. */
  readonly isHot: boolean;
  push(register: number): void;
  pop(register: number): void;
  callTranslate(): void;
  callLog(): void;
  /** Ends the run with a fault at the address in the address local. */
  trapFault(): void;
}

/** How an access finds its memory. */
interface Way extends Lookup {
  /** The address is looked for in the window first. */
  readonly window: 'direct' | 'stack' | null;
  /** The access needs no check at all. */
  readonly isProved: boolean;
  /** What becomes of a fault. */
  readonly onFault: 'trap' | 'log' | 'log but not vsyscall';
}

const VSYSCALL_PAGE = 0xffffffffff600n;

const LOADS = [W.I64_LOAD8_U, W.I64_LOAD16_U, W.I64_LOAD32_U, W.I64_LOAD];
const SIGNED_LOADS = [W.I64_LOAD8_S, W.I64_LOAD16_S, W.I64_LOAD32_S];
const STORES = [W.I64_STORE8, W.I64_STORE16, W.I64_STORE32, W.I64_STORE];

/** A load, a store or an atomic; false for an instruction that does not exist. */
export function access(context: AccessContext, insn: Insn): boolean {
  const { mode } = insn;
  if (insn.klass === I.BPF_LDX) {
    const isSigned = mode === I.BPF_MEMSX || mode === I.BPF_PROBE_MEMSX;
    if ((isSigned && insn.widthLog === 3) || insn.dst === I.BPF_REG_FP) return false;
    if (mode === I.BPF_MEM || mode === I.BPF_MEMSX)
      load(context, insn, isSigned, plain(context, insn, RIGHT_R));
    else if (mode === I.BPF_PROBE_MEM || mode === I.BPF_PROBE_MEMSX) probe(context, insn, isSigned);
    else if (mode === I.BPF_PROBE_MEM32) load(context, insn, false, arena(context, insn, RIGHT_R));
    else return false;
    return true;
  }
  if (mode === I.BPF_MEM) store(context, insn, plain(context, insn, RIGHT_W));
  else if (mode === I.BPF_PROBE_MEM32) store(context, insn, arena(context, insn, RIGHT_W));
  else if (insn.klass === I.BPF_ST) return mode === I.BPF_NOSPEC;
  else if (mode === I.BPF_ATOMIC) return atomic(context, insn, plain(context, insn, RIGHT_W));
  else if (mode === I.BPF_PROBE_ATOMIC) return atomic(context, insn, arena(context, insn, RIGHT_W));
  else return false;
  return true;
}

/** What the code of an access compares its address with first; null = it needs no check. */
export function checkOf(insn: Insn, pointers: Provenance, isVerified: boolean): 'stack' | 'window' | null {
  if (insn.klass !== I.BPF_LDX && insn.klass !== I.BPF_ST && insn.klass !== I.BPF_STX) return null;
  if (isArena(insn)) return null;
  const kind = pointers.kind(insn.klass === I.BPF_LDX ? insn.src : insn.dst);
  const isProbe = insn.klass === I.BPF_LDX && insn.mode !== I.BPF_MEM && insn.mode !== I.BPF_MEMSX;
  if (kind === UNKNOWN) return 'window';
  if (isVerified && !isProbe) return null;
  return kind === CONTEXT ? 'window' : 'stack';
}

function plain(context: AccessContext, insn: Insn, right: number): Way {
  const { around, pointers, isVerified, place } = context;
  if (place) {
    const window = place === 'frame' ? 'stack' : 'direct';
    return {
      size: 1 << insn.widthLog,
      right,
      regions: around.regions,
      window,
      isProved: true,
      onFault: 'trap',
    };
  }
  const kind = pointers.kind(insn.klass === I.BPF_LDX ? insn.src : insn.dst);
  const onStack = kind === FRAME || kind === STACK;
  return {
    size: 1 << insn.widthLog,
    right,
    regions: around.regions,
    window: onStack ? 'stack' : 'direct',
    isProved: isVerified && (onStack || kind === CONTEXT),
    onFault: 'trap',
  };
}

function arena({ around }: AccessContext, insn: Insn, right: number): Way {
  return {
    size: 1 << insn.widthLog,
    right,
    regions: around.regions,
    window: null,
    isProved: false,
    onFault: 'log',
  };
}

const isArena = (insn: Insn): boolean =>
  insn.mode === I.BPF_PROBE_MEM32 || (insn.mode === I.BPF_PROBE_ATOMIC && insn.klass === I.BPF_STX);

/** Offset from the frame local of an access that lies in the frame, mapped in any case; -1 = it may not. */
function inFrame({ pointers }: AccessContext, base: number, insn: Insn): number {
  if (pointers.kind(base) !== FRAME || isArena(insn)) return -1;
  const offset = pointers.offset(base) + insn.off;
  return offset >= -STACK_REACH && offset + (1 << insn.widthLog) <= 0 ? STACK_REACH + offset : -1;
}

/** What to add to the low half of an address in the region that it is known to lie in. */
function provedOffset({ around }: AccessContext, { window }: Way): number {
  return window === 'stack' ? around.stackOffset : around.windowOffset;
}

/** Computes the address into its local. */
function address(context: AccessContext, base: number, insn: Insn): void {
  const { out, locals, arenaKernel } = context;
  context.push(base);
  const add = isArena(insn) ? BigInt(insn.off) + arenaKernel : BigInt(insn.off);
  if (add !== 0n) {
    out.big(add);
    out.u8(W.I64_ADD);
  }
  out.set(locals.address);
}

function load(context: AccessContext, insn: Insn, isSigned: boolean, way: Way): void {
  const { out, locals } = context;
  const opcode = (isSigned ? SIGNED_LOADS : LOADS)[insn.widthLog];
  const frame = inFrame(context, insn.src, insn);
  if (frame >= 0) {
    out.get(locals.frame);
    out.memory(opcode, frame);
  } else if (way.isProved) {
    context.push(insn.src);
    out.wrap();
    out.memory(opcode, provedOffset(context, way) + insn.off);
  } else {
    address(context, insn.src, insn);
    out.op(W.BLOCK, W.I64);
    found(context, way, (offset) => out.memory(opcode, offset));
    if (way.onFault !== 'trap') out.i64(0);
    out.u8(W.END);
  }
  context.pop(insn.dst);
}

/** A load with an exception entry. The regions of its table hold nothing that the guard refuses. */
function probe(context: AccessContext, insn: Insn, isSigned: boolean): void {
  const { out, around } = context;
  const { version } = around;
  if (version === '6.1' && insn.off < 0) {
    // The guard of 6.1 takes the carry of a negative offset for a wrap-around.
    address(context, insn.src, insn);
    log(context);
    out.i64(0);
    return context.pop(insn.dst);
  }
  const way = plain(context, insn, RIGHT_R);
  if (context.place) return load(context, insn, isSigned, way);
  load(context, insn, isSigned, {
    ...way,
    regions: version === '5.5' ? around.regions : around.guardedRegions,
    isProved: false,
    onFault: version === '6.1' ? 'log but not vsyscall' : 'log',
  });
}

function store(context: AccessContext, insn: Insn, way: Way): void {
  const { out, locals } = context;
  const opcode = STORES[insn.widthLog];
  const value = (): void => (insn.klass === I.BPF_STX ? context.push(insn.src) : out.i64(insn.imm));
  const frame = inFrame(context, insn.dst, insn);
  if (frame >= 0) {
    out.get(locals.frame);
    value();
    return out.memory(opcode, frame);
  }
  if (way.isProved) {
    context.push(insn.dst);
    out.wrap();
    value();
    return out.memory(opcode, provedOffset(context, way) + insn.off);
  }
  address(context, insn.dst, insn);
  out.op(W.BLOCK, W.VOID);
  found(context, way, (offset) => {
    value();
    out.memory(opcode, offset);
  });
  out.u8(W.END);
}

function atomic(context: AccessContext, insn: Insn, way: Way): boolean {
  const { out, locals } = context;
  if (!isAtomic(insn)) return false;
  out.op(W.BLOCK, W.VOID);
  const frame = inFrame(context, insn.dst, insn);
  if (frame >= 0) {
    out.get(locals.frame);
    out.i32(frame);
    out.u8(W.I32_ADD);
  } else if (way.isProved) {
    context.push(insn.dst);
    out.wrap();
    out.i32(provedOffset(context, way) + insn.off);
    out.u8(W.I32_ADD);
  } else {
    address(context, insn.dst, insn);
    out.op(W.BLOCK, W.I32);
    found(context, way, (offset) => {
      if (offset === 0) return;
      out.i32(offset);
      out.u8(W.I32_ADD);
    });
    if (way.onFault !== 'trap') out.op(W.BR, 1);
    out.u8(W.END);
  }
  out.set(locals.place);
  atomicAt(
    out,
    locals,
    insn,
    (register) => context.push(register),
    (register) => context.pop(register),
  );
  out.u8(W.END);
  return true;
}

/**
 * Runs `use` with the linear address on the stack, to which it adds its offset, and leaves the enclosing block;
 * behind all that stands what happens on a fault.
 */
function found(context: AccessContext, way: Way, use: (offset: number) => void): void {
  const { out, locals, around } = context;
  if (way.window) {
    const onStack = way.window === 'stack';
    out.get(locals.address);
    if (onStack) out.big(around.stack);
    else out.get(locals.window);
    out.u8(W.I64_SUB);
    if (onStack) out.i64(around.stackSize - 7);
    else out.get(locals.windowSize);
    out.u8(W.I64_LT_U);
    out.op(W.IF, W.VOID);
    out.get(locals.address);
    out.wrap();
    use(provedOffset(context, way));
    out.op(W.BR, 1);
    out.u8(W.END);
  }
  if (context.isHot) {
    out.op(W.BLOCK, W.VOID);
    lookUp(out, locals, around, way, () => out.op(W.BR_IF, 0));
    out.get(locals.place);
    use(0);
    out.op(W.BR, 1);
    out.u8(W.END);
  } else {
    out.get(locals.address);
    out.i32(way.size - 1);
    out.i32(way.right);
    out.i32(way.regions);
    context.callTranslate();
    out.tee(locals.place);
    out.op(W.IF, W.VOID);
    out.get(locals.place);
    use(0);
    out.op(W.BR, 1);
    out.u8(W.END);
  }
  if (way.onFault === 'trap') return context.trapFault();
  if (way.onFault === 'log but not vsyscall') {
    out.get(locals.address);
    out.i64(12);
    out.u8(W.I64_SHR_U);
    out.big(VSYSCALL_PAGE);
    out.u8(W.I64_EQ);
    out.op(W.IF, W.VOID);
    context.trapFault();
    out.u8(W.END);
  }
  log(context);
}

/** Appends to the fault ring: the address local and the place. */
function log(context: AccessContext): void {
  if (context.isHot) logAt(context.out, context.locals, context.around, context.program, context.slot);
  else context.callLog();
}
