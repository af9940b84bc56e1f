import type { CpuPlaces } from '../../core/cpu.js';
import { orderOf } from '../dominators.js';
import * as W from '../opcodes.js';
import { makeReducible } from '../reducible.js';
import { imported, name, newModule, section, typeSection } from '../sections.js';
import { stackify } from '../stackify.js';
import type { Region } from './region.js';
import { LOCAL_TYPES, RegionCode } from './region-code.js';

/**
 * A module with one function, `run(fuel) -> fuel left`: a region of code from its beginning on, in the state record of
 * the CPU. It imports `env.memory` and the core's `env.cold`.
 */
export function regionModule(region: Region, places: CpuPlaces): Uint8Array {
  const { nodes, root } = region;
  makeReducible(nodes, root);
  const order = orderOf(nodes, root);
  const { position, predecessors } = order;
  const isHeader = (node: number): boolean =>
    predecessors[node].some((from) => position[from] >= position[node]);
  const code = new RegionCode(region, places, isHeader);
  code.begin();
  stackify(code.out, nodes, root, order, code);
  code.out.op(W.UNREACHABLE, W.END);
  const out = newModule();
  typeSection(out, [[[W.I32], [W.I32]]]);
  section(out, 2, (to) => {
    to.u32(2);
    imported(to, 'memory');
    to.op(2, 0);
    to.u32(1);
    imported(to, 'cold');
    to.op(0, 0);
  });
  section(out, 3, (to) => to.op(1, 0));
  section(out, 7, (to) => {
    to.u32(1);
    name(to, 'run');
    to.op(0, 1);
  });
  section(out, 10, (to) => {
    const locals = newLocals(LOCAL_TYPES);
    to.u32(1);
    to.u32(locals.length + code.out.length);
    to.bytes(locals);
    to.bytes(code.out.view());
  });
  return out.view();
}

function newLocals(types: readonly number[]): Uint8Array {
  return Uint8Array.of(types.length, ...types.flatMap((type) => [1, type]));
}
