import * as L from '../../assembly/layout/jit.js';
import type { ByteOffset, GuestAddress, InsnIndex } from '../quantities.js';
import type { Core } from './core.js';

/** Knobs and properties of one function, in the form of the parameter record (assembly/layout/jit.ts). */
export interface JitParameters {
  readonly insns: Uint8Array;
  readonly stackDepth: number;
  readonly numExentries: number;
  /** JIT_BMI2 and so on. */
  readonly flags: number;
  readonly version: number;
  readonly indirect: number;
  readonly cfi: number;
  readonly cfiHash: number;
  readonly offMapMaxEntries: number;
  readonly offArrayPtrs: number;
  readonly offProgFunc: number;
  readonly thisCpuOff: number;
  readonly arenaKernel: GuestAddress;
  readonly arenaUser: GuestAddress;
  readonly probeUser: GuestAddress;
  readonly probeVsyscall: GuestAddress;
  readonly callBase: GuestAddress;
  readonly returnThunk: GuestAddress;
  readonly indirectThunk: GuestAddress;
  readonly callDepth: GuestAddress;
  readonly exHandler: GuestAddress;
}

/** A step of the JIT that failed: status of assembly/layout/jit.ts, slot, operand. */
export interface JitFailure {
  readonly status: number;
  readonly insn: InsnIndex;
  readonly value: bigint;
}

/** Status of a finished step: null, or what failed. */
export type JitStep = JitFailure | null;

/** One compilation in the core. Must be released, whatever happened. */
export class CoreJit {
  readonly #core: Core;
  readonly #record: number;
  readonly #insns: number;
  #codeLength = 0;
  #passes = 0;

