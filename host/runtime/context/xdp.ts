import { UsageError } from '../../errors.js';
import { PAGE_SIZE } from '../../mm/guest-memory.js';
import type { KernelObject, TypedMemory } from '../../mm/kernel-object.js';
import type { GuestAddress } from '../../quantities.js';
import type { ObjectFactory } from '../objects.js';
import type { ProgramContext } from './program-context.js';

const ETH_HEADER = 14;
const HEADROOM = 256;
const TAILROOM = 320;

/** A struct xdp_buff for one frame that came in on a device's queue 0 and leaves through it. */
export class XdpContext implements ProgramContext {
  readonly argumentCount = 0;
  readonly functionAddress = 0n;
  readonly xdp: KernelObject;
  readonly #queue: KernelObject;
  readonly #sender: KernelObject;
  readonly #buffer: GuestAddress;

  constructor(
    private readonly space: TypedMemory,
    private readonly objects: ObjectFactory,
    frame: Uint8Array,
    device: KernelObject,
  ) {
    const limit = PAGE_SIZE - HEADROOM - TAILROOM;
    if (frame.length < ETH_HEADER || frame.length > limit)
      throw new UsageError(
        'USAGE_CONTEXT',
        `packet: expected ${ETH_HEADER} to ${limit} bytes of Ethernet frame, found ${frame.length}`,
      );
    this.#buffer = space.memory.alloc('direct', PAGE_SIZE, PAGE_SIZE);
    const data = this.#buffer + BigInt(HEADROOM);
    space.memory.write(data, frame);
    this.#queue = objects.create('xdp_rxq_info', { dev: device, queue_index: 0 });
    this.#sender = objects.create('xdp_txq_info', { dev: device });
    this.xdp = objects.create('xdp_buff', {
      data,
      data_end: data + BigInt(frame.length),
      data_meta: data,
      data_hard_start: this.#buffer,
      rxq: this.#queue,
      txq: this.#sender,
      frame_sz: PAGE_SIZE,
    });
  }

  get address(): GuestAddress {
    return this.xdp.address;
  }

  /** The packet as the program left it. */
  output(): Uint8Array {
    const data = this.xdp.uint('data');
    return this.space.memory.read(data, Number(this.xdp.uint('data_end') - data));
  }

  close(): void {
    this.objects.release(this.xdp);
    this.objects.release(this.#queue);
    this.objects.release(this.#sender);
    this.space.memory.free(this.#buffer);
  }
}
