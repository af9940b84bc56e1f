import {
  BPF_JCOND,
  BPF_JMP,
  BPF_JMP32,
  BPF_PSEUDO_CALL,
  BPF_PSEUDO_FUNC,
  BPF_PSEUDO_KFUNC_CALL,
} from '../../../assembly/isa.js';
import type { InsnIndex, TypeId } from '../../quantities.js';
import {
  isAsyncCallbackHelper,
  isAsyncCallbackKfunc,
  isSyncCallbackHelper,
  isSyncCallbackKfunc,
} from '../call/callback-kinds.js';
import type { Kfunc } from '../prepared.js';
import { CALL, EXIT, GOTOL, JA, LD_IMM64 } from '../rewrite/stream.js';
import { Errno } from '../verifier-error.js';
import type { Prepass } from './prepass.js';

const MAY_GOTO = BPF_JMP | BPF_JCOND;

/** Slots the simulation treats specially; 1 = yes. */
export interface FlowMarks {
  readonly prunePoint: Uint8Array;
  readonly jumpPoint: Uint8Array;
  readonly forceCheckpoint: Uint8Array;
}

const Visit = {
  NEW: 0,
  OPEN: 1,
  DONE: 2,
} as const;

/**
 * Walks the control-flow graph depth first: everything can be reached, nothing jumps into an ld_imm64 or out of the
 * program; back edges need privileges. Marks where the simulation compares and keeps states.
 */
export function checkControlFlow(
  pass: Prepass,
  kfuncs: ReadonlyMap<TypeId, Kfunc>,
  exceptionCallback: InsnIndex | null,
): FlowMarks {
  const walk = new FlowWalk(pass, kfuncs);
  walk.from(0);
  if (exceptionCallback !== null) walk.from(exceptionCallback);
  walk.checkReached();
  return walk.marks;
}

class FlowWalk {
  readonly marks: FlowMarks;
  private readonly state: Uint8Array;
  /** Edges of each open slot that were followed already. */
  private readonly followed: Uint8Array;
  private readonly stack: Int32Array;

  constructor(
    private readonly pass: Prepass,
    private readonly kfuncs: ReadonlyMap<TypeId, Kfunc>,
  ) {
    const { count } = pass;
    this.state = new Uint8Array(count);
    this.followed = new Uint8Array(count);
    this.stack = new Int32Array(count);
    this.marks = {
      prunePoint: new Uint8Array(count),
      jumpPoint: new Uint8Array(count),
      forceCheckpoint: new Uint8Array(count),
    };
  }

  from(start: InsnIndex): void {
    if (this.state[start] !== Visit.NEW) return;
    const { state, followed, stack } = this;
    let depth = 0;
    stack[depth++] = start;
    state[start] = Visit.OPEN;
    while (depth > 0) {
      const at = stack[depth - 1];
      if (followed[at] === 0) this.mark(at);
      const next = this.edge(at, followed[at]++);
      if (next === null) {
        state[at] = Visit.DONE;
        depth--;
      } else if (state[next] === Visit.NEW) {
        state[next] = Visit.OPEN;
        stack[depth++] = next;
      } else if (state[next] === Visit.OPEN && this.isForbiddenLoop(at, followed[at] - 1)) {
        this.pass.fail(Errno.EINVAL, `back-edge from insn ${at} to ${next}`, at);
      }
    }
  }

  checkReached(): void {
    const { pass, state } = this;
    for (let at = 0; at < pass.count; at++) {
      if (state[at] !== Visit.DONE) pass.fail(Errno.EINVAL, `unreachable insn ${at}`, at);
      if (pass.stream.code[at] !== LD_IMM64) continue;
      if (state[at + 1] !== Visit.NEW) {
        pass.fail(Errno.EINVAL, `jump into the middle of ldimm64 insn ${at}`, at);
      }
      at++;
    }
  }

