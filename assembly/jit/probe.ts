// Loads that may fault (modes PROBE_MEM and PROBE_MEMSX): the address guard of the version, then the plain load,
// which alone is in the exception table.

import { BPF_PROBE_MEMSX, BPF_REG_FP } from '../isa';
import { JIT_PROBE_USER, JIT_PROBE_VSYSCALL, JIT_V5_5, JIT_V6_1 } from '../layout/jit';
import { aluImm32, aluRR, clear, mov64 } from '../x86/encode';
import { ptRegsOffset, R10, R11 } from '../x86/reg';
import { put2, put3, put4, put8 } from '../x86/sink';
import { loadMem, loadSigned } from './load_store';
import { noteFault, record, version } from './state';

export function probeLoad(p: usize, op: u32, bpfD: u32, d: u32, s: u32, off: i32): usize {
  const start = p;
  if (version !== JIT_V5_5) p = version === JIT_V6_1 ? guard61(p, s, off) : guard612(p, s, off);
  const refuse = p;
  if (version !== JIT_V5_5) {
    // Filled in once the load's length is known: clear d, jmp over the load.
    p = put2(clear(p, d), 0x00eb);
  }
  const at = p;
  const size = op & 0x18;
  p = (op & 0xe0) === BPF_PROBE_MEMSX ? loadSigned(p, size, d, s, off) : loadMem(p, size, d, s, off);
  if (at !== start) {
    store<u8>(at - 1, <u32>(p - at));
    store<u8>(refuse - 1, <u32>(at - refuse));
  }
  noteFault(at, p, bpfD < <u32>BPF_REG_FP ? ptRegsOffset(d) : NO_PROBE_REGISTER);
  return p;
}

/** Fixup register of a probe load above R9: refused when the table is written. */
export const NO_PROBE_REGISTER = 0xff_ffff;

/** r11 = s + off - vsyscall; above user limit - vsyscall is the kernel half below the vsyscall page. */
function guard612(p: usize, s: u32, off: i32): usize {
  const vsyscall = load<u64>(record + JIT_PROBE_VSYSCALL);
  // mov r10, vsyscall
  p = put4(put3(p, 0xc2_c749), <u32>vsyscall);
  p = mov64(p, R11, s);
  if (off !== 0) p = aluImm32(p, 0x01, 1, R11, off);
  p = aluRR(p, 0x29, 1, R11, R10);
  p = put8(put2(p, 0xba49), load<u64>(record + JIT_PROBE_USER) - vsyscall);
  p = aluRR(p, 0x39, 1, R11, R10);
  // ja load
  return put2(p, 0x0077);
}

/** s below the user limit plus |off|, or s + off carrying out, is refused. */
function guard61(p: usize, s: u32, off: i32): usize {
  p = put8(put2(p, 0xbb49), load<u64>(record + JIT_PROBE_USER) + <u64>(off < 0 ? -off : off));
  p = aluRR(p, 0x39, 1, s, R11);
  // jb refuse
  p = put2(p, 0x0c72);
  p = aluImm32(mov64(p, R11, s), 0x01, 1, R11, off);
  // jnc load
  return put2(p, 0x0073);
}
