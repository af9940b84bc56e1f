import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LIVE_READ64, LIVE_WRITTEN, REG_SIZE } from '../../../assembly/layout/verifier.js';
import { VerifierMemory } from '../../../host/core/verifier.js';
import { RegType } from '../../../host/verifier/reg-type.js';
import { Registers, W_LIVE, W_PARENT, W_PRECISE, W_TYPE } from '../../../host/verifier/registers.js';
import {
  Frames,
  State,
  kindAddress,
  markedReg,
  markedSlot,
  regAddress,
  slotAddress,
} from '../../../host/verifier/state.js';
import { loadCore } from '../../support/jit.js';

const SPILL = 1;

async function setUp(): Promise<{ mem: VerifierMemory; regs: Registers; frames: Frames }> {
  const mem = new VerifierMemory(await loadCore(), false);
  return { mem, regs: new Registers(mem), frames: new Frames(mem) };
}

function stateOf(frames: Frames, slots: number): State {
  const state = new State();
  state.frames.push(frames.grow(frames.create(0, 0, -1), slots));
  return state;
}

describe('marks of places', () => {
  it('a proved state leaves its reads though its own parent was freed and its memory is the current frame', async () => {
    const { mem, regs, frames } = await setUp();
    const old = stateOf(frames, 0).frame;
    const current = stateOf(frames, 0).frame;
    const [from, to] = [regAddress(old, 6), regAddress(current, 6)];
    regs.set(from, W_LIVE, LIVE_READ64 | LIVE_WRITTEN);
    regs.set(from, W_PARENT, to);
    mem.domain.framePropagateRead(old, current, 1);
    assert.equal(regs.get(to, W_LIVE), LIVE_READ64);
  });

  it('reads stop at the state that wrote', async () => {
    const { mem, regs } = await setUp();
    const places = [0, 1, 2, 3].map(() => mem.alloc(REG_SIZE));
    places.forEach((place, i) => {
      mem.zero(place, REG_SIZE);
      regs.set(place, W_PARENT, places[i + 1] ?? 0);
    });
    regs.set(places[2], W_LIVE, LIVE_WRITTEN);
    assert.equal(mem.domain.liveMarkRead(places[0], places[1], LIVE_READ64), 2);
    assert.deepEqual(
      places.map((place) => regs.get(place, W_LIVE)),
      [0, LIVE_READ64, LIVE_READ64 | LIVE_WRITTEN, 0],
    );
  });

  it('a state that keeps only marks is found by the places below it, and finds those above', async () => {
    const { mem, regs, frames } = await setUp();
    const [above, middle, below] = [3, 3, 3].map((slots) => stateOf(frames, slots));
    mem.domain.frameConnect(middle.frame, above.frame, 1);
    mem.domain.frameConnect(below.frame, middle.frame, 1);
    regs.set(regAddress(middle.frame, 2), W_TYPE, RegType.SCALAR);
    regs.set(slotAddress(middle.frame, 1), W_TYPE, RegType.SCALAR);
    mem.bytes[kindAddress(middle.frame, 1, 7)] = SPILL;
    for (const frame of frames.keepMarks(middle)) {
      mem.domain.frameFollow(below.frame, 0);
      frames.free(frame);
    }
    const marks = middle.frame;
    assert.equal(regs.get(regAddress(below.frame, 9), W_PARENT), markedReg(marks, 9));
    assert.equal(regs.get(slotAddress(below.frame, 2), W_PARENT), markedSlot(marks, 2));
    // What is no scalar counts as precise: nobody marks it.
    assert.deepEqual(
      [1, 2].map((i) => regs.get(markedReg(marks, i), W_PRECISE)),
      [1, 0],
    );
    assert.deepEqual(
      [0, 1].map((i) => regs.get(markedSlot(marks, i), W_PRECISE)),
      [1, 0],
    );
    const slot = slotAddress(below.frame, 0);
    assert.equal(mem.domain.liveMarkRead(slot, regs.get(slot, W_PARENT), LIVE_READ64), 2);
    assert.equal(regs.get(slotAddress(above.frame, 0), W_LIVE), LIVE_READ64);
    // And when the one above does the same.
    frames.keepMarks(above);
    mem.domain.frameFollow(marks, 1);
    assert.equal(regs.get(markedSlot(marks, 2), W_PARENT), markedSlot(above.frame, 2));
  });
});