  /** Where edge number `index` leads; null = there are no more. Fall-through comes before branch and callee. */
  private edge(at: InsnIndex, index: number): InsnIndex | null {
    const { stream } = this.pass;
    const code = stream.code[at];
    if (code === LD_IMM64) {
      if (index === 0) return this.inside(at, at + 2);
      return index === 1 && stream.src[at] === BPF_PSEUDO_FUNC ? this.inside(at, stream.target[at]) : null;
    }
    const cls = code & 7;
    if (cls !== BPF_JMP && cls !== BPF_JMP32) return index === 0 ? this.inside(at, at + 1) : null;
    if (code === EXIT) return null;
    if (code === JA || code === GOTOL) return index === 0 ? this.inside(at, stream.target[at]) : null;
    if (index === 0) return this.inside(at, at + 1);
    if (code === CALL && stream.src[at] !== BPF_PSEUDO_CALL) return null;
    return index === 1 ? this.inside(at, stream.target[at]) : null;
  }

  private inside(at: InsnIndex, target: InsnIndex): InsnIndex {
    if (target < 0 || target >= this.pass.count) {
      this.pass.fail(Errno.EINVAL, `jump out of range from insn ${at} to ${target}`, at);
    }
    return target;
  }

  /** Loops need privileges; before 6.12 calls may not loop at all. */
  private isForbiddenLoop(at: InsnIndex, edge: number): boolean {
    if (!this.pass.privileged) return true;
    const { stream } = this.pass;
    const isCall = stream.code[at] === CALL || stream.code[at] === LD_IMM64;
    return !this.pass.isModern && isCall && edge === 1;
  }

  private mark(at: InsnIndex): void {
    const { stream } = this.pass;
    const { prunePoint, jumpPoint, forceCheckpoint } = this.marks;
    const code = stream.code[at];
    const target = stream.target[at];
    const isInside = target >= 0 && target < this.pass.count;
    const cls = code & 7;
    if (code === LD_IMM64) {
      if (stream.src[at] !== BPF_PSEUDO_FUNC) return;
      this.markAfterCall(at + 2);
      if (isInside) prunePoint[at] = prunePoint[target] = jumpPoint[target] = 1;
      return;
    }
    if ((cls !== BPF_JMP && cls !== BPF_JMP32) || code === EXIT) return;
    if (code === CALL) {
      this.markCall(at);
    } else if (code === JA || code === GOTOL) {
      if (isInside) prunePoint[target] = jumpPoint[target] = 1;
    } else {
      prunePoint[at] = 1;
      if (code === MAY_GOTO) forceCheckpoint[at] = 1;
      if (isInside) prunePoint[target] = jumpPoint[target] = 1;
    }
  }

  private markCall(at: InsnIndex): void {
    const { stream, isModern } = this.pass;
    const { prunePoint, jumpPoint, forceCheckpoint } = this.marks;
    const src = stream.src[at];
    const name = src === BPF_PSEUDO_KFUNC_CALL ? (this.kfuncs.get(stream.imm[at])?.name ?? '') : '';
    const isHelper = src === 0;
    if (isHelper ? isAsyncCallbackHelper(stream.imm[at]) : isAsyncCallbackKfunc(name)) prunePoint[at] = 1;
    if (isModern && (isHelper ? isSyncCallbackHelper(stream.imm[at]) : isSyncCallbackKfunc(name))) {
      prunePoint[at] = forceCheckpoint[at] = jumpPoint[at] = 1;
    }
    if (isModern && isIteratorNext(name)) prunePoint[at] = forceCheckpoint[at] = 1;
    this.markAfterCall(at + 1);
    if (src === BPF_PSEUDO_CALL) {
      const target = stream.target[at];
      prunePoint[at] = 1;
      if (target >= 0 && target < this.pass.count) prunePoint[target] = jumpPoint[target] = 1;
    }
  }

  private markAfterCall(next: InsnIndex): void {
    if (next >= this.pass.count) return;
    this.marks.prunePoint[next] = 1;
    this.marks.jumpPoint[next] = 1;
  }
}

const isIteratorNext = (name: string): boolean => name.startsWith('bpf_iter_') && name.endsWith('_next');
