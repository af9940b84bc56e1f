import type { TypeId } from '../quantities.js';

/** BTF kinds, with the numbers that type records hold. */
export const BtfKind = {
  VOID: 0,
  INT: 1,
  PTR: 2,
  ARRAY: 3,
  STRUCT: 4,
  UNION: 5,
  ENUM: 6,
  FWD: 7,
  TYPEDEF: 8,
  VOLATILE: 9,
  CONST: 10,
  RESTRICT: 11,
  FUNC: 12,
  FUNC_PROTO: 13,
  VAR: 14,
  DATASEC: 15,
  FLOAT: 16,
  DECL_TAG: 17,
  TYPE_TAG: 18,
  ENUM64: 19,
} as const;
export type BtfKind = (typeof BtfKind)[keyof typeof BtfKind];

interface Named {
  readonly id: TypeId;
  readonly name: string;
}

export interface BtfMember {
  readonly name: string;
  readonly type: TypeId;
  readonly bitOffset: number;
  /** Width of a bit-field, 0 = not a bit-field. */
  readonly bitSize: number;
}

export interface BtfInt extends Named {
  readonly kind: typeof BtfKind.INT;
  readonly size: number;
  readonly bits: number;
  readonly bitOffset: number;
  readonly signed: boolean;
  readonly char: boolean;
  readonly bool: boolean;
}

/** Pointer, typedef, qualifier or type tag: anything that only refers to another type. */
export interface BtfReference extends Named {
  readonly kind:
    | typeof BtfKind.PTR
    | typeof BtfKind.TYPEDEF
    | typeof BtfKind.VOLATILE
    | typeof BtfKind.CONST
    | typeof BtfKind.RESTRICT
    | typeof BtfKind.TYPE_TAG;
  readonly type: TypeId;
}

export interface BtfArray extends Named {
  readonly kind: typeof BtfKind.ARRAY;
  readonly type: TypeId;
  readonly indexType: TypeId;
  readonly nelems: number;
}

export interface BtfComposite extends Named {
  readonly kind: typeof BtfKind.STRUCT | typeof BtfKind.UNION;
  readonly size: number;
  readonly members: readonly BtfMember[];
}

export interface BtfEnum extends Named {
  readonly kind: typeof BtfKind.ENUM | typeof BtfKind.ENUM64;
  readonly size: number;
  readonly signed: boolean;
  readonly values: readonly { readonly name: string; readonly value: bigint }[];
}

export interface BtfForward extends Named {
  readonly kind: typeof BtfKind.FWD;
  readonly isUnion: boolean;
}

export interface BtfFunc extends Named {
  readonly kind: typeof BtfKind.FUNC;
  readonly type: TypeId;
  /** 0 static, 1 global, 2 extern. */
  readonly linkage: number;
}

export interface BtfFuncProto extends Named {
  readonly kind: typeof BtfKind.FUNC_PROTO;
  /** Return type. */
  readonly type: TypeId;
  /** A last parameter with no name and type 0 means variadic. */
  readonly params: readonly { readonly name: string; readonly type: TypeId }[];
}

export interface BtfVar extends Named {
  readonly kind: typeof BtfKind.VAR;
  readonly type: TypeId;
  readonly linkage: number;
}

export interface BtfDatasec extends Named {
  readonly kind: typeof BtfKind.DATASEC;
  readonly size: number;
  readonly vars: readonly { readonly type: TypeId; readonly offset: number; readonly size: number }[];
}

export interface BtfFloat extends Named {
  readonly kind: typeof BtfKind.FLOAT;
  readonly size: number;
}

export interface BtfDeclTag extends Named {
  readonly kind: typeof BtfKind.DECL_TAG;
  readonly type: TypeId;
  /** Index of the member or parameter, -1 = the whole. */
  readonly component: number;
}

export interface BtfVoid extends Named {
  readonly kind: typeof BtfKind.VOID;
}

export type BtfType =
  | BtfVoid
  | BtfInt
  | BtfReference
  | BtfArray
  | BtfComposite
  | BtfEnum
  | BtfForward
  | BtfFunc
  | BtfFuncProto
  | BtfVar
  | BtfDatasec
  | BtfFloat
  | BtfDeclTag;
