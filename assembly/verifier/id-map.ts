// Ids of an old state and what they are in the new one: one to one, for one comparison at a time.
//
//   8 bytes: | old u32 | cur u32 |, at most one pair for each id of a state

const ROOM: i32 = 2048;
const PAIR: usize = 8;
const pairs: usize = memory.data(ROOM * 8);
let count: i32 = 0;
let temporary: u32 = 0;

/** Starts a comparison; ids above `first` are in use by nobody. */
export function idsBegin(first: u32): void {
  count = 0;
  temporary = first;
}

/** 1 = the two ids can stand for the same thing. */
export function idsSame(old: u32, cur: u32): i32 {
  if ((old === 0) !== (cur === 0)) return 0;
  if (old === 0) return 1;
  const end = pairs + <usize>count * PAIR;
  for (let at = pairs; at < end; at += PAIR) {
    if (load<u32>(at) === old) return load<u32>(at, 4) === cur ? 1 : 0;
    if (load<u32>(at, 4) === cur) return 0;
  }
  // More ids than a state can have: nothing is taken for proved.
  if (count === ROOM) return 0;
  store<u32>(end, old);
  store<u32>(end, cur, 4);
  count++;
  return 1;
}

/** The same for scalars: without an id they are linked to nothing, and each gets one of its own. */
export function idsSameScalar(old: u32, cur: u32): i32 {
  // Two new ids: nothing else has either.
  if (old === 0 && cur === 0) return 1;
  if (old === 0) old = ++temporary;
  if (cur === 0) cur = ++temporary;
  return idsSame(old, cur);
}
