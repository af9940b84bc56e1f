import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Btf } from '../../../host/btf/btf.js';
import { trimBtf } from '../../../host/btf/trim.js';
import { BtfKind, type BtfType } from '../../../host/btf/types.js';
import { BtfWriter } from '../../../host/btf/writer.js';
import { embeddedBtf } from '../../../host/profiles/data/embedded-btf.js';
import { BtfBuilder } from '../../support/btf-builder.js';
import { vmlinuxBtf } from '../../support/goldens.js';

test('what is written reads as the same types', () => {
  const b = new BtfBuilder();
  const int = b.int('int', 4, { signed: true });
  const bool = b.int('_Bool', 1, { bool: true });
  const pointer = b.pointer(int);
  const array = b.array(pointer, 3, int);
  b.struct('plain', 24, [['a', array, 0]]);
  b.struct('packed', 4, [
    ['x', int, 0, 3],
    ['y', int, 3, 29],
  ]);
  b.union('either', 8, [
    ['a', int, 0],
    ['b', bool, 0],
  ]);
  b.enum(
    'color',
    [
      ['RED', -1],
      ['BLUE', 2],
    ],
    true,
  );
  b.enum64('wide', [['HUGE', 0xfedcba9876543210n]]);
  b.enum64('wide_signed', [['LOW', -5n]], true);
  b.forward('later', true);
  b.modifier(8, int, 'my_int');
  b.modifier(9, int);
  b.modifier(10, int);
  b.modifier(11, pointer);
  b.modifier(18, int, 'user');
  const proto = b.proto(int, [
    ['a', pointer],
    ['', 0],
  ]);
  b.func('f', proto, 0);
  const variable = b.variable('v', int, 2);
  b.datasec('.data', 4, [[variable, 0, 4]]);
  b.float('double', 8);
  b.declTag('tag', proto, 1);
  const before = Btf.parse(b.bytes());
  const writer = new BtfWriter();
  const types: BtfType[] = [];
  for (let id = 1; id < before.count; id++) {
    const type = before.type(id);
    types.push(type);
    if (type.kind !== BtfKind.VOID) assert.equal(writer.add(type), id);
  }
  const after = Btf.parse(writer.bytes());
  assert.deepEqual(
    types.map(({ id }) => after.type(id)),
    types,
  );
});

test('roots stay with what they hold; what they point to is declared', () => {
  const b = new BtfBuilder();
  const int = b.int('int', 4);
  const held = b.struct('held', 4, [['n', int, 0]]);
  const seen = b.struct('seen', 4, [['n', int, 0]]);
  const anon = b.struct('', 4, [['n', int, 0]]);
  const unused = b.struct('unused', 4, [['n', int, 0]]);
  const seenUnion = b.union('seen_union', 4, [['n', int, 0]]);
  const alias = b.modifier(8, seen, 'seen_t');
  const root = b.struct('root', 48, [
    ['held', b.array(held, 2, int), 0],
    ['seen', b.pointer(b.modifier(10, alias)), 64],
    ['anon', b.pointer(anon), 128],
    ['either', b.pointer(seenUnion), 192],
    ['self', b.pointer(b.next + 1), 256],
  ]);
  const func = b.func('visit', b.proto(0, [['u', b.pointer(unused)]]));
  const kept = b.variable('kept', held);
  const dropped = b.variable('dropped', unused);
  b.datasec('.vars', 16, [
    [dropped, 0, 4],
    [kept, 8, 4],
  ]);
  b.declTag('on_root', root, 0);
  b.declTag('on_unused', unused);
  b.declTag('on_seen_member', seen, 0);
  const full = Btf.parse(b.bytes());
  const btf = Btf.parse(trimBtf(full, { types: [root, func], variables: { '.vars': ['kept'] } }));

  const kinds = Object.fromEntries(
    [
      'root',
      'held',
      'seen',
      'seen_union',
      'unused',
      'visit',
      'seen_t',
      'kept',
      'dropped',
      'on_root',
      'on_unused',
    ].map((name) => [name, btf.kind(btf.find(name))]),
  );
  assert.deepEqual(kinds, {
    root: BtfKind.STRUCT,
    held: BtfKind.STRUCT,
    seen: BtfKind.FWD,
    seen_union: BtfKind.FWD,
    unused: BtfKind.FWD,
    visit: BtfKind.FUNC,
    seen_t: BtfKind.TYPEDEF,
    kept: BtfKind.VAR,
    dropped: BtfKind.VOID,
    on_root: BtfKind.DECL_TAG,
    on_unused: BtfKind.VOID,
  });
  const id = btf.find('root');
  assert.equal(btf.format(btf.member(id, 'held').type), 'struct held [2]');
  assert.equal(btf.format(btf.member(id, 'seen').type), 'const seen_t *');
  assert.deepEqual(btf.member(id, 'held[1].n'), { type: btf.find('int'), bitOffset: 32, bitSize: 0 });
  assert.equal((btf.type(btf.find('seen_union')) as { isUnion?: boolean }).isUnion, true);
  const section = btf.datasec('.vars')!;
  assert.deepEqual(section.vars, [{ type: btf.find('kept'), offset: 8, size: 4 }]);
  assert.equal(section.size, 16);
});

