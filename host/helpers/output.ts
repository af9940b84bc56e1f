import { Errno } from '../maps/errno.js';
import { RingbufMap } from '../maps/ringbuf-map.js';
import { SampleMap } from '../maps/sample-map.js';
import type { GuestAddress } from '../quantities.js';
import { concat } from './guest-string.js';
import { type Helper, type HelperEnvironment, type HelperTable, answer, fail, mapOf, u32 } from './helper.js';
import { skbAt } from './skb.js';

const CURRENT_CPU = 0xffffffffn;

type Payload = (env: HelperEnvironment, context: GuestAddress, size: number) => Uint8Array | null;

const noPayload: Payload = () => new Uint8Array(0);
const skbPayload: Payload = (env, context, size) => {
  const skb = skbAt(env, context);
  return size > Number(skb.uint('len')) ? null : env.memory.read(skb.uint('data'), size);
};
const xdpPayload: Payload = (env, context, size) => {
  const xdp = env.object('xdp_buff', context);
  const data = xdp.uint('data');
  return BigInt(size) > xdp.uint('data_end') - data ? null : env.memory.read(data, size);
};

/** The high half of the flags asks for that many packet bytes behind the data. */
function eventOutput(payload: Payload): Helper {
  return (env, [context, map, flags, data, size]) => {
    const index = flags & 0xffffffffn;
    const target = mapOf(env, map, SampleMap);
    if (index !== CURRENT_CPU && index >= BigInt(target.spec.maxEntries)) return fail(Errno.E2BIG);
    const packet = payload(env, context, Number((flags >> 32n) & 0xfffffn));
    if (!packet) return fail(Errno.EFAULT);
    target.output(concat([env.memory.read(data, u32(size)), packet]));
    return 0n;
  };
}

const ring = (env: HelperEnvironment, map: GuestAddress): RingbufMap => mapOf(env, map, RingbufMap);
const NO_WAKEUP_OR_FORCE = 3n;

/** Ends the record at `sample`: its header stands right before it, whatever buffer it lies in. */
function finish(discard: boolean): Helper {
  return (env, [sample]) => {
    const header = sample - 8n;
    const length = env.memory.readUint(header, 4) & 0x3fffffffn;
    env.memory.writeUint(header, 4, discard ? length | 0x40000000n : length);
    return 0n;
  };
}

export const outputHelpers: HelperTable = {
  bpf_perf_event_output: eventOutput(noPayload),
  bpf_perf_event_output_tp: eventOutput(noPayload),
  bpf_perf_event_output_raw_tp: eventOutput(noPayload),
  bpf_event_output_data: eventOutput(noPayload),
  bpf_skb_event_output: eventOutput(skbPayload),
  bpf_skb_output: eventOutput(skbPayload),
  bpf_xdp_event_output: eventOutput(xdpPayload),
  bpf_xdp_output: eventOutput(xdpPayload),
  bpf_ringbuf_reserve: (env, [map, size, flags]) => (flags === 0n ? ring(env, map).reserve(size) : 0n),
  bpf_ringbuf_submit: finish(false),
  bpf_ringbuf_discard: finish(true),
  bpf_ringbuf_output: (env, [map, data, size, flags]) =>
    (flags & ~NO_WAKEUP_OR_FORCE) !== 0n
      ? fail(Errno.EINVAL)
      : answer(ring(env, map).output(env.memory.read(data, Number(size)))),
  bpf_ringbuf_query: (env, [map, what]) => ring(env, map).query(what),
};
