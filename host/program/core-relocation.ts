import type { Btf } from '../btf/btf.js';
import type { CoreReloRecord } from '../btf/btf-ext.js';
import { BtfKind } from '../btf/types.js';
import { ProgramError } from '../errors.js';
import type { InsnIndex, TypeId } from '../quantities.js';
import { areKindsCompatible, isForwardOf } from './core-compat.js';
import { CORE_KIND_NAMES, CoreReloKind, isFieldKind } from './core-kinds.js';
import { patchInsn, poisonInsn } from './core-patch.js';
import { type AccessSpec, localSpec, matchSpec } from './core-spec.js';
import { bitFieldWidth, type CoreValue, coreValue } from './core-value.js';

/** Adapts instructions to the kernel that its BTF describes (CO-RE). */
export class CoreRelocator {
  private readonly candidates = new Map<TypeId, readonly TypeId[]>();

  constructor(
    private readonly local: Btf,
    private readonly kernel: Btf,
  ) {}

  /**
   * Applies one relocation to `insns[index]`; an instruction that needs what the kernel lacks is poisoned.
   *
   * @throws ProgramError when the record is broken, or candidates disagree (PROGRAM_CORE_AMBIGUOUS).
   */
  apply(insns: Uint8Array, index: InsnIndex, relo: CoreReloRecord, section: string): void {
    const fail = (code: string, message: string): ProgramError => {
      const kind = CORE_KIND_NAMES[relo.kind] ?? `kind ${relo.kind}`;
      const what = `${kind} of ${this.local.format(relo.type)} "${relo.access}"`;
      const where = `${section}+0x${relo.offset.toString(16)}`;
      return new ProgramError(code, `${where}: CO-RE ${what}: ${message}`, { section, offset: relo.offset });
    };
    const spec = localSpec(this.local, relo.type, relo.access, relo.kind);
    if (typeof spec === 'string') throw fail('PROGRAM_CORE_SPEC', `expected ${spec}`);
    const local = coreValue(spec, relo.kind);
    if (typeof local === 'string') throw fail('PROGRAM_CORE_SPEC', `expected ${local}`);

    const found =
      relo.kind === CoreReloKind.TYPE_ID_LOCAL ? { spec, value: local } : this.resolve(spec, relo.kind, fail);
    if (found === null && needsMatch(relo.kind)) {
      poisonInsn(insns, index);
      return;
    }
    if (found !== null && isSameBitField(spec, found.spec, relo.kind)) return;
    const target = found?.value ?? { value: 0n, size: 0 };
    const problem = patchInsn(insns, index, {
      local: local.value,
      target: target.value,
      validate: local.validate,
      localSize: local.size,
      targetSize: found === null ? local.size : target.size,
      isSizeChangeWrong: found !== null && !mayResize(spec.btf, local, found.spec.btf, found.value),
    });
    if (problem !== null) throw fail('PROGRAM_CORE_INSN', `expected ${problem}`);
  }

  private resolve(
    local: AccessSpec,
    kind: number,
    fail: (code: string, message: string) => ProgramError,
  ): { spec: AccessSpec; value: CoreValue } | null {
    let chosen: { spec: AccessSpec; value: CoreValue } | null = null;
    for (const candidate of this.candidatesOf(local.root)) {
      const spec = matchSpec(local, this.kernel, candidate, kind);
      if (spec === null) continue;
      const value = coreValue(spec, kind);
      if (typeof value === 'string')
        throw fail('PROGRAM_CORE_SPEC', `type ${candidate} of the kernel: expected ${value}`);
      if (chosen === null) chosen = { spec, value };
      else if (isFieldKind(kind) && chosen.spec.bitOffset !== spec.bitOffset) {
        const offsets = `bit ${chosen.spec.bitOffset} in type ${chosen.spec.root}, bit ${spec.bitOffset} in type ${candidate}`;
        throw fail('PROGRAM_CORE_AMBIGUOUS', `field offset ambiguity: expected one offset, found ${offsets}`);
      } else if (chosen.value.value !== value.value) {
        const values = `${chosen.value.value} of type ${chosen.spec.root}, ${value.value} of type ${candidate}`;
        throw fail(
          'PROGRAM_CORE_AMBIGUOUS',
          `relocation decision ambiguity: expected one value, found ${values}`,
        );
      }
    }
    return chosen;
  }

  private candidatesOf(root: TypeId): readonly TypeId[] {
    let known = this.candidates.get(root);
    if (known === undefined) {
      const type = this.local.type(root);
      known = this.kernel.findEssential(type.name).filter((id) => {
        const other = this.kernel.kind(id);
        return areKindsCompatible(type.kind, other) || isForwardOf(type, this.kernel.type(id));
      });
      this.candidates.set(root, known);
    }
    return known;
  }
}

/** Kinds that answer a question yield 0 without a match; the others leave nothing sensible to do. */
function needsMatch(kind: number): boolean {
  switch (kind) {
    case CoreReloKind.FIELD_EXISTS:
    case CoreReloKind.TYPE_ID_TARGET:
    case CoreReloKind.TYPE_EXISTS:
    case CoreReloKind.TYPE_SIZE:
    case CoreReloKind.TYPE_MATCHES:
    case CoreReloKind.ENUMVAL_EXISTS:
      return false;
    default:
      return true;
  }
}

/**
 * A bit-field that the kernel has where the compiler saw it keeps the compiler's unit: offset, size and shift of one
 * access belong together, and the compiler may have chosen a wider unit than the smallest.
 */
function isSameBitField(local: AccessSpec, target: AccessSpec, kind: number): boolean {
  if (!isFieldKind(kind) || kind === CoreReloKind.FIELD_EXISTS || kind === CoreReloKind.FIELD_SIGNED)
    return false;
  const width = bitFieldWidth(local);
  return width > 0 && width === bitFieldWidth(target) && local.bitOffset === target.bitOffset;
}

/** An access may change its size with a pointer or an unsigned integer. */
function mayResize(localBtf: Btf, local: CoreValue, targetBtf: Btf, target: CoreValue): boolean {
  if (local.size === target.size) return true;
  const a = localBtf.type(localBtf.skipModifiers(local.type));
  const b = targetBtf.type(targetBtf.skipModifiers(target.type));
  if (a.kind === BtfKind.PTR && b.kind === BtfKind.PTR) return true;
  return a.kind === BtfKind.INT && b.kind === BtfKind.INT && !a.signed && !b.signed;
}
