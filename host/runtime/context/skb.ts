import { UsageError } from '../../errors.js';
import { setDataEnd } from '../../helpers/skb.js';
import { PAGE_SIZE } from '../../mm/guest-memory.js';
import type { KernelObject, TypedMemory } from '../../mm/kernel-object.js';
import type { GuestAddress } from '../../quantities.js';
import type { ObjectFactory } from '../objects.js';
import type { ProgramContext } from './program-context.js';

const ETH_HEADER = 14;
const HEADROOM = 64;
const SHARED_INFO = 512;
const NO_HEADER = 0xffff;
const PACKET_HOST = 0;
const PACKET_MULTICAST = 2;
const PACKET_OTHERHOST = 3;
const ETH_P_802_3 = 0x0001;
const ETH_P_802_2 = 0x0004;
const ETH_P_802_3_MIN = 0x0600;
/** data_meta of packet programs, in the control block. */
const DATA_META = 32n;

/** What packets come in on. */
export interface SkbSurroundings {
  readonly device: KernelObject;
  readonly socket: KernelObject | null;
}

/**
 * A struct sk_buff for one frame that came in on loopback. Classifiers see it from the Ethernet header; socket filters
 * (`fromNetwork`) from the network header, 14 bytes later.
 *
 *   head            data                  tail           end
 *   +---------------+---------------------+--------------+-----------------+
 *   | headroom      | frame               | tailroom     | skb_shared_info |
 *   +---------------+---------------------+--------------+-----------------+
 */
export class SkbContext implements ProgramContext {
  readonly argumentCount = 0;
  readonly functionAddress = 0n;
  readonly skb: KernelObject;
  readonly #buffer: GuestAddress;

  constructor(
    private readonly space: TypedMemory,
    private readonly objects: ObjectFactory,
    frame: Uint8Array,
    around: SkbSurroundings,
    private readonly fromNetwork: boolean,
  ) {
    if (frame.length < ETH_HEADER)
      throw new UsageError(
        'USAGE_CONTEXT',
        `packet: expected at least ${ETH_HEADER} bytes of Ethernet frame, found ${frame.length}`,
      );
    const room = Math.ceil((HEADROOM + frame.length + SHARED_INFO) / PAGE_SIZE) * PAGE_SIZE;
    const end = room - SHARED_INFO;
    this.#buffer = space.memory.alloc('direct', room, PAGE_SIZE);
    space.memory.write(this.#buffer + BigInt(HEADROOM), frame);
    const skipped = fromNetwork ? ETH_HEADER : 0;
    this.skb = objects.create('sk_buff', {
      head: this.#buffer,
      data: this.#buffer + BigInt(HEADROOM + skipped),
      len: frame.length - skipped,
      tail: HEADROOM + frame.length,
      end,
      truesize: room,
      mac_header: HEADROOM,
      network_header: HEADROOM + ETH_HEADER,
      transport_header: NO_HEADER,
      mac_len: ETH_HEADER,
      dev: around.device,
      sk: around.socket,
      pkt_type: packetType(frame),
      protocol: frameProtocol(frame),
      users: { refs: { counter: 1 } },
    });
    space.memory.writeUint(this.skb.addressOf('cb') + DATA_META, 8, this.skb.uint('data'));
    setDataEnd(space, this.skb);
  }

  get address(): GuestAddress {
    return this.skb.address;
  }

  /** The packet as the test run hands it back: with 14 zero bytes for the header that a socket filter does not see. */
  output(): Uint8Array {
    const data = this.space.memory.read(this.skb.uint('data'), Number(this.skb.uint('len')));
    if (!this.fromNetwork) return data;
    const whole = new Uint8Array(ETH_HEADER + data.length);
    whole.set(data, ETH_HEADER);
    return whole;
  }

  close(): void {
    this.objects.release(this.skb);
    this.space.memory.free(this.#buffer);
  }
}

/** As for loopback, whose own and broadcast addresses are zero. */
function packetType(frame: Uint8Array): number {
  if ((frame[0]! & 1) !== 0) return PACKET_MULTICAST;
  return frame.subarray(0, 6).every((byte) => byte === 0) ? PACKET_HOST : PACKET_OTHERHOST;
}

/** Protocol in network order, as a little-endian load reads it. */
function frameProtocol(frame: Uint8Array): number {
  const type = (frame[12]! << 8) | frame[13]!;
  const swap = (value: number): number => ((value & 0xff) << 8) | (value >> 8);
  if (type >= ETH_P_802_3_MIN) return swap(type);
  return swap(frame[14] === 0xff && frame[15] === 0xff ? ETH_P_802_3 : ETH_P_802_2);
}