test('the BTF in the package agrees with the full one', () => {
  const bytes = embeddedBtf();
  const small = Btf.parse(bytes);
  const full = Btf.parse(vmlinuxBtf('6.12'));
  assert.ok(bytes.length < 150_000, `${bytes.length} bytes`);
  for (const [struct, paths] of [
    ['task_struct', ['pid', 'tgid', 'real_parent', 'comm[15]', 'start_time', 'mm', 'cred', 'se.exec_start']],
    ['mm_struct', ['start_stack', 'map_count']],
    ['cred', ['uid.val']],
    ['file', ['f_path.dentry', 'f_inode', 'f_mode']],
    ['dentry', ['d_inode', 'd_name.len', 'd_iname']],
    ['inode', ['i_ino', 'i_mode', 'i_size']],
    ['sk_buff', ['len', 'cb', 'data', 'pkt_type', 'cloned', 'vlan_tci', 'mark', 'dev']],
    ['net_device', ['ifindex', 'mtu', 'name']],
    ['sock', ['__sk_common.skc_family', 'sk_type', 'sk_protocol']],
    ['xdp_buff', ['data', 'data_end', 'rxq']],
    ['skb_shared_info', ['gso_size', 'hwtstamps']],
    ['bpf_map', ['max_entries', 'id']],
    ['bpf_array', ['value', 'index_mask']],
    ['bpf_prog', ['bpf_func', 'aux']],
    ['pcpu_hot', ['current_task', 'cpu_number']],
    ['__sk_buff', ['data', 'data_end', 'mark']],
  ] as const) {
    const a = small.find(struct, BtfKind.STRUCT);
    const b = full.find(struct, BtfKind.STRUCT);
    assert.equal(small.sizeOf(a), full.sizeOf(b), struct);
    for (const path of paths) {
      const place = small.member(a, path);
      const want = full.member(b, path);
      assert.deepEqual([place.bitOffset, place.bitSize], [want.bitOffset, want.bitSize], `${struct}.${path}`);
      assert.equal(small.format(place.type), full.format(want.type), `${struct}.${path}`);
    }
  }
  for (const name of ['wake_up_new_task', 'bpf_lsm_file_open', 'bpf_lsm_socket_connect', 'bpf_iter_task']) {
    assert.equal(
      small.format(small.find(name, BtfKind.FUNC)),
      full.format(full.find(name, BtfKind.FUNC)),
      name,
    );
  }
  const trace = small.skipModifiers(small.find('btf_trace_sched_switch', BtfKind.TYPEDEF));
  assert.match(small.format(trace), /^void \(\*\)\(void \*, bool, struct task_struct \*/);
  const offsetOf = (btf: Btf, name: string): number | undefined =>
    btf.datasec('.data..percpu')?.vars.find(({ type }) => btf.type(type).name === name)?.offset;
  for (const name of ['pcpu_hot', 'this_cpu_off']) {
    assert.equal(offsetOf(small, name), offsetOf(full, name));
    assert.notEqual(offsetOf(small, name), undefined);
  }
});
