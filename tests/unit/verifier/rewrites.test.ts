import { MAP, type VerifierCase, verifierCases } from '../../support/verifier-cases.js';

const GFP_ATOMIC = 0x820;
const GFP_KERNEL = 0xcc0;

/** A task's storage is looked up where sleeping is allowed, and once more between `open` and `close`. */
function storage(open: string, close: string, flag: number): VerifierCase {
  const lookup = `
    r2 = r6
    r1 = map_fd 0
    r3 = 0
    r4 = 1
    call bpf_task_storage_get`;
  const rewritten = (gfp: number): string => `
    r2 = r6
    r1 = 0x1
    r3 = 0
    r4 = 1
    r5 = ${gfp}
    call &bpf_task_storage_get`;
  return {
    rule: 'rewrite: storage_get says whether it may sleep',
    name: open,
    type: 'LSM',
    attachType: 27,
    attach: { kind: 'lsm', target: 'file_open' },
    sleepable: true,
    maps: [{ type: MAP.TASK_STORAGE, max: 0, flags: 1 }],
    text: `
      call bpf_get_current_task_btf
      r6 = r0
      ${lookup}
      call kfunc ${open}
      ${lookup}
      call kfunc ${close}
      r0 = 0
      exit`,
    want: 'ok',
    xlated: `
      call &bpf_get_current_task_btf
      r6 = r0
      ${rewritten(GFP_KERNEL)}
      call &${open}
      ${rewritten(flag)}
      call &${close}
      r0 = 0
      exit`,
  };
}

const cases: readonly VerifierCase[] = [
  storage('bpf_rcu_read_lock', 'bpf_rcu_read_unlock', GFP_ATOMIC),
  storage('bpf_preempt_disable', 'bpf_preempt_enable', GFP_ATOMIC),
];

verifierCases('rewrites', cases);
