import { RB_BLACK, RB_KEY, RB_RED } from '../../assembly/layout/rbtree';
import { rbColour, rbErase, rbInsert, rbLeft, rbParent, rbRight, rbRoot } from '../../assembly/rbtree';

const AT: usize = 8;
const SIZE: usize = 24;
const COUNT: i32 = 512;
const elements = memory.data(12288, 16);
const root = memory.data(16, 16);

function element(index: i32): usize {
  return elements + <usize>index * SIZE;
}

/** Black height of a subtree that keeps every rule and the order; -1 when one is broken. */
function height(node: usize, parent: usize, low: u64, high: u64): i32 {
  if (node === 0) return 1;
  const key = load<u64>(node + RB_KEY);
  if (key < low || key > high || rbParent(node, AT) !== parent) return -1;
  const isRed = rbColour(node, AT) === RB_RED;
  if (isRed && (parent === 0 || rbColour(parent, AT) === RB_RED)) return -1;
  const left = height(rbLeft(node, AT), node, low, key);
  const right = height(rbRight(node, AT), node, key, high);
  if (left < 0 || left !== right) return -1;
  return left + (isRed ? 0 : 1);
}

function size(node: usize): i32 {
  return node === 0 ? 0 : 1 + size(rbLeft(node, AT)) + size(rbRight(node, AT));
}

function isValid(): bool {
  return height(rbRoot(root), 0, 0, u64.MAX_VALUE) > 0;
}

function fill(stride: i32): void {
  store<u32>(root, 0);
  for (let i = 0; i < COUNT; i++) {
    const index = (i * stride) % COUNT;
    store<u64>(element(index) + RB_KEY, <u64>index * 1000);
    rbInsert(root, element(index), AT);
  }
}

describe('red-black tree', () => {
  it('keeps its rules after every insertion, whatever the order', () => {
    const strides: i32[] = [1, COUNT - 1, 5, 171, 255];
    for (let s = 0; s < strides.length; s++) {
      store<u32>(root, 0);
      for (let i = 0; i < COUNT; i++) {
        const index = (i * strides[s]) % COUNT;
        store<u64>(element(index) + RB_KEY, <u64>index);
        rbInsert(root, element(index), AT);
        assert(isValid());
      }
      expect(size(rbRoot(root))).toBe(COUNT);
      expect(rbColour(rbRoot(root), AT)).toBe(RB_BLACK);
    }
  });

  it('keeps its rules after every removal: ascending, descending, scattered', () => {
    const strides: i32[] = [1, COUNT - 1, 37];
    for (let s = 0; s < strides.length; s++) {
      fill(171);
      for (let i = 0; i < COUNT; i++) {
        rbErase(root, element((i * strides[s]) % COUNT), AT);
        assert(isValid());
        assert(size(rbRoot(root)) === COUNT - 1 - i);
      }
      expect(rbRoot(root)).toBe(0);
    }
  });

  it('puts equal keys to the right', () => {
    store<u32>(root, 0);
    for (let i = 0; i < 3; i++) {
      store<u64>(element(i) + RB_KEY, 7);
      rbInsert(root, element(i), AT);
    }
    expect(rbRoot(root)).toBe(element(1));
    expect(rbLeft(element(1), AT)).toBe(element(0));
    expect(rbRight(element(1), AT)).toBe(element(2));
  });

  it('orders keys as unsigned numbers', () => {
    store<u32>(root, 0);
    const keys: u64[] = [0xffffffffc0000000, 0x1000, 0xffff888000000000, 0x7fff00000000];
    for (let i = 0; i < 4; i++) {
      store<u64>(element(i) + RB_KEY, keys[i]);
      rbInsert(root, element(i), AT);
    }
    let lowest = rbRoot(root);
    while (rbLeft(lowest, AT) !== 0) lowest = rbLeft(lowest, AT);
    expect(lowest).toBe(element(1));
    assert(isValid());
  });
});
