import { BtfBuilder } from './btf-builder.js';

/** Layout of the types that programs put into their values, as the UAPI header has them. Sizes in bytes. */
const OPAQUE: Record<string, readonly [size: number, align: number]> = {
  bpf_spin_lock: [4, 4],
  bpf_timer: [16, 8],
  bpf_wq: [16, 8],
  bpf_list_head: [16, 8],
  bpf_list_node: [24, 8],
  bpf_rb_root: [16, 8],
  bpf_rb_node: [32, 8],
  bpf_refcount: [4, 4],
  bpf_dynptr: [16, 8],
};
const INTS: Record<string, readonly [size: number, signed: boolean]> = {
  char: [1, true],
  u8: [1, false],
  u16: [2, false],
  u32: [4, false],
  u64: [8, false],
  int: [4, true],
  s32: [4, true],
  s64: [8, true],
  long: [8, true],
};
/** Words before the star of a pointer that become type tags. */
const TYPE_TAGS: Record<string, string> = {
  __kptr: 'kptr',
  __kptr_untrusted: 'kptr_untrusted',
  __percpu_kptr: 'percpu_kptr',
};
const GLOBAL = 1;
const STATIC = 0;

interface Layout {
  readonly id: number;
  readonly size: number;
  readonly align: number;
}

/** A function declared in the text. */
export interface DeclaredFunction {
  readonly name: string;
  readonly id: number;
}

/**
 * BTF of a few lines of C: `struct name { members };`, `[static] int name(arguments) [__tag(text)];` and, for data
 * sections, `int name SEC(".data.x");`. Members may be arrays, pointers with `__kptr` before the star, and end in
 * `__contains(type, member)`; arguments may end in `__arg(tag)`.
 */
export class CTypes {
  readonly functions: DeclaredFunction[] = [];
  private readonly builder = new BtfBuilder();
  private readonly known = new Map<string, Layout>();
  private readonly forwards = new Map<string, number>();

  constructor(text: string) {
    const pattern = /struct\s+(\w+)\s*\{([^}]*)\}\s*;|([^;{}]+\([^;]*);/g;
    for (const [, name, members, declaration] of text.matchAll(pattern)) {
      if (members !== undefined) this.structure(name!, members);
      else this.function(declaration!.trim());
    }
  }

  bytes(): Uint8Array {
    return this.builder.bytes();
  }

  /** Type id of `struct name`, `u32`, ... */
  id(type: string): number {
    return this.layout(type).id;
  }

  size(type: string): number {
    return this.layout(type).size;
  }

  private layout(type: string): Layout {
    const text = type.trim();
    const known = this.known.get(text);
    if (known !== undefined) return known;
    const made = this.make(text);
    this.known.set(text, made);
    return made;
  }

  private make(text: string): Layout {
    const pointer = /^(.*?)(?:\s+(__kptr|__kptr_untrusted|__percpu_kptr))?\s*\*$/.exec(text);
    if (pointer !== null) {
      const target = this.pointee(pointer[1]!);
      const tag = pointer[2] === undefined ? undefined : TYPE_TAGS[pointer[2]];
      const tagged = tag === undefined ? target : this.builder.modifier(18, target, tag);
      return { id: this.builder.pointer(tagged), size: 8, align: 8 };
    }
    const int = INTS[text];
    if (int !== undefined) {
      return { id: this.builder.int(text, int[0], { signed: int[1] }), size: int[0], align: int[0] };
    }
    const name = /^struct (\w+)$/.exec(text)?.[1] ?? '';
    const opaque = OPAQUE[name];
    if (opaque !== undefined) {
      const [size, align] = opaque;
      const item = this.layout(align === 8 ? 'u64' : 'u32');
      const member = size === align ? item.id : this.builder.array(item.id, size / align);
      return { id: this.builder.struct(name, size, [['__opaque', member, 0]]), size, align };
    }
    throw new Error(`c-types: unknown type "${text}"`);
  }

  private pointee(text: string): number {
    if (text === 'void') return 0;
    const name = /^struct (\w+)$/.exec(text)?.[1];
    if (name === undefined || this.known.has(text) || OPAQUE[name] !== undefined) return this.layout(text).id;
    const forward = this.forwards.get(name) ?? this.builder.forward(name);
    this.forwards.set(name, forward);
    return forward;
  }

  private structure(name: string, text: string): void {
    const members: [string, number, number][] = [];
    const tags: [text: string, member: number][] = [];
    let end = 0;
    let align = 1;
    for (const part of text.split(';')) {
      if (part.trim() === '') continue;
      const match = /^(.*?)(\w+)(?:\[(\d+)\])?(?:\s+__contains\((\w+),\s*(\w+)\))?$/.exec(part.trim());
      if (match === null) throw new Error(`c-types: member "${part}"`);
      const item = this.layout(match[1]!);
      const count = match[3] === undefined ? 1 : Number(match[3]);
      end = Math.ceil(end / item.align) * item.align;
      align = Math.max(align, item.align);
      const id = match[3] === undefined ? item.id : this.builder.array(item.id, count);
      if (match[4] !== undefined) tags.push([`contains:${match[4]}:${match[5]}`, members.length]);
      members.push([match[2]!, id, end * 8]);
      end += item.size * count;
    }
    const size = Math.ceil(end / align) * align;
    const id = this.builder.struct(name, size, members);
    this.known.set(`struct ${name}`, { id, size, align });
    for (const [tag, member] of tags) this.builder.declTag(tag, id, member);
  }

  private function(text: string): void {
    const match = /^(static\s+)?(.*?)(\w+)\((.*?)\)((?:\s*__tag\([^)]*\))*)$/.exec(text);
    if (match === null) throw new Error(`c-types: function "${text}"`);
    const params: [string, number][] = [];
    const tags: [string, number][] = [];
    for (const part of match[4]!.split(/,(?![^(]*\))/)) {
      if (part.trim() === '' || part.trim() === 'void') continue;
      const param = /^(.*?)(\w+)((?:\s*__arg\(\w+\))*)$/.exec(part.trim());
      if (param === null) throw new Error(`c-types: argument "${part}"`);
      for (const [, tag] of param[3]!.matchAll(/__arg\((\w+)\)/g)) tags.push([`arg:${tag}`, params.length]);
      params.push([param[2]!, this.layout(param[1]!).id]);
    }
    const returns = match[2]!.trim() === 'void' ? 0 : this.layout(match[2]!).id;
    const proto = this.builder.proto(returns, params);
    const id = this.builder.func(match[3]!, proto, match[1] === undefined ? GLOBAL : STATIC);
    for (const [tag, index] of tags) this.builder.declTag(tag, id, index);
    for (const [, tag] of match[5]!.matchAll(/__tag\(([^)]*)\)/g)) this.builder.declTag(tag!, id);
    this.functions.push({ name: match[3]!, id });
  }
}
