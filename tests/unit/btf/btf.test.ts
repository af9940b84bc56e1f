import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Btf } from '../../../host/btf/btf.js';
import { essentialName } from '../../../host/btf/essential-name.js';
import { BtfKind } from '../../../host/btf/types.js';
import { BtfError } from '../../../host/errors.js';
import { BtfBuilder } from '../../support/btf-builder.js';
import { vmlinuxBtf } from '../../support/goldens.js';

const b = new BtfBuilder();
const int = b.int('int', 4, { signed: true });
const char = b.int('char', 1, { char: true });
const bool = b.int('_Bool', 1, { bool: true });
const charArray = b.array(char, 16);
const grid = b.array(charArray, 3);
const constInt = b.modifier(10, int);
const myInt = b.modifier(8, constInt, 'my_int');
const volatileMyInt = b.modifier(9, myInt);
const inner = b.struct('', 8, [
  ['deep', int, 0],
  ['flags', int, 32, 3],
  ['more', int, 35, 5],
]);
const choice = b.union('', 8, [
  ['', inner, 0],
  ['raw', charArray, 0],
]);
const node = b.struct('node', 80, [
  ['name', charArray, 0],
  ['', choice, 128],
  ['grid', grid, 192],
]);
const nodePointer = b.pointer(node);
const constChar = b.modifier(10, char);
const text = b.pointer(constChar);
const constPointer = b.modifier(10, text);
const tagged = b.modifier(18, node, 'user');
const rcu = b.modifier(18, tagged, 'rcu');
const taggedPointer = b.pointer(rcu);
const proto = b.proto(int, [
  ['node', nodePointer],
  ['', 0],
]);
const func = b.func('visit', proto);
const protoPointer = b.pointer(proto);
const protoArray = b.array(protoPointer, 4);
const arrayPointer = b.pointer(grid);
const color = b.enum(
  'color',
  [
    ['RED', -1],
    ['BLUE', 2],
  ],
  true,
);
const bits = b.enum('bits', [['ALL', 0xffffffff]]);
const wide = b.enum64('wide', [['HUGE', 0x8000000000000001n]]);
const wideSigned = b.enum64('wide_signed', [['LOW', -2n]], true);
const variable = b.variable('counter', myInt);
const section = b.datasec('.data', 4, [[variable, 8, 4]]);
const forward = b.forward('other');
const forwardUnion = b.forward('either', true);
const double = b.float('double', 8);
const tagOnNode = b.declTag('important', node);
const tagOnMember = b.declTag('first', node, 0);
const noParams = b.func('nothing', b.proto(0, []));
const nodeAgain = b.struct('node', 4, [['other', int, 0]]);
const flavoured = b.struct('node___v2', 4, [['other', int, 0]]);
const btf = Btf.parse(b.bytes());

test('types as encoded', () => {
  assert.equal(btf.count, flavoured + 1);
  for (const [id, want] of [
    [0, { kind: BtfKind.VOID, name: '' }],
    [int, { kind: BtfKind.INT, name: 'int', size: 4, bits: 32, signed: true, bool: false, char: false }],
    [bool, { kind: BtfKind.INT, size: 1, bool: true, signed: false }],
    [
      color,
      {
        kind: BtfKind.ENUM,
        signed: true,
        values: [
          { name: 'RED', value: -1n },
          { name: 'BLUE', value: 2n },
        ],
      },
    ],
    [bits, { signed: false, values: [{ name: 'ALL', value: 0xffffffffn }] }],
    [wide, { kind: BtfKind.ENUM64, values: [{ name: 'HUGE', value: 0x8000000000000001n }] }],
    [wideSigned, { values: [{ name: 'LOW', value: -2n }] }],
    [func, { kind: BtfKind.FUNC, name: 'visit', type: proto, linkage: 1 }],
    [variable, { kind: BtfKind.VAR, name: 'counter', type: myInt, linkage: 1 }],
    [section, { kind: BtfKind.DATASEC, name: '.data', vars: [{ type: variable, offset: 8, size: 4 }] }],
    [forward, { kind: BtfKind.FWD, isUnion: false }],
    [forwardUnion, { kind: BtfKind.FWD, isUnion: true }],
    [tagOnMember, { kind: BtfKind.DECL_TAG, component: 0, type: node }],
    [tagOnNode, { kind: BtfKind.DECL_TAG, component: -1 }],
  ] as const) {
    const type = btf.type(id) as unknown as Record<string, unknown>;
    for (const [field, value] of Object.entries(want)) assert.deepEqual(type[field], value, `${id}.${field}`);
  }
  assert.equal(btf.type(node), btf.type(node), 'decoded once');
});

