import { Errno } from '../maps/errno.js';
import type { GuestAddress } from '../quantities.js';
import { type Helper, type HelperEnvironment, type HelperTable, fail } from './helper.js';

/*
 * struct bpf_list_head and bpf_list_node       struct bpf_rb_root        struct bpf_rb_node
 *   0 next   8 previous   (16 owner)             0 root   8 leftmost       0 parent   8 right   16 left   24 owner
 *
 * Heads of zeros are empty. An owner of 0 = the node is in no container.
 */
const PREVIOUS = 8n;
const LIST_OWNER = 16n;
const LEFTMOST = 8n;
const RIGHT = 8n;
const LEFT = 16n;
const TREE_OWNER = 24n;

const at = (env: HelperEnvironment, address: GuestAddress): GuestAddress => env.memory.readUint(address, 8);
const put = (env: HelperEnvironment, address: GuestAddress, value: GuestAddress): void =>
  env.memory.writeUint(address, 8, value);

function openList(env: HelperEnvironment, head: GuestAddress): void {
  if (at(env, head) !== 0n) return;
  put(env, head, head);
  put(env, head + PREVIOUS, head);
}

function link(env: HelperEnvironment, node: GuestAddress, before: GuestAddress, after: GuestAddress): void {
  put(env, node, after);
  put(env, node + PREVIOUS, before);
  put(env, before, node);
  put(env, after + PREVIOUS, node);
}

function push(front: boolean): Helper {
  return (env, [head, node]) => {
    openList(env, head);
    if (at(env, node + LIST_OWNER) !== 0n) return fail(Errno.EINVAL);
    if (front) link(env, node, head, at(env, head));
    else link(env, node, at(env, head + PREVIOUS), head);
    put(env, node + LIST_OWNER, head);
    return 0n;
  };
}

function pop(front: boolean): Helper {
  return (env, [head]) => {
    openList(env, head);
    const node = at(env, front ? head : head + PREVIOUS);
    if (node === head) return 0n;
    const [after, before] = [at(env, node), at(env, node + PREVIOUS)];
    put(env, before, after);
    put(env, after + PREVIOUS, before);
    put(env, node, node);
    put(env, node + PREVIOUS, node);
    put(env, node + LIST_OWNER, 0n);
    return node;
  };
}

/** `less` is called with the new node and one that is there; equal nodes go right. */
const add: Helper = (env, [root, node, less]) => {
  if (at(env, node + TREE_OWNER) !== 0n) return fail(Errno.EINVAL);
  let place = root;
  let parent = 0n;
  let isLeftmost = true;
  for (let next = at(env, place); next !== 0n; next = at(env, place)) {
    parent = next;
    const goesLeft = env.call(less, node, parent) !== 0n;
    if (!goesLeft) isLeftmost = false;
    place = parent + (goesLeft ? LEFT : RIGHT);
  }
  put(env, place, node);
  put(env, node, parent);
  put(env, node + LEFT, 0n);
  put(env, node + RIGHT, 0n);
  put(env, node + TREE_OWNER, root);
  if (isLeftmost) put(env, root + LEFTMOST, node);
  return 0n;
};

/** Puts `next` where `node` hangs. */
function replace(env: HelperEnvironment, root: GuestAddress, node: GuestAddress, next: GuestAddress): void {
  const parent = at(env, node);
  if (parent === 0n) put(env, root, next);
  else put(env, parent + (at(env, parent + LEFT) === node ? LEFT : RIGHT), next);
  if (next !== 0n) put(env, next, parent);
}

function leftmost(env: HelperEnvironment, start: GuestAddress): GuestAddress {
  let node = start;
  while (node !== 0n && at(env, node + LEFT) !== 0n) node = at(env, node + LEFT);
  return node;
}

const remove: Helper = (env, [root, node]) => {
  if (at(env, node + TREE_OWNER) !== root) return 0n;
  const [left, right] = [at(env, node + LEFT), at(env, node + RIGHT)];
  if (left === 0n || right === 0n) {
    replace(env, root, node, left === 0n ? right : left);
  } else {
    const next = leftmost(env, right);
    if (next !== right) {
      replace(env, root, next, at(env, next + RIGHT));
      put(env, next + RIGHT, right);
      put(env, right, next);
    }
    replace(env, root, node, next);
    put(env, next + LEFT, left);
    put(env, left, next);
  }
  put(env, root + LEFTMOST, leftmost(env, at(env, root)));
  put(env, node + TREE_OWNER, 0n);
  return node;
};

/** Lists and trees of objects; the order of a tree is the kernel's, its shape is not. */
export const containerHelpers: HelperTable = {
  bpf_list_push_front_impl: push(true),
  bpf_list_push_back_impl: push(false),
  bpf_list_pop_front: pop(true),
  bpf_list_pop_back: pop(false),
  bpf_rbtree_add_impl: add,
  bpf_rbtree_remove: remove,
  bpf_rbtree_first: (env, [root]) => at(env, root + LEFTMOST),
};
