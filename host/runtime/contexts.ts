import type { KernelObject, TypedMemory } from '../mm/kernel-object.js';
import type { Addressed, ProgramContext } from './context/program-context.js';
import { ObjectContext, RawContext } from './context/raw.js';
import { SkbContext } from './context/skb.js';
import { TracingContext, type TracingArgument, type TracingOptions } from './context/tracing.js';
import { XdpContext } from './context/xdp.js';
import type { ObjectFactory } from './objects.js';

export interface SkbOptions {
  /** The program sees the packet from the network header, as socket filters do. */
  readonly socketFilter?: boolean;
}

/** Makes contexts to run programs on. */
export class ContextFactory {
  #device: KernelObject | null = null;
  #socket: KernelObject | null = null;

  constructor(
    private readonly space: TypedMemory,
    private readonly objects: ObjectFactory,
  ) {}

  /** The loopback device: ifindex 1. */
  get loopback(): KernelObject {
    this.#device ??= this.objects.create('net_device', { ifindex: 1, name: 'lo', mtu: 65536 });
    return this.#device;
  }

  /** The arguments of a traced function, tracepoint or hook; `returns` is its return value. */
  tracing(args: readonly TracingArgument[], options: TracingOptions = {}): TracingContext {
    return new TracingContext(this.space.memory, args, options);
  }

  /** An Ethernet frame that comes in on loopback, as an sk_buff. */
  skb(frame: Uint8Array, options: SkbOptions = {}): SkbContext {
    this.#socket ??= this.objects.create('sock');
    const around = { device: this.loopback, socket: this.#socket };
    return new SkbContext(this.space, this.objects, frame, around, options.socketFilter ?? false);
  }

  /** An Ethernet frame that comes in on loopback, as an xdp_buff. */
  xdp(frame: Uint8Array): XdpContext {
    return new XdpContext(this.space, this.objects, frame, this.loopback);
  }

  /** Bytes as they are; none = a NULL context. */
  raw(bytes: Uint8Array = new Uint8Array(0)): RawContext {
    return new RawContext(this.space.memory, bytes);
  }

  /** A kernel object that is the context itself. */
  object(object: Addressed): ProgramContext {
    return new ObjectContext(object.address);
  }
}
