import { extableSearch } from '../../assembly/extable';
import { faultProgram, fixupBatch, fixupException } from '../../assembly/fault';
import { faultLog, faultLogPush, faultLogReset } from '../../assembly/fault-log';
import { kallsymsInsert, kallsymsRemove } from '../../assembly/kallsyms';
import { EXTABLE_ENTRY_SIZE, EXTABLE_FIXUP } from '../../assembly/layout/extable';
import {
  FAULT_ADDRESS,
  FAULT_CAPACITY,
  FAULT_COUNT,
  FAULT_IP,
  FAULT_RECORDS,
  FAULT_SIZE,
} from '../../assembly/layout/fault-log';
import { KSYM_PROGRAM } from '../../assembly/layout/kallsyms';

const BASE: u64 = 0xffffffffc0000040;
const CODE: u32 = 4096;
const image = memory.data(20480, 16);
const ips = memory.data(64, 16);
const found = memory.data(32, 16);

/** Fills a table behind the code: entry k repairs the instruction at `first + k * step`. */
function fill(count: u32, first: u32, step: u32): void {
  for (let k: u32 = 0; k < count; k++) {
    const at = CODE + k * EXTABLE_ENTRY_SIZE;
    store<i32>(image + at, <i32>(first + k * step) - <i32>at);
    store<u32>(image + at + EXTABLE_FIXUP, 0x5004 + k);
    store<i32>(image + at + 8, 7);
  }
}

function search(count: u32, offset: u64): usize {
  return extableSearch(image + CODE, BASE + CODE, count, BASE + offset);
}

describe('exception table search', () => {
  it('finds every instruction by its first byte only, for every table size', () => {
    for (let count: u32 = 0; count < 70; count++) {
      fill(count, 5, 7);
      for (let offset: u32 = 0; offset < 5 + 7 * 71; offset++) {
        const isStart = offset >= 5 && (offset - 5) % 7 === 0 && (offset - 5) / 7 < count;
        const want = isStart ? image + CODE + ((offset - 5) / 7) * EXTABLE_ENTRY_SIZE : 0;
        assert(search(count, offset) === want);
      }
    }
  });

  it('compares whole 64-bit addresses', () => {
    fill(3, 0, 16);
    expect(extableSearch(image + CODE, BASE + CODE, 3, (BASE + 16) & 0xffffffff)).toBe(0);
    expect(extableSearch(image + CODE, BASE + CODE, 3, (BASE + 16) ^ (1 << 63))).toBe(0);
    expect(search(3, 16)).toBe(image + CODE + EXTABLE_ENTRY_SIZE);
  });

  it('works for text in the user half', () => {
    const low: u64 = 0x400000;
    fill(2, 8, 8);
    expect(extableSearch(image + CODE, low + CODE, 2, low + 16)).toBe(image + CODE + EXTABLE_ENTRY_SIZE);
  });
});

describe('fault to fixup', () => {
  it('goes by the program, then by the instruction', () => {
    fill(4, 16, 16);
    kallsymsInsert(BASE, BASE + CODE, BASE + CODE, image + CODE, 4, 42, 0, 1);
    expect(load<u32>(faultProgram(BASE + 100) + KSYM_PROGRAM)).toBe(42);
    expect(load<u32>(fixupException(BASE + 32) + EXTABLE_FIXUP)).toBe(0x5005);
    expect(fixupException(BASE + 31)).toBe(0, 'one byte before');
    expect(fixupException(BASE + 33)).toBe(0, 'one byte after');
    expect(fixupException(BASE - 1)).toBe(0, 'outside');
    kallsymsRemove(BASE);
    expect(fixupException(BASE + 32)).toBe(0, 'unloaded');
  });

  it('never asks text that is no program, nor a program without entries', () => {
    fill(4, 16, 16);
    kallsymsInsert(BASE, BASE + CODE, BASE + CODE, image + CODE, 4, 1, 0, 0);
    expect(faultProgram(BASE)).toBe(0);
    expect(fixupException(BASE + 16)).toBe(0);
    kallsymsRemove(BASE);
    kallsymsInsert(BASE, BASE + CODE, 0, 0, 0, 1, 0, 1);
    expect(faultProgram(BASE)).not.toBe(0);
    expect(fixupException(BASE + 16)).toBe(0);
    kallsymsRemove(BASE);
  });

  it('answers a batch in order', () => {
    fill(4, 16, 16);
    kallsymsInsert(BASE, BASE + CODE, BASE + CODE, image + CODE, 4, 1, 0, 1);
    const offsets: u64[] = [64, 17, 16, 5000];
    for (let i = 0; i < 4; i++) store<u64>(ips + <usize>i * 8, BASE + offsets[i]);
    fixupBatch(ips, 4, found);
    expect(load<u32>(found)).toBe(<u32>(image + CODE + 3 * EXTABLE_ENTRY_SIZE));
    expect(load<u32>(found + 4)).toBe(0);
    expect(load<u32>(found + 8)).toBe(<u32>(image + CODE));
    expect(load<u32>(found + 12)).toBe(0);
    kallsymsRemove(BASE);
  });
});

describe('fault log', () => {
  it('counts past its capacity and keeps the newest records', () => {
    faultLogReset();
    for (let i: u64 = 0; i < <u64>FAULT_CAPACITY + 3; i++) faultLogPush(i, i * 2, 0, 80, 0, 4);
    const log = faultLog();
    expect(load<u64>(log + FAULT_COUNT)).toBe(FAULT_CAPACITY + 3);
    expect(load<u64>(log + FAULT_RECORDS + FAULT_IP)).toBe(FAULT_CAPACITY);
    expect(load<u64>(log + FAULT_RECORDS + 3 * FAULT_SIZE + FAULT_IP)).toBe(3);
    expect(load<u64>(log + FAULT_RECORDS + 2 * FAULT_SIZE + FAULT_ADDRESS)).toBe((FAULT_CAPACITY + 2) * 2);
    faultLogReset();
    expect(load<u64>(log + FAULT_COUNT)).toBe(0);
  });
});
