import type { BtfFuncProto } from '../../btf/types.js';
import type { TypeId } from '../../quantities.js';
import { kindName } from '../ctx/btf-arguments.js';
import type { Env } from '../env.js';
import type { Kfunc } from '../prepared.js';
import type { CallMeta } from './call-meta.js';

/** A field of an object that a list or tree call names: the head's struct and node place. */
export interface GraphField {
  readonly struct: TypeId;
  /** Bytes from the start of the contained struct to its node. */
  readonly node: number;
}

/** One call of a kernel function while its arguments are checked. */
export interface KfuncCall {
  readonly kfunc: Kfunc;
  readonly flags: number;
  readonly proto: BtfFuncProto;
  readonly meta: CallMeta;
  /** Constant that a `__k` or `__szk` argument has. */
  constant: bigint | null;
  /** Size of the buffer the result points to. */
  bufferSize: number;
  bufferIsWritable: boolean;
  /** Struct of the object argument: 0 kernel, 1 program; id. */
  objectBtf: number;
  objectId: TypeId;
  objectIsOwned: boolean;
  /** What the list or tree argument contains. */
  graph: GraphField | null;
}

/** `STRUCT task_struct`: kind and name of a kernel type. */
export function kernelType(env: Env, id: TypeId): string {
  const { btf } = env.kernel;
  const type = btf.type(btf.skipModifiers(id));
  return `${kindName(type)} ${type.name}`;
}
