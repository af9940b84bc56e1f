import type { TypeId } from '../quantities.js';
import type { Btf } from './btf.js';
import { BtfKind } from './types.js';

const MAX_DEPTH = 64;

/** Name of a type as C would write it; `declarator` is what stands where the variable's name would. */
export function formatType(btf: Btf, id: TypeId, declarator = '', depth = 0): string {
  const type = btf.type(id);
  const joined = (name: string): string => (declarator === '' ? name : `${name} ${declarator}`);
  if (depth > MAX_DEPTH) return joined('?');
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
      return formatType(btf, type.type, needsParens ? `(*${declarator})` : `*${declarator}`, depth + 1);
    }
    case BtfKind.ARRAY:
      return formatType(btf, type.type, `${declarator}[${type.nelems}]`, depth + 1);
    case BtfKind.CONST:
    case BtfKind.VOLATILE:
    case BtfKind.RESTRICT:
      return qualified(btf, type.type, QUALIFIER[type.kind], declarator, depth);
    case BtfKind.TYPE_TAG:
      return formatType(btf, type.type, declarator, depth + 1);
    case BtfKind.FUNC_PROTO: {
      const params = type.params.map((param, index) =>
        param.type === 0 && param.name === '' && index === type.params.length - 1
          ? '...'
          : formatType(btf, param.type, '', depth + 1),
      );
      return formatType(btf, type.type, `${declarator}(${params.join(', ') || 'void'})`, depth + 1);
    }
    case BtfKind.FUNC:
    case BtfKind.VAR:
      return formatType(btf, type.type, type.name, depth + 1);
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
function qualified(btf: Btf, target: TypeId, word: string, declarator: string, depth: number): string {
  const isPointer = btf.type(btf.skipQualifiers(target)).kind === BtfKind.PTR;
  if (isPointer)
    return formatType(btf, target, declarator === '' ? ` ${word}` : ` ${word} ${declarator}`, depth + 1);
  return `${word} ${formatType(btf, target, declarator, depth + 1)}`;
}
