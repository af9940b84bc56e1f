/** BPF_PROG_TYPE_* by name. */
const TYPE: Readonly<Record<string, number>> = {
  socket_filter: 1,
  kprobe: 2,
  sched_cls: 3,
  sched_act: 4,
  tracepoint: 5,
  xdp: 6,
  perf_event: 7,
  cgroup_skb: 8,
  cgroup_sock: 9,
  lwt_in: 10,
  lwt_out: 11,
  lwt_xmit: 12,
  sock_ops: 13,
  sk_skb: 14,
  cgroup_device: 15,
  sk_msg: 16,
  raw_tracepoint: 17,
  cgroup_sock_addr: 18,
  lwt_seg6local: 19,
  lirc_mode2: 20,
  sk_reuseport: 21,
  flow_dissector: 22,
  cgroup_sysctl: 23,
  raw_tracepoint_writable: 24,
  cgroup_sockopt: 25,
  tracing: 26,
  struct_ops: 27,
  ext: 28,
  lsm: 29,
  sk_lookup: 30,
  syscall: 31,
  netfilter: 32,
};

export const BPF_F_SLEEPABLE = 16;
export const BPF_F_XDP_HAS_FRAGS = 32;

/** How the target after the slash is found in the kernel's BTF. */
export type AttachKind = 'raw_tp' | 'fentry' | 'fexit' | 'fmod_ret' | 'freplace' | 'lsm' | 'iter';

export interface SectionRule {
  /** BPF_PROG_TYPE_*. */
  readonly type: number;
  /** BPF_* attach type; 0 where the type has none. */
  readonly attachType: number;
  /** BPF_F_* of BPF_PROG_LOAD. */
  readonly flags: number;
  readonly attach: AttachKind | null;
  /** What follows the slash; '' = nothing. */
  readonly target: string;
  /** False for a section whose name starts with `?`. */
  readonly autoload: boolean;
}

