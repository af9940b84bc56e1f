import assert from 'node:assert/strict';
import { RB_LEFT, RB_PARENT, RB_RIGHT } from '../../assembly/layout/rbtree.js';

/** Checks the rules of a red-black tree in core memory and answers its nodes in order. */
export function walkTree(view: DataView, root: number, at: number): number[] {
  const order: number[] = [];
  const blackHeight = (node: number, parent: number, parentRed: boolean): number => {
    if (node === 0) return 1;
    const word = view.getUint32(node + at + RB_PARENT, true);
    const red = (word & 1) === 0;
    assert.equal((word & ~1) >>> 0, parent, 'parent link');
    assert.ok(!(red && parentRed), 'a red node has a red parent');
    const left = blackHeight(view.getUint32(node + at + RB_LEFT, true), node, red);
    order.push(node);
    const right = blackHeight(view.getUint32(node + at + RB_RIGHT, true), node, red);
    assert.equal(left, right, 'black heights differ');
    return left + (red ? 0 : 1);
  };
  blackHeight(root, 0, true);
  return order;
}