  constructor(core: Core, parameters: JitParameters) {
    this.#core = core;
    this.#insns = core.allocBytes(parameters.insns);
    try {
      this.#record = core.alloc(L.JIT_RECORD_SIZE);
    } catch (error) {
      core.free(this.#insns);
      throw error;
    }
    core.bytes.fill(0, this.#record, this.#record + L.JIT_RECORD_SIZE);
    this.#fill(parameters);
  }

  #fill(p: JitParameters): void {
    const view = this.#core.view;
    const at = this.#record;
    view.setUint32(at + L.JIT_INSNS, this.#insns, true);
    view.setUint32(at + L.JIT_INSN_COUNT, p.insns.length >>> 3, true);
    view.setUint32(at + L.JIT_STACK_DEPTH, p.stackDepth, true);
    view.setUint32(at + L.JIT_NUM_EXENTRIES, p.numExentries, true);
    view.setUint32(at + L.JIT_FLAGS, p.flags, true);
    view.setUint32(at + L.JIT_VERSION, p.version, true);
    view.setUint32(at + L.JIT_INDIRECT, p.indirect, true);
    view.setUint32(at + L.JIT_CFI, p.cfi, true);
    view.setUint32(at + L.JIT_CFI_HASH, p.cfiHash, true);
    view.setUint32(at + L.JIT_OFF_MAX_ENTRIES, p.offMapMaxEntries, true);
    view.setUint32(at + L.JIT_OFF_ARRAY_PTRS, p.offArrayPtrs, true);
    view.setUint32(at + L.JIT_OFF_PROG_FUNC, p.offProgFunc, true);
    view.setUint32(at + L.JIT_THIS_CPU_OFF, p.thisCpuOff, true);
    view.setBigUint64(at + L.JIT_ARENA_KERNEL, p.arenaKernel, true);
    view.setBigUint64(at + L.JIT_ARENA_USER, p.arenaUser, true);
    view.setBigUint64(at + L.JIT_PROBE_USER, p.probeUser, true);
    view.setBigUint64(at + L.JIT_PROBE_VSYSCALL, p.probeVsyscall, true);
    view.setBigUint64(at + L.JIT_CALL_BASE, p.callBase, true);
    view.setBigUint64(at + L.JIT_RETURN_THUNK, p.returnThunk, true);
    view.setBigUint64(at + L.JIT_INDIRECT_THUNK, p.indirectThunk, true);
    view.setBigUint64(at + L.JIT_CALL_DEPTH, p.callDepth, true);
    view.setBigUint64(at + L.JIT_EX_HANDLER, p.exHandler, true);
  }

  #u32(offset: number): number {
    return this.#core.view.getUint32(this.#record + offset, true);
  }

  #step(status: number): JitStep {
    if (status === L.JIT_OK) return null;
    const value = this.#core.view.getBigUint64(this.#record + L.JIT_ERROR_VALUE, true);
    return { status, insn: this.#u32(L.JIT_ERROR_INSN), value };
  }

  /** Emission and sizing passes: afterwards {@link codeLength} and {@link passes} are final. */
  size(): JitStep {
    const failure = this.#step(this.#core.exports.jitSize(this.#record));
    if (failure !== null) return failure;
    const view = this.#core.view;
    this.#codeLength = view.getUint32(this.#record + L.JIT_CODE_LENGTH, true);
    this.#passes = view.getUint32(this.#record + L.JIT_PASSES, true);
    return null;
  }

  /** Whether slots refer to other functions; after {@link size}. */
  get refersToFunctions(): boolean {
    return (this.#u32(L.JIT_USES) & L.JIT_USES_FUNCTIONS) !== 0;
  }

  /** The emission pass alone, again; after {@link size}, before {@link image}. For measuring. */
  emit(): JitStep {
    return this.#step(this.#core.exports.jitEmit(this.#record));
  }

  /** The image pass, for an image at `address`. Once. */
  image(address: GuestAddress): JitStep {
    this.#core.view.setBigUint64(this.#record + L.JIT_IMAGE, address, true);
    return this.#step(this.#core.exports.jitImage(this.#record));
  }

  /** Changes the immediate of an ld_imm64 or call slot; {@link patch} then writes it into the image. */
  setImm(insn: InsnIndex, imm: number): void {
    this.#core.view.setInt32(this.#insns + insn * 8 + 4, imm, true);
  }

  /** Writes calls and function addresses again. */
  patch(): JitStep {
    return this.#step(this.#core.exports.jitPatch(this.#record));
  }

  /** Bytes. */
  get codeLength(): number {
    return this.#codeLength;
  }

  get passes(): number {
    return this.#passes;
  }

  /** Puts the image, `size` bytes of code, filling and exception table, into `rw` from `offset` on. */
  copyImage(rw: Uint8Array, offset: ByteOffset, size: number): void {
    const code = this.#u32(L.JIT_CODE);
    rw.set(this.#core.bytes.subarray(code, code + size), offset);
  }

  /** Bytes of code before the first slot, then of each slot. */
  lengths(): Uint8Array {
    const start = this.#u32(L.JIT_OFFSETS);
    return this.#core.bytes.slice(start, start + this.#u32(L.JIT_INSN_COUNT) + 1);
  }

  /** Patch sites of directly patched tail calls. */
  directSites(): { bypass: ByteOffset; target: ByteOffset; insn: InsnIndex }[] {
    const view = this.#core.view;
    const start = view.getUint32(this.#record + L.JIT_FIXES, true);
    const count = view.getUint32(this.#record + L.JIT_FIX_COUNT, true);
    const sites = [];
    for (let k = 0; k < count; k++) {
      const at = start + k * L.JIT_FIX_SIZE;
      if (view.getUint32(at + L.JIT_FIX_KIND, true) !== L.JIT_FIX_DIRECT) continue;
      const bypass = view.getUint32(at + L.JIT_FIX_OFFSET, true);
      const target = view.getUint32(at + L.JIT_FIX_TARGET, true);
      sites.push({ bypass, target, insn: view.getUint32(at + L.JIT_FIX_SLOT, true) });
    }
    return sites;
  }

  release(): void {
    this.#core.exports.jitRelease(this.#record);
    this.#core.free(this.#record);
    this.#core.free(this.#insns);
  }
}
