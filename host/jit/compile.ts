import { EXTABLE_ENTRY_SIZE } from '../../assembly/layout/extable.js';
import {
  BPF_CALL,
  BPF_DW,
  BPF_JMP,
  BPF_LD,
  BPF_PSEUDO_CALL,
  BPF_PSEUDO_FUNC,
  INSN_SIZE,
} from '../../assembly/isa.js';
import type { Core } from '../core/core.js';
import { CoreJit, type JitStep } from '../core/jit.js';
import { JitError } from '../errors.js';
import type { JitKnobs } from '../profiles/profile.js';
import type { GuestAddress } from '../quantities.js';
import { blind } from './blind.js';
import { jitError } from './failure.js';
import { CompiledImage, extableOffset } from './compiled-image.js';
import type { ImagePlacement, ImageSource } from './image-source.js';
import type { JitImage, JitInput } from './jit-image.js';
import { cfiOffset, jitParameters } from './parameters.js';
import type { RandomSource } from './random.js';

const CALL = BPF_JMP | BPF_CALL;
const LD_IMM64 = BPF_LD | BPF_DW;

/** A slot that refers to another function of the program: a call, or an ld_imm64 of its address. */
interface FunctionReference {
  readonly insn: number;
  readonly callee: number;
  readonly isCall: boolean;
}

const NONE: readonly FunctionReference[] = [];

interface Unit {
  /** As the core compiles it: blinded where that was asked for. */
  readonly input: JitInput;
  /** For each slot of `input` the slot the caller gave; null = the same. */
  readonly origin: Int32Array | null;
  readonly job: CoreJit;
  /** Known once the core looked at the instructions. */
  references: readonly FunctionReference[];
  placement?: ImagePlacement;
}

/**
 * Compiles the functions of one program and places them. Linux's order: each function is compiled with placeholders
 * for the addresses of the others; once all are placed, an extra pass writes the real ones.
 *
 * The images are final but not yet in guest memory: see ImageSource.finalize. With `blinding` the constants are hidden
 * first (net.core.bpf_jit_harden); slots in errors and images are those of `functions` all the same.
 *
 * @throws JitError as Linux would refuse; nothing stays allocated then.
 */
export function compile(
  core: Core,
  knobs: JitKnobs,
  functions: readonly JitInput[],
  source: ImageSource,
  blinding: RandomSource | null = null,
): JitImage[] {
  const units: Unit[] = [];
  try {
    for (const [index, input] of functions.entries()) {
      const unit = openUnit(core, knobs, input, blinding);
      units.push(unit);
      sizeUnit(unit, functions.length);
      placeUnit(unit, index, source);
    }
    const entries = units.map(({ placement }) => placed(placement).address + BigInt(cfiOffset(knobs)));
    for (const unit of units) linkUnit(unit, knobs, entries);
    return units.map((unit, index) => finishUnit(unit, knobs, entries[index]));
  } catch (error) {
    for (const { placement } of units) if (placement) source.release(placement);
    throw error;
  } finally {
    for (const { job } of units) job.release();
  }
}

function placed(placement: ImagePlacement | undefined): ImagePlacement {
  if (!placement) throw new JitError('JIT_FATAL', 'bpf_jit: fatal error (function without an image)');
  return placement;
}

function openUnit(core: Core, knobs: JitKnobs, given: JitInput, blinding: RandomSource | null): Unit {
  if (given.insns.length % INSN_SIZE !== 0)
    throw new JitError(
      'JIT_BAD_PROGRAM',
      `function ${given.name}: expected instructions of ${INSN_SIZE} bytes, found ${given.insns.length} bytes`,
    );
  const blinded = blinding === null ? null : blind(given.insns, blinding);
  const input = blinded === null ? given : { ...given, insns: blinded.insns };
  const job = new CoreJit(core, jitParameters(knobs, input));
  return { input, origin: blinded?.origin ?? null, job, references: NONE };
}

function functionReferences({ name, insns }: JitInput, functions: number): readonly FunctionReference[] {
  const references: FunctionReference[] = [];
  for (let at = 0; at < insns.length; at += INSN_SIZE) {
    const opcode = insns[at];
    if (opcode !== CALL && opcode !== LD_IMM64) continue;
    const source = insns[at + 1] >> 4;
    const isCall = opcode === CALL;
    if (source === (isCall ? BPF_PSEUDO_CALL : BPF_PSEUDO_FUNC))
      references.push(functionReference(name, insns, at, functions));
    if (!isCall) at += INSN_SIZE;
  }
  return references;
}

function functionReference(
  name: string,
  insns: Uint8Array,
  at: number,
  functions: number,
): FunctionReference {
  const view = new DataView(insns.buffer, insns.byteOffset, insns.byteLength);
  const insn = at / INSN_SIZE;
  const isCall = insns[at] === CALL;
  const callee = isCall ? view.getInt16(at + 2, true) : view.getInt32(at + 4, true);
  if (callee < 0 || callee >= functions)
    throw new JitError(
      'JIT_BAD_PROGRAM',
      `function ${name}: reference to function ${callee}, expected one below ${functions}`,
      { insn },
    );
  if (!isCall && at + 2 * INSN_SIZE > insns.length)
    throw new JitError('JIT_BAD_PROGRAM', 'ld_imm64 without its second slot', { insn });
  return { insn, callee, isCall };
}

function check(step: JitStep, { job, origin }: Unit): void {
  if (step === null) return;
  throw jitError({ ...step, insn: origin?.[step.insn] ?? step.insn }, job.codeLength);
}

function imageLength({ input, job }: Unit): number {
  return extableOffset(job.codeLength) + input.numExentries * EXTABLE_ENTRY_SIZE;
}

function sizeUnit(unit: Unit, functions: number): void {
  check(unit.job.size(), unit);
  if (unit.job.refersToFunctions) unit.references = functionReferences(unit.input, functions);
}

function placeUnit(unit: Unit, index: number, source: ImageSource): void {
  const placement = source.allocate(imageLength(unit), index);
  if (placement === null)
    throw new JitError('JIT_NO_IMAGE', `function ${unit.input.name}: no room for its image`);
  unit.placement = placement;
  check(unit.job.image(placement.address), unit);
}

/** The extra pass: real addresses for the placeholders. */
function linkUnit(unit: Unit, knobs: JitKnobs, entries: readonly GuestAddress[]): void {
  const { job, references } = unit;
  if (references.length === 0) return;
  for (const { insn, callee, isCall } of references) {
    const value = isCall ? entries[callee] - knobs.callBase : entries[callee];
    job.setImm(insn, Number(BigInt.asIntN(32, value)));
    if (!isCall) job.setImm(insn + 1, Number(BigInt.asIntN(32, value >> 32n)));
  }
  check(job.patch(), unit);
}

function finishUnit(unit: Unit, knobs: JitKnobs, entry: GuestAddress): JitImage {
  const { input, job, origin } = unit;
  const placement = placed(unit.placement);
  const { address, region, rw } = placement;
  const length = imageLength(unit);
  const offset = Number(address - region.address);
  job.copyImage(rw, offset, length);
  return new CompiledImage(
    input,
    placement,
    entry,
    rw.subarray(offset, offset + length),
    job.codeLength,
    { version: knobs.version, insns: input.insns, lengths: job.lengths(), origin },
    job.passes,
    job.directSites(),
  );
}
