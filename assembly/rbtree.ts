// Red-black tree with parent links (Cormen et al., Introduction to Algorithms, chapter 13), without a sentinel.
// `root` is the address of the u32 root link, `at` the offset of the node embedded in each element.
import { RB_BLACK, RB_KEY, RB_LEFT, RB_PARENT, RB_RED, RB_RIGHT } from './layout/rbtree';
import { publish32 } from './publish';

// The only accesses to child and root links: atomic where other threads read them.
function linkGet(link: usize): usize {
  return ASC_FEATURE_THREADS ? atomic.load<u32>(link) : load<u32>(link);
}

function linkSet(link: usize, element: usize): void {
  publish32(link, <u32>element);
}

export function rbLeft(element: usize, at: usize): usize {
  return linkGet(element + at + RB_LEFT);
}

export function rbRight(element: usize, at: usize): usize {
  return linkGet(element + at + RB_RIGHT);
}

export function rbRoot(root: usize): usize {
  return linkGet(root);
}

export function rbParent(element: usize, at: usize): usize {
  return load<u32>(element + at + RB_PARENT) & ~1;
}

export function rbColour(element: usize, at: usize): u32 {
  return load<u32>(element + at + RB_PARENT) & 1;
}

function setParent(element: usize, at: usize, parent: usize): void {
  store<u32>(element + at + RB_PARENT, (<u32>parent) | rbColour(element, at));
}

function setColour(element: usize, at: usize, colour: u32): void {
  const word = element + at + RB_PARENT;
  store<u32>(word, (load<u32>(word) & ~1) | colour);
}

/** A missing child counts as black. */
function isBlack(element: usize, at: usize): bool {
  return element === 0 || rbColour(element, at) === RB_BLACK;
}

/** Makes `next` stand where `old` stands below `parent` (0 = the root). */
function replaceChild(root: usize, parent: usize, old: usize, next: usize, at: usize): void {
  if (parent === 0) linkSet(root, next);
  else if (rbLeft(parent, at) === old) linkSet(parent + at + RB_LEFT, next);
  else linkSet(parent + at + RB_RIGHT, next);
}

/** Rotates `element` down to the `side` (RB_LEFT or RB_RIGHT); the child of the other side takes its place. */
function rotate(root: usize, element: usize, side: usize, at: usize): void {
  const other: usize = <usize>RB_RIGHT - side;
  const child = linkGet(element + at + other);
  const inner = linkGet(child + at + side);
  const parent = rbParent(element, at);
  linkSet(element + at + other, inner);
  if (inner !== 0) setParent(inner, at, element);
  linkSet(child + at + side, element);
  setParent(child, at, parent);
  replaceChild(root, parent, element, child, at);
  setParent(element, at, child);
}

/** Inserts an element; among equal keys it goes to the right. */
export function rbInsert(root: usize, element: usize, at: usize): void {
  const key = load<u64>(element + RB_KEY);
  let parent: usize = 0;
  let link = root;
  let here = linkGet(link);
  while (here !== 0) {
    parent = here;
    link = here + at + (key < load<u64>(here + RB_KEY) ? RB_LEFT : RB_RIGHT);
    here = linkGet(link);
  }
  linkSet(element + at + RB_LEFT, 0);
  linkSet(element + at + RB_RIGHT, 0);
  store<u32>(element + at + RB_PARENT, (<u32>parent) | RB_RED);
  linkSet(link, element);

  while (parent !== 0 && rbColour(parent, at) === RB_RED) {
    // A red parent is not the root, so there is a grandparent.
    const grand = rbParent(parent, at);
    const side: usize = rbLeft(grand, at) === parent ? RB_LEFT : RB_RIGHT;
    const uncle = linkGet(grand + at + <usize>RB_RIGHT - side);
    if (!isBlack(uncle, at)) {
      setColour(parent, at, RB_BLACK);
      setColour(uncle, at, RB_BLACK);
      setColour(grand, at, RB_RED);
      element = grand;
      parent = rbParent(element, at);
      continue;
    }
    if (linkGet(parent + at + <usize>RB_RIGHT - side) === element) {
      rotate(root, parent, side, at);
      parent = element;
    }
    setColour(parent, at, RB_BLACK);
    setColour(grand, at, RB_RED);
    rotate(root, grand, <usize>RB_RIGHT - side, at);
    break;
  }
  setColour(linkGet(root), at, RB_BLACK);
}

/** Restores the black heights after the subtree `element` (maybe empty) below `parent` lost one black. */
function eraseFixup(root: usize, element: usize, parent: usize, at: usize): void {
  while (parent !== 0 && isBlack(element, at)) {
    const side: usize = rbLeft(parent, at) === element ? RB_LEFT : RB_RIGHT;
    const other: usize = <usize>RB_RIGHT - side;
    let sibling = linkGet(parent + at + other);
    if (rbColour(sibling, at) === RB_RED) {
      setColour(sibling, at, RB_BLACK);
      setColour(parent, at, RB_RED);
      rotate(root, parent, side, at);
      sibling = linkGet(parent + at + other);
    }
    const near = linkGet(sibling + at + side);
    const far = linkGet(sibling + at + other);
    if (isBlack(near, at) && isBlack(far, at)) {
      setColour(sibling, at, RB_RED);
      element = parent;
      parent = rbParent(element, at);
      continue;
    }
    if (isBlack(far, at)) {
      setColour(near, at, RB_BLACK);
      setColour(sibling, at, RB_RED);
      rotate(root, sibling, other, at);
      sibling = near;
    }
    setColour(sibling, at, rbColour(parent, at));
    setColour(parent, at, RB_BLACK);
    setColour(linkGet(sibling + at + other), at, RB_BLACK);
    rotate(root, parent, side, at);
    return;
  }
  if (element !== 0) setColour(element, at, RB_BLACK);
}

/** Takes an element of this tree out. */
export function rbErase(root: usize, element: usize, at: usize): void {
  const left = rbLeft(element, at);
  const right = rbRight(element, at);
  const above = rbParent(element, at);
  let colour = rbColour(element, at);
  let child: usize;
  let parent: usize;
  if (left === 0 || right === 0) {
    child = left === 0 ? right : left;
    parent = above;
    replaceChild(root, above, element, child, at);
    if (child !== 0) setParent(child, at, above);
  } else {
    let next = right;
    for (let down = rbLeft(next, at); down !== 0; down = rbLeft(next, at)) next = down;
    child = rbRight(next, at);
    if (next === right) {
      parent = next;
    } else {
      parent = rbParent(next, at);
      linkSet(parent + at + RB_LEFT, child);
      if (child !== 0) setParent(child, at, parent);
      linkSet(next + at + RB_RIGHT, right);
      setParent(right, at, next);
    }
    linkSet(next + at + RB_LEFT, left);
    setParent(left, at, next);
    const nextColour = rbColour(next, at);
    store<u32>(next + at + RB_PARENT, (<u32>above) | colour);
    replaceChild(root, above, element, next, at);
    colour = nextColour;
  }
  if (colour === RB_BLACK) eraseFixup(root, child, parent, at);
}
