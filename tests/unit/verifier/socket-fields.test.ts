import { mayAccess, parse } from '../../support/context-facts.js';
import { MAP, type Verdict, type VerifierCase, verifierGroups } from '../../support/verifier-cases.js';

/** Structs behind socket pointers, in the notation of context-facts.ts, and a program that has one in r7. */
interface Pointer {
  readonly name: string;
  readonly options: Partial<VerifierCase>;
  readonly setup: string;
  readonly size: number;
  readonly fields: string;
}

const COMMON = 'r7 = *(u64 *)(r1 +168)\nif r7 == 0x0 goto out';
const FULL = `${COMMON}\nr1 = r7\ncall bpf_sk_fullsock\nif r0 == 0x0 goto out\nr7 = r0`;
const ADDRESSES = `24:4n 28:4n 32:4n 36:4n 40:4n 44:4n 48:2n 52:4n 56:4n 60:4n 64:4n 68:4n 72:4n 76:4n`;
const tc = { type: 'SCHED_CLS' } as const;

const POINTERS: readonly Pointer[] = [
  {
    ...{ name: 'sock', options: tc, setup: FULL, size: 80 },
    fields: `0:4 4:4n 8:4n 12:4n 16:4 20:4 ${ADDRESSES}`,
  },
  { name: 'sock_common', options: tc, setup: COMMON, size: 80, fields: `0:4 4:4n ${ADDRESSES}` },
  {
    ...{ name: 'tcp_sock', options: tc, size: 112, fields: '0..76 80:8 88:8 96..108' },
    setup: `${FULL}\nr1 = r7\ncall bpf_tcp_sock\nif r0 == 0x0 goto out\nr7 = r0`,
  },
  {
    ...{ name: 'xdp_sock', options: { type: 'XDP', maps: [{ type: MAP.XSKMAP, value: 4 }] }, size: 4 },
    setup: `*(u64 *)(r10 -8) = 0
      r2 = r10
      r2 += -8
      r1 = map_fd 0
      call bpf_map_lookup_elem
      if r0 == 0x0 goto out
      r7 = r0`,
    fields: '0:4',
  },
];
const SIZES = [1, 2, 4, 8];

const program = (setup: string, access: string): string => `r2 = 0\n${setup}\n${access}\nout: r0 = 0\nexit`;

/** struct bpf_sock lets its port be loaded as 4 bytes, with the zeros behind it. */
const isWidePort = (name: string, off: number, size: number): boolean =>
  name.startsWith('sock') && off === 48 && size === 4;

function accesses({ name, options, setup, size: end, fields }: Pointer): VerifierCase[] {
  const known = parse(fields);
  const shape = { type: 'SK_MSG', size: end, fields } as const;
  const rows: VerifierCase[] = [];
  const add = (what: string, access: string, want: Verdict): void => {
    const text = program(setup, access);
    rows.push({
      rule: 'R%d invalid %s access off=%d size=%d',
      name: `${name}: ${what}`,
      ...options,
      text,
      want,
      want61: want,
    });
  };
  for (let off = 0; off <= end + 8; off++) {
    for (const size of SIZES) {
      const isAllowed = mayAccess(shape, known, off, size, false) || isWidePort(name, off, size);
      const refused: Verdict = ['EACCES', `R7 invalid ${name} access off=${off} size=${size}`];
      add(`${off}:${size}`, `r3 = *(u${size * 8} *)(r7 +${off})`, isAllowed ? 'ok' : refused);
    }
  }
  add('store', '*(u32 *)(r7 +0) = 0', ['EACCES', `R7 cannot write into ${name}`]);
  return rows;
}

/** Flow keys are plain memory of 56 bytes. */
function flowKeys(): VerifierCase[] {
  const rows: VerifierCase[] = [];
  for (let off = 0; off <= 60; off++) {
    for (const size of SIZES) {
      const want: Verdict =
        off + size <= 56 ? 'ok' : ['EACCES', `invalid access to flow keys off=${off} size=${size}`];
      for (const access of [`r3 = *(u${size * 8} *)(r7 +${off})`, `*(u${size * 8} *)(r7 +${off}) = 0`]) {
        const text = program('r7 = *(u64 *)(r1 +144)', access);
        rows.push({
          ...{ rule: 'invalid access to flow keys off=%d size=%d', name: `flow_keys: ${access}`, text },
          ...{ type: 'FLOW_DISSECTOR', want, want61: want },
        });
      }
    }
  }
  return rows;
}

verifierGroups('fields of sockets', [...POINTERS.flatMap(accesses), ...flowKeys()], (test) =>
  test.name!.replace(/:.*/, ''),
);
