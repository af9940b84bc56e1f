import { INSN_SIZE } from '../../assembly/isa.js';
import { REG_SIZE } from '../../assembly/layout/verifier.js';
import type { Btf } from '../btf/btf.js';
import { VerifierMemory } from '../core/verifier.js';
import type { HostAddress, InsnIndex, TypeId } from '../quantities.js';
import { InsnAux } from './insn-aux.js';
import type { KernelView, LoadedMap } from './kernel-view.js';
import { History, NO_STEP } from './history.js';
import { Log } from './log.js';
import type { LogStretch } from './log-stretch.js';
import { mapFields } from './map-fields.js';
import type { VerifyOptions } from './options.js';
import type { Prepared } from './prepared.js';
import { isGplCompatible } from './prepass/license.js';
import { Registers, W_A } from './registers.js';
import { Frames, State, regAddress } from './state.js';
import { VerifierError } from './verifier-error.js';
import { Wanted } from './wanted.js';
import type { Prototype } from './call/prototypes.js';

/** Instructions of the program, a column per field. */
export class Code {
  readonly opcode: Uint8Array;
  readonly dst: Uint8Array;
  readonly src: Uint8Array;
  readonly off: Int16Array;
  readonly imm: Int32Array;

  constructor(insns: Uint8Array) {
    const count = insns.length / INSN_SIZE;
    const view = new DataView(insns.buffer, insns.byteOffset, insns.byteLength);
    this.opcode = new Uint8Array(count);
    this.dst = new Uint8Array(count);
    this.src = new Uint8Array(count);
    this.off = new Int16Array(count);
    this.imm = new Int32Array(count);
    for (let i = 0; i < count; i++) {
      this.opcode[i] = insns[i * INSN_SIZE];
      this.dst[i] = insns[i * INSN_SIZE + 1] & 0xf;
      this.src[i] = insns[i * INSN_SIZE + 1] >> 4;
      this.off[i] = view.getInt16(i * INSN_SIZE + 2, true);
      this.imm[i] = view.getInt32(i * INSN_SIZE + 4, true);
    }
  }
}

const LONGEST_LINE = 64 * 1024;

/** What one verification works on, shared by all its parts. */
export class Env {
  readonly mem: VerifierMemory;
  readonly regs: Registers;
  readonly frames: Frames;
  readonly code: Code;
  readonly aux: InsnAux;
  readonly log: Log;
  readonly count: number;
  /** Linux 6.1 rules. */
  readonly legacy: boolean;
  readonly capBpf: boolean;
  /** CAP_BPF and CAP_PERFMON: pointers may leak, mispredicted paths are not looked at. */
  readonly privileged: boolean;
  readonly sysBoot: boolean;
  readonly jit: boolean;
  readonly preemptRt: boolean;
  readonly observe: ((env: Env, insn: InsnIndex) => void) | null;
  readonly sleepable: boolean;
  readonly gpl: boolean;
  /** Maps of the program, then inner maps met on the way; map registers hold an index into this. */
  readonly maps: LoadedMap[];
  /** States waiting to be explored. */
  readonly stack: State[] = [];
  /** Stored states: as many buckets as there are instructions, by instruction and call site. */
  readonly explored: (State[] | undefined)[];
  readonly stackDepth: Int32Array;
  /** Subprograms verified on their own, and those that calls asked for. */
  readonly calledGlobals = new Set<number>();
  state = new State();
  /** Current frame. */
  frame: HostAddress = 0;
  insn: InsnIndex = 0;
  previous: InsnIndex = -1;
  ids = 0;
  processed = 0;
  jumps = 0;
  previousJumps = 0;
  previousProcessed = 0;
  totalStates = 0;
  peakStates = 0;
  liveStates = 0;
  maxStatesPerInsn = 0;
  longestMark = 0;
  subprogram = 0;
  /** Registers and slots the instruction touched, for the log. */
  touchedRegs = 0;
  private touchedLow = 0;
  private touchedHigh = 0;
  seenDirectWrite = false;
  usesThrow = false;
  readonly history = new History();
  /** What the instruction noted in the history of its path. */
  historyStep = NO_STEP;
  /** What a walk back for precision looks for; one walk at a time. */
  readonly wanted = new Wanted();
  /** Helpers the program was found to be allowed to call. */
  readonly helpers = new Map<number, Prototype>();
  /** The instruction's state was stored a moment ago. */
  justStored = false;
  /** States taken off the lists, not freed yet. */
  dropped: State[] = [];
  /** How many of them there may be before they are looked at. */
  droppedLimit = 64;
  /** States off the lists that have only marks left, and how many before finished ones are freed. */
  marked: State[] = [];
  markedLimit = 64;
  /** Linux 6.1: storing the constant 0 makes zero bytes, with ST as with STX. */
  readonly legacyZeroStore = true;
  /** Functions that helpers and kfuncs call, at once or later. */
  readonly callbacks = new Set<number>();
  /** Functions that run on their own later: timer and workqueue callbacks. */
  readonly asyncCallbacks = new Set<number>();
  /** Iterator that the call in progress advances. */
  iterOffset = { depth: 0, slot: 0 };
  /** A scalar of which nothing is known. */
  readonly unknownScalar: HostAddress;
  /** Registers for immediates and other passing values. */
  readonly scratch: HostAddress;
  readonly scratch2: HostAddress;
  readonly scratch3: HostAddress;

