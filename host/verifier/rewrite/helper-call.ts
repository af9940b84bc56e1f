import {
  BPF_ADD,
  BPF_ATOMIC,
  BPF_DW,
  BPF_JGE,
  BPF_JMP32,
  BPF_LSH,
  BPF_STX,
  BPF_W,
  BPF_X,
  BPF_XCHG,
} from '../../../assembly/isa.js';
import type { InsnIndex } from '../../quantities.js';
import { STORAGE_GET } from '../call/storage-get.js';
import { AttachType, ProgType } from '../prog-type.js';
import type { RewriteEnvironment } from './environment.js';
import { helperTarget } from './helper-target.js';
import { PROGRAM_AUX } from './kernel-objects.js';
import { inlineLookup, perCpuAddress } from './map-lookup.js';
import { mapOfCall } from './map-of-call.js';
import { type MapOperation, mapFunction } from './map-type.js';
import type { Pass } from './pass.js';
import { patchTailCall, type TailCallPoke } from './tail-call.js';

const Helper = {
  MAP_LOOKUP: 1,
  SMP_PROCESSOR_ID: 8,
  TAIL_CALL: 12,
  JIFFIES64: 118,
  TIMER_SET_CALLBACK: 170,
  GET_FUNC_IP: 173,
  GET_FUNC_ARG: 183,
  GET_FUNC_RET: 184,
  GET_FUNC_ARG_CNT: 185,
  KPTR_XCHG: 194,
} as const;

/** The fifth argument of storage_get helpers: whether the allocation may sleep. */
const GFP_ATOMIC = 0x820;
const GFP_KERNEL = 0xcc0;
const BPF_F_SLEEPABLE = 16;

const MAP_OPERATIONS: ReadonlyMap<number, MapOperation> = new Map([
  [1, 'lookup'],
  [2, 'update'],
  [3, 'delete'],
  [51, 'redirect'],
  [87, 'push'],
  [88, 'pop'],
  [89, 'peek'],
  [164, 'each'],
  [195, 'percpu'],
]);

const EINVAL = 22;
const EOPNOTSUPP = 95;

/** A call of a helper: its inline form, or the address of what it calls. */
export function rewriteHelperCall(
  env: RewriteEnvironment,
  pass: Pass,
  at: InsnIndex,
  pokes: TailCallPoke[],
): void {
  const { input } = pass;
  const id = input.imm[at];
  const origin = input.origin[at];
  if (id === Helper.TAIL_CALL) return patchTailCall(env, pass, at, pokes);
  if (STORAGE_GET.has(id)) {
    const mayNotSleep = (env.spec.flags & BPF_F_SLEEPABLE) === 0 || env.aux.storageGetAtomic[origin] === 1;
    pass.movImm(5, mayNotSleep ? GFP_ATOMIC : GFP_KERNEL);
  } else if (id === Helper.TIMER_SET_CALLBACK) {
    pass.loadImm64(3, PROGRAM_AUX);
  } else if (MAP_OPERATIONS.has(id)) {
    return rewriteMapCall(env, pass, at, MAP_OPERATIONS.get(id)!);
  } else if (inlineHelper(env, pass, id)) {
    return;
  }
  pass.call(env.immediateOf(helperTarget(env, id)));
}

function rewriteMapCall(env: RewriteEnvironment, pass: Pass, at: InsnIndex, operation: MapOperation): void {
  const { input } = pass;
  const map = mapOfCall(env, input.origin[at]);
  if (map !== null) {
    const { offsets, immediateOf, isModern, perfmon } = env;
    if (operation === 'lookup' && inlineLookup(pass, map, offsets, immediateOf, isModern, !perfmon)) return;
    // An interpreter calls the general helper.
    const symbol = env.prepared.jit ? mapFunction(map.type, operation) : undefined;
    if (symbol !== undefined) return pass.call(env.immediateOf(symbol));
  }
  pass.call(env.immediateOf(helperTarget(env, input.imm[at])));
}

/** Helpers of a few instructions. */
function inlineHelper(env: RewriteEnvironment, pass: Pass, id: number): boolean {
  switch (id) {
    case Helper.JIFFIES64:
      pass.loadImm64(0, env.kernel.symbolAddress('jiffies'));
      pass.load(BPF_DW, 0, 0, 0);
      return true;
    case Helper.SMP_PROCESSOR_ID:
      if (!env.isModern) return false;
      pass.mov32Imm(0, env.offsets.perCpu('pcpu_hot', 'cpu_number', 0));
      perCpuAddress(pass, 0);
      pass.load(BPF_W, 0, 0, 0);
      return true;
    case Helper.KPTR_XCHG:
      if (!env.isModern) return false;
      pass.mov(0, 2);
      pass.insn(BPF_STX | BPF_ATOMIC | BPF_DW, 1, 0, 0, BPF_XCHG);
      return true;
    default:
      return env.spec.type === ProgType.TRACING && inlineTrampolineHelper(env, pass, id);
  }
}

/** The trampoline keeps the number of arguments and the traced address below the argument array r1 points to. */
function inlineTrampolineHelper(env: RewriteEnvironment, pass: Pass, id: number): boolean {
  switch (id) {
    case Helper.GET_FUNC_ARG:
      pass.load(BPF_DW, 0, 1, -8);
      pass.skip(BPF_JMP32 | BPF_JGE | BPF_X, 2, 0, 0, 6);
      pass.aluImm(BPF_LSH, 2, 3);
      pass.alu(BPF_ADD, 2, 1);
      pass.load(BPF_DW, 0, 2, 0);
      pass.store(BPF_DW, 3, 0, 0);
      pass.movImm(0, 0);
      pass.skipAlways(1);
      pass.movImm(0, -EINVAL);
      return true;
    case Helper.GET_FUNC_RET: {
      const attach = env.spec.expectedAttachType;
      if (attach !== AttachType.TRACE_FEXIT && attach !== AttachType.MODIFY_RETURN) {
        pass.movImm(0, -EOPNOTSUPP);
        return true;
      }
      pass.load(BPF_DW, 0, 1, -8);
      pass.aluImm(BPF_LSH, 0, 3);
      pass.alu(BPF_ADD, 0, 1);
      pass.load(BPF_DW, 3, 0, 0);
      pass.store(BPF_DW, 2, 3, 0);
      pass.movImm(0, 0);
      return true;
    }
    case Helper.GET_FUNC_ARG_CNT:
      pass.load(BPF_DW, 0, 1, -8);
      return true;
    case Helper.GET_FUNC_IP:
      pass.load(BPF_DW, 0, 1, -16);
      return true;
    default:
      return false;
  }
}
