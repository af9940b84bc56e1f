import type { TypeId } from '../quantities.js';
import type { Btf } from './btf.js';
import { BtfKind } from './types.js';

/** Types that one name may mention: only broken input has more. */
const MAX_MENTIONED = 500;

const MAX_LENGTH = 2000;

interface Budget {
  left: number;
}

/** Name of a type as C would write it; `declarator` is what stands where the variable's name would. */
export function formatType(
  btf: Btf,
  id: TypeId,
  declarator = '',
  budget: Budget = { left: MAX_MENTIONED },
): string {
  const type = btf.type(id);
  const joined = (name: string): string => (declarator === '' ? name : `${name} ${declarator}`);
  if (budget.left-- <= 0 || declarator.length > MAX_LENGTH) return '?';
  switch (type.kind) {
    case BtfKind.VOID:
      return joined('void');
    case BtfKind.INT:
    case BtfKind.FLOAT:
    case BtfKind.TYPEDEF:
      return joined(type.name);
    case BtfKind.STRUCT:
      return joined(`struct ${type.name || '(anon)'}`);
    case BtfKind.UNION:
      return joined(`union ${type.name || '(anon)'}`);
    case BtfKind.ENUM:
    case BtfKind.ENUM64:
      return joined(`enum ${type.name || '(anon)'}`);
    case BtfKind.FWD:
      return joined(`${type.isUnion ? 'union' : 'struct'} ${type.name}`);
    case BtfKind.PTR: {
      const target = btf.type(btf.skipQualifiers(type.type)).kind;
      const needsParens = target === BtfKind.ARRAY || target === BtfKind.FUNC_PROTO;
      return formatType(btf, type.type, needsParens ? `(*${declarator})` : `*${declarator}`, budget);
    }
    case BtfKind.ARRAY:
      return formatType(btf, type.type, `${declarator}[${type.nelems}]`, budget);
    case BtfKind.CONST:
    case BtfKind.VOLATILE:
    case BtfKind.RESTRICT:
      return qualified(btf, type.type, QUALIFIER[type.kind], declarator, budget);
    case BtfKind.TYPE_TAG:
      return formatType(btf, type.type, declarator, budget);
    case BtfKind.FUNC_PROTO: {
      const params = type.params.map((param, index) =>
        param.type === 0 && param.name === '' && index === type.params.length - 1
          ? '...'
          : formatType(btf, param.type, '', budget),
      );
      return formatType(btf, type.type, `${declarator}(${params.join(', ') || 'void'})`, budget);
    }
    case BtfKind.FUNC:
    case BtfKind.VAR:
      return formatType(btf, type.type, type.name, budget);
    case BtfKind.DATASEC:
      return joined(`section ${type.name}`);
    case BtfKind.DECL_TAG:
      return joined(`tag ${type.name}`);
  }
}

const QUALIFIER = {
  [BtfKind.CONST]: 'const',
  [BtfKind.VOLATILE]: 'volatile',
  [BtfKind.RESTRICT]: 'restrict',
} as const;

/** `const int`, but `int * const`: a qualifier of a pointer stands behind the star. */
function qualified(btf: Btf, target: TypeId, word: string, declarator: string, budget: Budget): string {
  const isPointer = btf.type(btf.skipQualifiers(target)).kind === BtfKind.PTR;
  if (isPointer)
    return formatType(btf, target, declarator === '' ? ` ${word}` : ` ${word} ${declarator}`, budget);
  return `${word} ${formatType(btf, target, declarator, budget)}`;
}