  constructor(
    readonly program: Prepared,
    readonly kernel: KernelView,
    options: VerifyOptions,
    readonly stretch: LogStretch,
  ) {
    const { spec } = program;
    this.legacy = kernel.profile.version !== '6.12';
    this.mem = new VerifierMemory(options.core, this.legacy);
    this.regs = new Registers(this.mem);
    this.frames = new Frames(this.mem);
    this.code = new Code(program.insns);
    this.count = program.count;
    this.aux = new InsnAux(program.count);
    this.explored = new Array<State[] | undefined>(program.count).fill(undefined);
    this.log = new Log(options.logLevel ?? 0, linesKept(options.logSize, this.legacy), program.log);
    if (stretch.from > 0) this.log.close();
    this.capBpf = options.privileged ?? true;
    this.privileged = this.capBpf && (options.perfmon ?? true);
    this.sysBoot = options.sysBoot ?? true;
    this.jit = options.jit ?? true;
    this.preemptRt = options.preemptRt ?? false;
    this.observe = options.observe ?? null;
    this.sleepable = (spec.flags & 16) !== 0;
    this.gpl = isGplCompatible(spec.license);
    this.maps = kernel.maps.slice();
    this.stackDepth = new Int32Array(program.subprograms.length);
    this.scratch = this.mem.alloc(REG_SIZE);
    this.scratch2 = this.mem.alloc(REG_SIZE);
    this.scratch3 = this.mem.alloc(REG_SIZE);
    this.unknownScalar = this.mem.alloc(REG_SIZE);
    this.mem.zero(this.unknownScalar, REG_SIZE);
    this.regs.setUnknown(this.unknownScalar);
    this.mem.domain.coversSetUp(this.capBpf ? 1 : 0, this.privileged ? 1 : 0, this.unknownScalar);
    this.mem.zero(this.scratch, REG_SIZE);
    this.mem.zero(this.scratch2, REG_SIZE);
    this.mem.zero(this.scratch3, REG_SIZE);
  }

  reg(index: number): HostAddress {
    return regAddress(this.frame, index);
  }

  /** Prints a line of the log. */
  say(text: string): void {
    for (const line of text.split('\n')) this.log.line(line, this.insn);
  }

  /** Refuses the program: the message is the log's last line before the statistics. */
  fail(errno: number, message: string): never {
    this.say(message);
    throw new VerifierError(errno, message, this.insn, this.log.lines);
  }

  /** Refuses the program with the line printed last. */
  refuse(errno: number): never {
    throw new VerifierError(errno, this.log.lines.at(-1)?.text ?? '', this.insn, this.log.lines);
  }

  /** The number of a map in {@link maps}; inner maps are added when met. */
  mapIndex(map: LoadedMap): number {
    const known = this.maps.indexOf(map);
    if (known >= 0) return known;
    this.maps.push(map);
    return this.maps.length - 1;
  }

  /** BTF that a register's id belongs to: 0 = kernel, 1 = program, 2 = the program it attaches to. */
  btf(which: number): Btf {
    if (which === 2) return this.kernel.target?.spec.btf ?? this.kernel.btf;
    const own = this.program.spec.btf;
    return which === 1 && own !== null ? own : this.kernel.btf;
  }

  btfName(which: number, id: TypeId): string {
    return this.btf(which).type(id).name;
  }

  /** Name of an iterator kept in stack slots: `num`, `task`, ... */
  iterName(slot: HostAddress): string {
    const name = this.btfName(0, this.regs.get(slot, W_A));
    return name.replace(/^bpf_iter_/, '');
  }

  /** Pointers to values that hold a lock are told apart by an id. */
  needsValueId(map: number): boolean {
    return mapFields(this, this.maps[map]).some((field) => field.kind === 'bpf_spin_lock');
  }

  isExceptionCallback(subprogram: number): boolean {
    return this.program.subprograms[subprogram].isExceptionCallback === true;
  }

  touchSlot(slot: number): void {
    if (slot < 32) this.touchedLow |= 1 << slot;
    else this.touchedHigh |= 1 << (slot - 32);
  }

  isTouchedSlot(slot: number): boolean {
    return (((slot < 32 ? this.touchedLow : this.touchedHigh) >>> (slot & 31)) & 1) !== 0;
  }

  get touchedAny(): boolean {
    return (this.touchedRegs | this.touchedLow | this.touchedHigh) !== 0;
  }

  /** Everything is printed with the next instruction, or nothing. */
  touchAll(): void {
    this.touchedRegs = 0x7ff;
    this.touchedLow = -1;
    this.touchedHigh = -1;
  }

  touchNone(): void {
    this.touchedRegs = 0;
    this.touchedLow = 0;
    this.touchedHigh = 0;
  }

  touchReg(index: number): void {
    this.touchedRegs |= 1 << index;
  }

  /** A new current state, or the same with its top frame moved. */
  enter(state: State): void {
    this.state = state;
    this.frame = state.frame;
  }

  /** Makes room for stack slots of a frame of the current state; its address may change. */
  growStack(depth: number, slots: number): HostAddress {
    const { state } = this;
    const grown = this.frames.grow(state.frames[depth], slots);
    state.frames[depth] = grown;
    this.frame = state.frame;
    return grown;
  }

  newId(): number {
    return ++this.ids;
  }
}

/** Bytes of log to keep so that a buffer of some size can be cut out of it. */
function linesKept(size: number | undefined, fromTheStart: boolean): number | undefined {
  if (size === undefined) return undefined;
  return fromTheStart ? Infinity : 2 * size + LONGEST_LINE;
}