// Section name (+ = may be followed by / and a target), program type, attach type, flags and attach kind (libbpf 1.5).
const TABLE = `
socket                        socket_filter            0
sk_reuseport/migrate          sk_reuseport             40
sk_reuseport                  sk_reuseport             39
kprobe+                       kprobe                   0
uprobe+                       kprobe                   0
uprobe.s+                     kprobe                   0   sleepable
kretprobe+                    kprobe                   0
uretprobe+                    kprobe                   0
uretprobe.s+                  kprobe                   0   sleepable
kprobe.multi+                 kprobe                   42
kretprobe.multi+              kprobe                   42
kprobe.session+               kprobe                   56
uprobe.multi+                 kprobe                   48
uretprobe.multi+              kprobe                   48
uprobe.multi.s+               kprobe                   48  sleepable
uretprobe.multi.s+            kprobe                   48  sleepable
ksyscall+                     kprobe                   0
kretsyscall+                  kprobe                   0
usdt+                         kprobe                   0
usdt.s+                       kprobe                   0   sleepable
tc/ingress                    sched_cls                46
tc/egress                     sched_cls                47
tcx/ingress                   sched_cls                46
tcx/egress                    sched_cls                47
tc                            sched_cls                0
classifier                    sched_cls                0
action                        sched_act                0
netkit/primary                sched_cls                54
netkit/peer                   sched_cls                55
tracepoint+                   tracepoint               0
tp+                           tracepoint               0
raw_tracepoint+               raw_tracepoint           0
raw_tp+                       raw_tracepoint           0
raw_tracepoint.w+             raw_tracepoint_writable  0
raw_tp.w+                     raw_tracepoint_writable  0
tp_btf+                       tracing                  23  raw_tp
fentry+                       tracing                  24  fentry
fmod_ret+                     tracing                  26  fmod_ret
fexit+                        tracing                  25  fexit
fentry.s+                     tracing                  24  sleepable fentry
fmod_ret.s+                   tracing                  26  sleepable fmod_ret
fexit.s+                      tracing                  25  sleepable fexit
freplace+                     ext                      0   freplace
lsm+                          lsm                      27  lsm
lsm.s+                        lsm                      27  sleepable lsm
lsm_cgroup+                   lsm                      43  lsm
iter+                         tracing                  28  iter
iter.s+                       tracing                  28  sleepable iter
syscall                       syscall                  0   sleepable
xdp.frags/devmap              xdp                      33  frags
xdp/devmap                    xdp                      33
xdp.frags/cpumap              xdp                      35  frags
xdp/cpumap                    xdp                      35
xdp.frags                     xdp                      37  frags
xdp                           xdp                      37
perf_event                    perf_event               0
lwt_in                        lwt_in                   0
lwt_out                       lwt_out                  0
lwt_xmit                      lwt_xmit                 0
lwt_seg6local                 lwt_seg6local            0
sockops                       sock_ops                 3
sk_skb/stream_parser          sk_skb                   4
sk_skb/stream_verdict         sk_skb                   5
sk_skb/verdict                sk_skb                   38
sk_skb                        sk_skb                   0
sk_msg                        sk_msg                   7
lirc_mode2                    lirc_mode2               16
flow_dissector                flow_dissector           17
cgroup_skb/ingress            cgroup_skb               0
cgroup_skb/egress             cgroup_skb               1
cgroup/skb                    cgroup_skb               0
cgroup/sock_create            cgroup_sock              2
cgroup/sock_release           cgroup_sock              34
cgroup/sock                   cgroup_sock              2
cgroup/post_bind4             cgroup_sock              12
cgroup/post_bind6             cgroup_sock              13
cgroup/bind4                  cgroup_sock_addr         8
cgroup/bind6                  cgroup_sock_addr         9
cgroup/connect4               cgroup_sock_addr         10
cgroup/connect6               cgroup_sock_addr         11
cgroup/connect_unix           cgroup_sock_addr         49
cgroup/sendmsg4               cgroup_sock_addr         14
cgroup/sendmsg6               cgroup_sock_addr         15
cgroup/sendmsg_unix           cgroup_sock_addr         50
cgroup/recvmsg4               cgroup_sock_addr         19
cgroup/recvmsg6               cgroup_sock_addr         20
cgroup/recvmsg_unix           cgroup_sock_addr         51
cgroup/getpeername4           cgroup_sock_addr         29
cgroup/getpeername6           cgroup_sock_addr         30
cgroup/getpeername_unix       cgroup_sock_addr         52
cgroup/getsockname4           cgroup_sock_addr         31
cgroup/getsockname6           cgroup_sock_addr         32
cgroup/getsockname_unix       cgroup_sock_addr         53
cgroup/sysctl                 cgroup_sysctl            18
cgroup/getsockopt             cgroup_sockopt           21
cgroup/setsockopt             cgroup_sockopt           22
cgroup/dev                    cgroup_device            6
struct_ops+                   struct_ops               0
struct_ops.s+                 struct_ops               0   sleepable
sk_lookup                     sk_lookup                36
netfilter                     netfilter                45
`;

interface Pattern {
  readonly name: string;
  readonly takesTarget: boolean;
  readonly rule: Omit<SectionRule, 'target' | 'autoload'>;
}

const PATTERNS: readonly Pattern[] = TABLE.trim()
  .split('\n')
  .map((line) => {
    const [pattern, type, attachType, ...words] = line.trim().split(/\s+/) as [
      string,
      string,
      string,
      ...string[],
    ];
    let flags = 0;
    let attach: AttachKind | null = null;
    for (const word of words) {
      if (word === 'sleepable') flags |= BPF_F_SLEEPABLE;
      else if (word === 'frags') flags |= BPF_F_XDP_HAS_FRAGS;
      else attach = word as AttachKind;
    }
    const takesTarget = pattern.endsWith('+');
    const name = takesTarget ? pattern.slice(0, -1) : pattern;
    return { name, takesTarget, rule: { type: TYPE[type]!, attachType: Number(attachType), flags, attach } };
  });

/** What a section's name says of the programs in it, or null for a name that libbpf does not know. */
export function sectionRule(section: string): SectionRule | null {
  const autoload = !section.startsWith('?');
  const name = autoload ? section : section.slice(1);
  for (const pattern of PATTERNS) {
    if (name === pattern.name) return { ...pattern.rule, target: '', autoload };
    if (pattern.takesTarget && name.startsWith(`${pattern.name}/`)) {
      return { ...pattern.rule, target: name.slice(pattern.name.length + 1), autoload };
    }
  }
  return null;
}
