import { BtfKind } from '../../../host/btf/types.js';
import { kernelBtf } from '../../support/golden-kernel.js';
import {
  type KernelName,
  type Verdict,
  type VerifierCase,
  verifierGroups,
} from '../../support/verifier-cases.js';

/** Fields of sockets that congestion control may set. */
const WRITABLE: readonly (readonly [struct: string, field: string, only612?: boolean])[] = [
  ['sock', 'sk_pacing_rate'],
  ['sock', 'sk_pacing_status', true],
  ['inet_connection_sock', 'icsk_ca_priv'],
  ['inet_connection_sock', 'icsk_ack.pending'],
  ['tcp_sock', 'snd_cwnd'],
  ['tcp_sock', 'snd_cwnd_cnt'],
  ['tcp_sock', 'snd_cwnd_stamp'],
  ['tcp_sock', 'snd_ssthresh'],
  ['tcp_sock', 'ecn_flags'],
  ['tcp_sock', 'app_limited'],
];
/** Some of those that it may not. */
const READ_ONLY = ['snd_una', 'rcv_nxt', 'srtt_us', 'mss_cache', 'packets_out'];

interface Field {
  readonly offset: number;
  readonly size: number;
}

function fieldOf(version: KernelName, struct: string, name: string): Field {
  const btf = kernelBtf(version);
  const { bitOffset, type } = btf.member(btf.find(struct, BtfKind.STRUCT), name);
  return { offset: Math.floor(bitOffset / 8), size: btf.sizeOf(type) };
}

const eacces = (message: string): Verdict => ['EACCES', message];

/** A store of `size` bytes, of one kernel: where fields lie differs. */
function store(version: KernelName, name: string, offset: number, size: number, want: Verdict): VerifierCase {
  return {
    ...{ rule: 'no write support to tcp_sock at off %d', name: `${version} ${name}: store of ${size} bytes` },
    ...{ type: 'STRUCT_OPS', attach: { kind: 'struct_ops', target: 'tcp_congestion_ops.cong_avoid' } },
    text: `r1 = *(u64 *)(r1 +0)\nr2 = 0\n*(u${size * 8} *)(r1 +${offset}) = r2\nexit`,
    ...(version === '6.12' ? { want } : { want61: want }),
  };
}

function cases(version: KernelName): VerifierCase[] {
  const refused = (offset: number): Verdict => eacces(`no write support to tcp_sock at off ${offset}`);
  const writable = WRITABLE.flatMap(([struct, name, only612]) => {
    const { offset, size } = fieldOf(version, struct, name);
    if (only612 === true && version === '6.1')
      return [store(version, name, offset, Math.min(size, 8), refused(offset))];
    const rows = [store(version, name, offset, Math.min(size, 8), 'ok')];
    if (size < 8) {
      const end = `beyond the member of tcp_sock ended at ${offset + size}`;
      rows.push(
        store(
          version,
          name,
          offset,
          size * 2,
          eacces(`write access at off ${offset} with size ${size * 2} ${end}`),
        ),
      );
    }
    return rows;
  });
  const readOnly = READ_ONLY.map((name) => {
    const { offset, size } = fieldOf(version, 'tcp_sock', name);
    return store(version, name, offset, size, refused(offset));
  });
  return [...writable, ...readOnly];
}

verifierGroups('stores of congestion control', [...cases('6.12'), ...cases('6.1')], (test) =>
  test.name!.replace(/:.*/, ''),
);
