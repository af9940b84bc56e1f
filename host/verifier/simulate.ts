import { LimitError } from '../errors.js';
import type { InsnIndex } from '../quantities.js';
import { finishPath } from './branch-stack.js';
import { checkMainArguments, functionArguments, setGlobalArguments } from './call/global-functions.js';
import { disassembleAt } from './disasm-names.js';
import { Env } from './env.js';
import { NO_SLOT, NO_STEP } from './history.js';
import type { InsnAux } from './insn-aux.js';
import { step } from './insn.js';
import type { KernelView, LoadedMap } from './kernel-view.js';
import { LOG_LEVEL1, LOG_LEVEL2, type LogRecord } from './log.js';
import { LogStretch } from './log-stretch.js';
import { printChanges } from './log-state.js';
import { frameText } from './log-text.js';
import type { VerifyOptions } from './options.js';
import type { Prepared } from './prepared.js';
import { pushHistory } from './precision.js';
import { isStateVisited } from './prune.js';
import { RegType } from './reg-type.js';
import { shrinkFastcallFrames } from './rewrite/fastcall.js';
import { checkStackDepth } from './stack-depth.js';
import { MAIN_CALLSITE, State, regAddress } from './state.js';
import { enterFrame } from './subprog.js';
import { Errno, VerifierError } from './verifier-error.js';

const MAX_INSNS = 1_000_000;

/** Counters of the closing line. */
export interface SimulationStats {
  readonly processed: number;
  readonly maxStatesPerInsn: number;
  readonly totalStates: number;
  readonly peakStates: number;
  readonly longestMarkRead: number;
}

/** What the simulation found about an accepted program. */
export interface SimulationResult {
  readonly aux: InsnAux;
  /** Bytes of stack each subprogram uses, not rounded. */
  readonly stackDepth: Int32Array;
  readonly verifiedInsns: number;
  readonly stats: SimulationStats;
  /** Maps by the indexes that aux.map holds: the program's, then inner maps. */
  readonly maps: readonly LoadedMap[];
  /** Functions that run on their own later: timer and workqueue callbacks. */
  readonly asyncCallbacks: ReadonlySet<number>;
  /** Some instruction stores into packet data. */
  readonly writesPacket: boolean;
  /** The program calls bpf_throw. */
  readonly usesThrow: boolean;
  readonly log: readonly LogRecord[];
}

function speculativeText(env: Env): string {
  return env.state.speculative ? ' (speculative execution)' : '';
}

function printState(env: Env, from: InsnIndex, to: InsnIndex): void {
  if (!env.log.verbose) return;
  env.log.line('', to, LOG_LEVEL2);
  const text = frameText(env, env.state, env.state.frames.length - 1, true);
  env.log.line(`from ${from} to ${to}${speculativeText(env)}:${text}`, to, LOG_LEVEL2);
}

function printSafe(env: Env, from: InsnIndex, jumped: boolean): void {
  if (!env.log.tells) return;
  if (jumped) {
    env.log.line('', env.insn, LOG_LEVEL1);
    env.log.line(`from ${from} to ${env.insn}${speculativeText(env)}: safe`, env.insn, LOG_LEVEL1);
  } else {
    env.log.line(`${env.insn}: safe`, env.insn, LOG_LEVEL1);
  }
}

/** The next queued path becomes the current one; false when none is left. */
function nextPath(env: Env): boolean {
  const old = env.state;
  finishPath(old);
  env.frames.recycle(old);
  const state = env.stack.pop();
  if (state === undefined) return false;
  env.enter(state);
  env.insn = state.nextInsn;
  env.previous = state.previousInsn;
  return true;
}

/** Explores every path of one function from its current state on. */
function explore(env: Env): void {
  const { program, log, aux } = env;
  let jumped = false;
  for (;;) {
    const at = env.insn;
    env.historyStep = NO_STEP;
    if (at >= env.count) env.fail(Errno.EFAULT, `invalid insn idx ${at} insn_cnt ${env.count}`);
    if (++env.processed > MAX_INSNS) {
      env.fail(Errno.E2BIG, `BPF program is too large. Processed ${env.processed} insn`);
    }
    if (env.processed === env.stretch.from) log.open();
    env.state.lastInsn = env.previous;
    env.justStored = false;
    if (program.prunePoint[at] !== 0 && isStateVisited(env)) {
      printSafe(env, env.previous, jumped);
      env.touchAll();
      if (!nextPath(env)) return;
      jumped = true;
      continue;
    }
    // Linux 6.1 notes nothing at the instruction a state was just stored for.
    const noted = !env.legacy || !env.justStored;
    if (program.jumpPoint[at] !== 0 && noted) pushHistory(env, NO_SLOT, 0, null);
    if (log.verbose) {
      if (jumped) printState(env, env.previous, at);
      if (env.touchedAny) printChanges(env, at);
      log.instruction(disassembleAt(env, at), at);
      if (log.rolled) env.stretch.cut(env.processed, log);
    }
    jumped = false;
    // What only mispredicted paths reach is as dead as what none reaches.
    if (!env.state.speculative) aux.seen[at] = 1;
    if (env.observe !== null) env.observe(env, at);
    const next = step(env, at);
    if (next === STEP_END) {
      env.touchAll();
      if (!nextPath(env)) return;
      jumped = true;
      continue;
    }
    env.previous = at;
    if (next < 0) {
      env.insn = -next - 2;
      jumped = true;
    } else {
      env.insn = next;
    }
  }
}