test('names', () => {
  for (const [name, kinds, want] of [
    ['node', [], node],
    ['node', [BtfKind.UNION], 0],
    ['node', [BtfKind.UNION, BtfKind.STRUCT], node],
    ['int', [BtfKind.INT], int],
    ['nod', [], 0],
    ['nodes', [], 0],
    ['visit', [BtfKind.FUNC], func],
    ['.data', [BtfKind.DATASEC], section],
  ] as const) {
    assert.equal(btf.find(name, ...kinds), want, `${name} ${kinds.join()}`);
  }
  assert.deepEqual(btf.findAll('node'), [node, nodeAgain]);
  assert.deepEqual(btf.findEssential('node'), [node, nodeAgain, flavoured]);
  assert.deepEqual(btf.findEssential('node___other'), [node, nodeAgain, flavoured]);
  assert.equal(btf.datasec('.data')?.id, section);
  assert.equal(btf.datasec('.bss'), null);
  assert.deepEqual(
    btf.declTags(node).map(({ id }) => id),
    [tagOnNode, tagOnMember],
  );
  assert.deepEqual(btf.declTags(int), []);
});

test('essential names end before the flavour', () => {
  for (const [name, want] of [
    ['task_struct', 'task_struct'],
    ['task_struct___old', 'task_struct'],
    ['a___b___c', 'a___b'],
    ['a____b', 'a____b'],
    ['___b', '___b'],
    ['a___', 'a___'],
    ['a__b', 'a__b'],
    ['', ''],
  ]) {
    assert.equal(essentialName(name), want, name);
  }
});

test('modifiers, tags and sizes', () => {
  for (const [id, skipped, qualified, size] of [
    [volatileMyInt, int, myInt, 4],
    [myInt, int, myInt, 4],
    [constInt, int, int, 4],
    [rcu, node, node, 80],
    [grid, grid, grid, 48],
    [node, node, node, 80],
    [text, text, text, 8],
    [variable, variable, variable, 4],
    [double, double, double, 8],
    [func, func, func, 0],
    [forward, forward, forward, 0],
    [0, 0, 0, 0],
  ]) {
    assert.equal(btf.skipModifiers(id), skipped, `skipModifiers ${id}`);
    assert.equal(btf.skipQualifiers(id), qualified, `skipQualifiers ${id}`);
    assert.equal(btf.sizeOf(id), size, `sizeOf ${id}`);
  }
  assert.deepEqual(btf.typeTags(rcu), ['rcu', 'user']);
  assert.deepEqual(btf.typeTags(taggedPointer), []);
});

test('C names', () => {
  for (const [id, want] of [
    [0, 'void'],
    [int, 'int'],
    [node, 'struct node'],
    [inner, 'struct (anon)'],
    [choice, 'union (anon)'],
    [nodePointer, 'struct node *'],
    [text, 'const char *'],
    [constPointer, 'const char * const'],
    [volatileMyInt, 'volatile my_int'],
    [charArray, 'char [16]'],
    [grid, 'char [3][16]'],
    [arrayPointer, 'char (*)[3][16]'],
    [protoPointer, 'int (*)(struct node *, ...)'],
    [protoArray, 'int (*[4])(struct node *, ...)'],
    [func, 'int visit(struct node *, ...)'],
    [noParams, 'void nothing(void)'],
    [taggedPointer, 'struct node *'],
    [color, 'enum color'],
    [wide, 'enum wide'],
    [forwardUnion, 'union either'],
    [variable, 'my_int counter'],
  ] as const) {
    assert.equal(btf.format(id), want);
  }
});

test('member paths', () => {
  for (const [path, type, bitOffset, bitSize] of [
    ['name', charArray, 0, 0],
    ['name[3]', char, 24, 0],
    ['deep', int, 128, 0],
    ['flags', int, 160, 3],
    ['more', int, 163, 5],
    ['raw[1]', char, 136, 0],
    ['grid[2]', charArray, 192 + 256, 0],
    ['grid[1][15]', char, 192 + 128 + 120, 0],
  ] as const) {
    assert.deepEqual(btf.member(node, path), { type, bitOffset, bitSize }, path);
  }
  for (const path of ['missing', 'name.x', 'name[16]', 'deep[0]', '', 'name[', 'a b', '.name']) {
    assert.throws(() => btf.member(node, path), { code: 'BTF_NO_MEMBER' }, path);
  }
});

