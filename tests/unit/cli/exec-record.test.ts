import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRecord } from '../../../cli/exec/record.js';
import { UsageError } from '../../../host/errors.js';
import { MAP_FD_BASE } from '../../../host/program/program-spec.js';

const EXIT = 'b7000000000000009500000000000000';

const refused: { name: string; line: string; message: RegExp }[] = [
  { name: 'not JSON', line: '{', message: /one JSON object a line/ },
  { name: 'not an object', line: '[]', message: /field \(line\): expected an object, found \[\]/ },
  {
    name: 'odd hex',
    line: '{"insns_hex":"b70","prog_type":1}',
    message: /insns_hex: expected pairs of hex digits/,
  },
  {
    name: 'cut instruction',
    line: '{"insns_hex":"b700","prog_type":1}',
    message: /insns_hex: expected whole 8-byte/,
  },
  {
    name: 'no type',
    line: `{"insns_hex":"${EXIT}"}`,
    message: /prog_type: expected an integer, found nothing/,
  },
  {
    name: 'fixup outside',
    line: `{"insns_hex":"${EXIT}","prog_type":1,"maps":[{"type":2}],"map_fixups":[[9,0]]}`,
    message: /map_fixups: expected .*found \[9,0\]/,
  },
  {
    name: 'preload of the wrong size',
    line: `{"insns_hex":"${EXIT}","prog_type":1,"maps":[{"type":2,"key":4,"value":4,"pop":"00"}]}`,
    message: /maps\[0\]\.pop: expected 8 bytes/,
  },
  {
    name: 'inner map that is not there',
    line: `{"insns_hex":"${EXIT}","prog_type":1,"maps":[{"type":12,"inner":7}]}`,
    message: /maps\[0\]\.inner: expected an earlier map, found 7/,
  },
];

for (const { name, line, message } of refused)
  test(`a record is refused: ${name}`, () => {
    assert.throws(
      () => parseRecord(line, false),
      (error) => error instanceof UsageError && error.code === 'USAGE_RECORD' && message.test(error.message),
    );
  });

test('a record becomes a program: map references, attach target, run', () => {
  const record = parseRecord(
    JSON.stringify({
      id: 'x',
      kernel: '6.1',
      profile: 'nobmi2',
      prog_type: 26,
      expected_attach_type: 24,
      attach: { kind: 'fentry', target: '__sys_sendmsg', btf_id: 12 },
      prog_flags: 16,
      insns_hex: `18110000000000000000000000000000${EXIT}`,
      maps: [
        { type: 3, key: 4, value: 4, max: 2, mflags: 2 },
        { type: 2, key: 4, value: 8, max: 1, mflags: 1, pop: '000000000102030405060708' },
      ],
      map_fixups: [[0, 1]],
      map_ids: { 1: 77 },
      test_run: { kind: 'attach+sendmsg(bogus)', bogus_ptr: '0010000000000000', retval: 3 },
      funcs: [{ ksym_addr: '0xffffffffc0000aa8' }],
    }),
    false,
  );
  assert.equal(new DataView(record.spec.insns.buffer).getInt32(4, true), MAP_FD_BASE + 1);
  assert.deepEqual(record.spec.attach, { kind: 'fentry', target: '__sys_sendmsg', btfId: 12 });
  assert.equal(record.spec.flags, 16);
  assert.deepEqual([record.kernel, record.profile], ['6.1', 'nobmi2']);
  assert.deepEqual(record.maps.map((map) => [map.id, map.dump, map.programs]), [[undefined, false, true], [77, true, false]]); // prettier-ignore
  assert.deepEqual([...(record.maps[1].preload?.value ?? [])], [1, 2, 3, 4, 5, 6, 7, 8]);
  assert.equal(record.run?.bogus, 0x1000n);
  assert.deepEqual(record.entries, [0xffffffffc0000aa8n]);
});