/** Results of a step other than the next instruction: the path ends; a return to insn n is -n - 2. */
export const STEP_END = -1;

function clearExplored(env: Env): void {
  const { explored } = env;
  for (let bucket = 0; bucket < explored.length; bucket++) {
    const list = explored[bucket];
    if (list === undefined) continue;
    for (const state of list) env.frames.recycle(state);
    explored[bucket] = undefined;
  }
  for (const state of env.stack) env.frames.recycle(state);
  env.stack.length = 0;
  for (const state of env.dropped) env.frames.freeState(state);
  for (const state of env.marked) env.frames.freeState(state);
  env.dropped = [];
  env.marked = [];
}

/** Simulates one function from its start: the main program, or a global function for any arguments. */
function simulateFunction(env: Env, subprogram: number): void {
  const state = new State();
  state.branches = 1;
  env.state = state;
  env.subprogram = subprogram;
  env.insn = env.program.subprograms[subprogram].start;
  env.previous = -1;
  env.previousJumps = 0;
  env.previousProcessed = 0;
  env.jumps = 0;
  env.frame = enterFrame(env, state, subprogram, MAIN_CALLSITE);
  env.touchAll();
  if (subprogram === 0 && !env.program.isExtension) {
    env.regs.setPointer(regAddress(env.frame, 1), RegType.CTX);
    checkMainArguments(env);
  } else {
    const args = functionArguments(env, subprogram);
    if (args === null) {
      env.fail(Errno.EFAULT, 'Global functions need valid BTF');
    }
    setGlobalArguments(env, args);
  }
  explore(env);
  clearExplored(env);
}

/** Functions for any arguments, one after the other, and again those that they asked for. */
function simulateGlobals(env: Env): void {
  const { subprograms } = env.program;
  const done = new Set<number>([0]);
  let before: number;
  do {
    before = done.size;
    subprograms.forEach((one, index) => {
      const isAsked = env.legacy || env.calledGlobals.has(index) || one.isExceptionCallback === true;
      if (!one.isGlobal || !isAsked || done.has(index)) return;
      done.add(index);
      simulateGlobal(env, index);
    });
  } while (done.size > before);
}

function simulateGlobal(env: Env, index: number): void {
  const { name, start } = env.program.subprograms[index];
  if (env.log.tells) env.log.line(`Validating ${name}() func#${index}...`, start);
  simulateFunction(env, index);
  if (!env.log.tells) return;
  const named = env.legacy ? '' : ` ('${name}')`;
  env.log.line(`Func#${index}${named} is safe for any args that match its prototype`, start);
}

/** Closing line of a verification's log. */
export function statsText(stats: SimulationStats): string {
  return (
    `processed ${stats.processed} insns (limit ${MAX_INSNS}) max_states_per_insn ${stats.maxStatesPerInsn} ` +
    `total_states ${stats.totalStates} peak_states ${stats.peakStates} mark_read ${stats.longestMarkRead}`
  );
}

function statsOf(env: Env): SimulationStats {
  return {
    processed: env.processed,
    maxStatesPerInsn: env.maxStatesPerInsn,
    totalStates: env.totalStates,
    peakStates: env.peakStates,
    longestMarkRead: env.longestMark,
  };
}

/**
 * Simulates a program on every path.
 *
 * @throws VerifierError with the kernel's errno and message when the program is refused.
 */
export function simulate(
  program: Prepared,
  kernel: KernelView,
  options: VerifyOptions,
  stretch = new LogStretch(),
): SimulationResult {
  const env = new Env(program, kernel, options, stretch);
  try {
    if (env.legacy) simulateGlobals(env);
    simulateFunction(env, 0);
    if (!env.legacy) simulateGlobals(env);
    if (!env.legacy) shrinkFastcallFrames(program, env.stackDepth);
    checkStackDepth(env);
    const stats = statsOf(env);
    return {
      aux: env.aux,
      stackDepth: env.stackDepth,
      verifiedInsns: env.processed,
      stats,
      maps: env.maps,
      asyncCallbacks: env.asyncCallbacks,
      writesPacket: env.seenDirectWrite,
      usesThrow: env.usesThrow,
      log: env.log.lines,
    };
  } catch (error) {
    const noMemory = error instanceof LimitError;
    if (noMemory) env.say(error.message);
    if (noMemory || error instanceof VerifierError) env.log.line(statsText(statsOf(env)), env.insn);
    // As a kernel that has none left.
    throw noMemory ? new VerifierError(Errno.ENOMEM, error.message, env.insn, env.log.lines) : error;
  } finally {
    stretch.end(env.processed);
    env.history.dispose();
    env.mem.dispose();
  }
}
