import assert from 'node:assert/strict';
import { it } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { WasmEngine } from '../../../host/runtime/wasm-engine.js';
import { code, insn, interpMachine, knobs } from '../../support/interp.js';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
const PROGRAMS = 40;
/** Those that something of the JS engine may still hold. */
const SPARED = 5;

it('unloaded programs are collected, those that called the host too', async () => {
  const { core, memory } = await interpMachine();
  const wasm = new WasmEngine(core, memory, knobs('6.12'), {});
  const gone: WeakRef<object>[] = [];
  for (let at = 0; at < PROGRAMS; at++) {
    const program = wasm.loadRaw(code(insn(0x85, 0, 0, 0, 7), insn(0x07, 0, 0, 0, at), insn(0x95)));
    assert.equal(wasm.run(program, [], { gate: () => 5n }).r0, BigInt(5 + at));
    gone.push(new WeakRef(program.functions[0]));
    wasm.unload(program);
  }
  await new Promise((resume) => setTimeout(resume, 20));
  collect();
  const left = gone.filter((one) => one.deref() !== undefined).length;
  assert.ok(left <= SPARED, `${left} of ${PROGRAMS} are still there`);
});
