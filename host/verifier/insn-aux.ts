/** Map reference of a call that differs between paths, or a constant key that does. */
export const POISON = -2;
export const NONE = -1;

/** What the simulation learned about calls of one bpf_loop site. */
export interface LoopCallState {
  readonly callback: number;
  fitsInline: boolean;
}

/** What the simulation learned about a tail call's map and key. */
export interface TailCallState {
  map: number;
  /** Constant key; NONE = not constant; POISON = differs between paths. */
  key: number;
}

/**
 * What the simulation records for each instruction of the submitted program and the rewrites read. Column arrays,
 * one cell per slot.
 */
export class InsnAux {
  /** 1 = simulated on some path that is not mispredicted. */
  readonly seen: Uint8Array;
  /** Register type (reg-type.ts) of the pointer a load or store went through; 0 = none. */
  readonly pointerType: Int32Array;
  /** Size in bytes of the whole context field a narrow context load touches; 0 = no conversion needed. */
  readonly ctxFieldSize: Uint8Array;
  /** Index of the map of an ld_imm64, or of the map a helper call was given: NONE, POISON, or index. */
  readonly map: Int32Array;
  /** 1 = a storage_get helper of a sleepable program is called where it may not sleep: GFP_ATOMIC. */
  readonly storageGetAtomic: Uint8Array;
  /** 1 = needs a speculation barrier after the store (unprivileged). */
  readonly nospec: Uint8Array;
  /** Arena cast needs zero-extension (ALU64 result flagged). */
  readonly needsZext: Uint8Array;
  /** 1 = the map of a call was met with different maps or key conditions: no inlining. */
  readonly mapPoison: Uint8Array;
  /** Resolved 64-bit value of an ld_imm64 of a kernel variable or function (src 3). */
  readonly kernelAddress = new Map<number, bigint>();
  readonly tailCall = new Map<number, TailCallState>();
  readonly loopCall = new Map<number, LoopCallState>();
  /** Function index a function-pointer ld_imm64 or a pseudo call goes to. */
  readonly callee = new Map<number, number>();
  /** Unprivileged pointer arithmetic: limit and state of the masking sequence. */
  readonly aluLimit = new Map<number, { readonly state: number; readonly limit: number }>();
  /** Object size or node offset a kfunc call needs in its rewrite. */
  readonly kfuncArgument = new Map<number, bigint>();
  /** Struct with special fields (id in the program's BTF) that a kfunc call allocates, drops, shares or links. */
  readonly kfuncStruct = new Map<number, number>();

  constructor(readonly length: number) {
    this.seen = new Uint8Array(length);
    this.pointerType = new Int32Array(length);
    this.ctxFieldSize = new Uint8Array(length);
    this.map = new Int32Array(length).fill(NONE);
    this.storageGetAtomic = new Uint8Array(length);
    this.nospec = new Uint8Array(length);
    this.needsZext = new Uint8Array(length);
    this.mapPoison = new Uint8Array(length);
  }
}
