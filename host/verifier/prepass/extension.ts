import type { Btf } from '../../btf/btf.js';
import { type BtfFunc, type BtfFuncProto, BtfKind, type BtfType } from '../../btf/types.js';
import type { TypeId } from '../../quantities.js';
import { isScalarType } from '../call/plain-data.js';
import { kindName } from '../ctx/btf-arguments.js';
import type { TargetProgram } from '../kernel-view.js';
import { Errno } from '../verifier-error.js';
import type { Prepass } from './prepass.js';

const LINKAGE_GLOBAL = 1;

interface Side {
  readonly btf: Btf;
  readonly func: BtfFunc;
  readonly proto: BtfFuncProto;
}

/** An extension takes and gives what the function that it replaces does. */
export function checkExtension(pass: Prepass, target: TargetProgram, id: TypeId): void {
  const { spec } = pass;
  if (spec.btf === null || spec.funcInfo.length === 0) {
    pass.fail(Errno.EINVAL, 'Program extension requires BTF');
  }
  const own = side(pass, spec.btf, spec.funcInfo[0].type);
  const other = side(pass, target.spec.btf!, id);
  new Match(pass, own, other).check();
}

function side(pass: Prepass, btf: Btf, id: TypeId): Side {
  const func = btf.type(id);
  const proto = func.kind === BtfKind.FUNC ? btf.type(func.type) : func;
  if (func.kind !== BtfKind.FUNC || proto.kind !== BtfKind.FUNC_PROTO) return pass.fail(Errno.EINVAL, '');
  return { btf, func, proto };
}

class Match {
  constructor(
    private readonly pass: Prepass,
    private readonly own: Side,
    private readonly other: Side,
  ) {}

  check(): void {
    const { own, other } = this;
    for (const { func } of [own, other]) {
      if (func.linkage !== LINKAGE_GLOBAL) this.refuse(`${func.name}() is not a global function`);
    }
    const [mine, its] = [own.proto.params.length, other.proto.params.length];
    if (mine !== its) {
      this.refuse(`${own.func.name}() has ${mine} args while ${other.func.name}() has ${its} args`);
    }
    const [result, wanted] = [resolved(own, own.proto.type), resolved(other, other.proto.type)];
    if (result.kind !== wanted.kind) {
      const types = `Return type ${kindName(result)} of ${own.func.name}() doesn't match type ${kindName(wanted)}`;
      this.refuse(`${types} of ${other.func.name}()`);
    }
    own.proto.params.forEach((param, index) => {
      this.argument(index, resolved(own, param.type), resolved(other, other.proto.params[index].type));
    });
  }

  private argument(index: number, mine: BtfType, its: BtfType): void {
    const { own, other } = this;
    const place = `arg${index} in ${own.func.name}()`;
    if (mine.kind !== its.kind) {
      this.refuse(`${place} is ${kindName(mine)} while ${other.func.name}() has ${kindName(its)}`);
    }
    if ('size' in mine && 'size' in its && mine.size !== its.size) {
      this.refuse(`${place} has size ${mine.size} while ${other.func.name}() has ${its.size}`);
    }
    if (isScalarType(mine) || mine.kind !== BtfKind.PTR || its.kind !== BtfKind.PTR) return;
    const [from, to] = [resolved(own, mine.type), resolved(other, its.type)];
    for (const [pointee, { func }] of [
      [from, own],
      [to, other],
    ] as const) {
      if (pointee.kind !== BtfKind.STRUCT) {
        this.refuse(`arg${index} in ${func.name}() is not a pointer to context`);
      }
    }
    if (from.name === to.name) return;
    const [left, right] = [
      `${own.func.name}(struct ${from.name} *)`,
      `${other.func.name}(struct ${to.name} *)`,
    ];
    this.refuse(`arg${index} ${left} doesn't match ${right}`);
  }

  private refuse(text: string): never {
    return this.pass.fail(Errno.EINVAL, text);
  }
}

const resolved = ({ btf }: Side, id: TypeId): BtfType => btf.type(btf.skipModifiers(id));