test('a split BTF goes on where its base ends', () => {
  const m = new BtfBuilder();
  const shift = btf.count - 1;
  m.struct('module_node', 16, [['base', node, 0]]);
  const bytes = m.bytes();
  // String offsets of a split BTF count from the end of the base's strings.
  const baseStrings = new DataView(b.bytes().buffer).getUint32(20, true);
  const view = new DataView(bytes.buffer);
  view.setUint32(24, view.getUint32(24, true) + baseStrings, true);
  view.setUint32(36, view.getUint32(36, true) + baseStrings, true);
  const split = Btf.parse(bytes, btf);
  const id = split.find('module_node');
  assert.equal(id, shift + 1);
  assert.equal(split.count, btf.count + 1);
  assert.deepEqual(split.type(id), {
    id,
    name: 'module_node',
    kind: BtfKind.STRUCT,
    size: 16,
    members: [{ name: 'base', type: node, bitOffset: 0, bitSize: 0 }],
  });
  assert.equal(split.find('node'), node);
  assert.equal(split.type(int), btf.type(int));
});

test('broken sections name offset, expected and found', () => {
  const change = (edit: (view: DataView) => void): Uint8Array => {
    const bytes = b.bytes();
    edit(new DataView(bytes.buffer));
    return bytes;
  };
  for (const [name, bytes, code] of [
    ['empty', new Uint8Array(0), 'BTF_TRUNCATED'],
    ['big-endian magic', change((v) => v.setUint16(0, 0xeb9f, false)), 'BTF_MAGIC'],
    ['version 2', change((v) => v.setUint8(2, 2)), 'BTF_VERSION'],
    ['flags', change((v) => v.setUint8(3, 1)), 'BTF_FLAGS'],
    ['short header', change((v) => v.setUint32(4, 20, true)), 'BTF_HEADER'],
    ['types past the end', change((v) => v.setUint32(12, 1 << 20, true)), 'BTF_TRUNCATED'],
    ['strings past the end', change((v) => v.setUint32(20, 1 << 20, true)), 'BTF_TRUNCATED'],
    ['no strings', change((v) => v.setUint32(20, 0, true)), 'BTF_STRINGS'],
    ['kind 0', change((v) => v.setUint32(28, 0, true)), 'BTF_KIND'],
    ['kind 20', change((v) => v.setUint32(28, 20 << 24, true)), 'BTF_KIND'],
    ['cut record', change((v) => v.setUint32(12, v.getUint32(12, true) - 4, true)), 'BTF_TRUNCATED'],
  ] as const) {
    assert.throws(
      () => Btf.parse(bytes),
      (error: unknown) =>
        error instanceof BtfError &&
        error.code === code &&
        error.place.section === '.BTF' &&
        error.place.offset !== undefined &&
        /^\.BTF\+0x[0-9a-f]+: expected .+, found .+/.test(error.message),
      name,
    );
  }
  assert.throws(() => btf.type(btf.count), { code: 'BTF_TYPE_ID' });
  assert.throws(() => btf.string(1 << 20), { code: 'BTF_STRING' });
});

test('loops in broken types end', () => {
  const l = new BtfBuilder();
  const selfTypedef = l.modifier(8, 1, 'self');
  const selfArray = l.array(2, 2);
  const selfStruct = l.struct('loop', 8, [
    ['', 3, 0],
    ['', 3, 0],
    ['x', 3, 0],
  ]);
  const selfProto = l.proto(4, [
    ['a', 4],
    ['b', 4],
    ['c', 4],
  ]);
  const selfPointer = l.pointer(5);
  const loops = Btf.parse(l.bytes());
  assert.throws(() => loops.skipModifiers(selfTypedef), { code: 'BTF_TYPE' });
  assert.throws(() => loops.sizeOf(selfArray), { code: 'BTF_TYPE' });
  assert.throws(() => loops.member(selfStruct, 'y'), { code: 'BTF_NO_MEMBER' });
  assert.equal(loops.member(selfStruct, 'x').type, selfStruct);
  for (const id of [selfProto, selfPointer]) assert.ok(loops.format(id).length > 0);
});

test("a kernel's 100,000 types parse within 150 ms", () => {
  const bytes = vmlinuxBtf('6.12');
  // The best of a few: other work on the machine only adds.
  const times = Array.from({ length: 5 }, () => {
    const start = performance.now();
    const kernel = Btf.parse(bytes);
    const task = kernel.find('task_struct', BtfKind.STRUCT);
    const time = performance.now() - start;
    assert.ok(kernel.count > 100_000);
    assert.ok(kernel.member(task, 'comm').bitOffset > 0);
    return time;
  });
  assert.ok(Math.min(...times) < 150, `${times.join(' ')} ms`);
});
