import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Core } from '../../../host/core/core.js';
import type { KernelView, TargetProgram } from '../../../host/verifier/kernel-view.js';
import { verify } from '../../../host/verifier/verify.js';
import { loadCore } from '../../support/jit.js';
import { kernelBtf } from '../../support/golden-kernel.js';
import {
  type KernelName,
  loadCase,
  type Verdict,
  type VerifierCase,
  verifierCases,
} from '../../support/verifier-cases.js';

const einval = (message: string): Verdict => ['EINVAL', message];
const both = (want: Verdict): { want: Verdict; want61: Verdict } => ({ want, want61: want });
const core: Core = await loadCore();

/** A program that is loaded already. */
function loaded(test: Partial<VerifierCase>, version: KernelName = '6.12'): TargetProgram {
  const { spec, kernel } = loadCase({ rule: '', ...test }, version);
  return verify(spec, kernel, { core });
}

const SKB = 'struct __sk_buff { u32 len; };';
const MAIN = `${SKB} int main(struct __sk_buff *ctx);`;
const tc = { type: 'SCHED_CLS' } as const;
/** Global functions that extensions may replace. */
const TARGET = loaded({
  ...tc,
  c: `
    struct pair { u32 a; u32 b; };
    ${MAIN}
    int ctx(struct __sk_buff *skb);
    int number(u64 a);
    int memory(u64 *p);
    int pair(struct pair *p);
    int changes(struct __sk_buff *skb);
    static int hidden(u64 a);`,
  text: `
    r6 = r1
    call ctx
    r1 = 1
    call number
    r1 = 0
    call memory
    r1 = 0
    call pair
    r1 = r6
    call changes
    r1 = 1
    call hidden
    r0 = 0
    exit
    ctx: r0 = 0
    exit
    number: r0 = 0
    exit
    memory: r0 = 0
    exit
    pair: r0 = 0
    exit
    changes: r2 = 8
    call bpf_skb_pull_data
    r0 = 0
    exit
    hidden: r0 = 0
    exit`,
});
const kernel = (target: TargetProgram): Partial<KernelView> => ({ target });
const extending = (name: string, target = TARGET) => ({
  type: 'EXT' as const,
  attach: { kind: 'freplace', target: name },
  kernel: kernel(target),
});
const tracing = (attachType: number, name: string, target: TargetProgram) => ({
  type: 'TRACING' as const,
  attachType,
  attach: { kind: 'fentry', target: name },
  kernel: kernel(target),
});
const FENTRY = 24;
const FEXIT = 25;
const FMOD_RET = 26;
const TP_BTF = 23;
const NOTHING = 'r0 = 0\nexit';
const NEW_CTX = `${SKB} int mine(struct __sk_buff *skb);`;

const replaced: readonly VerifierCase[] = [
  {
    rule: 'Cannot replace kernel functions',
    ...{ ...extending('ctx'), c: NEW_CTX, text: 'r0 = *(u32 *)(r1 +0)\nexit', ...both('ok') },
  },
  {
    rule: 'Cannot replace kernel functions',
    name: 'before what the type is',
    ...{ type: 'EXT', attach: { kind: 'freplace', target: 'task_struct' }, text: NOTHING },
    spec: { attach: { kind: '', target: '', btfId: kernelBtf('6.12').find('task_struct') } },
    kernel: {},
    want: einval('Cannot replace kernel functions'),
  },
  {
    rule: "Subprog %s doesn't exist",
    ...{ ...extending('gone'), c: NEW_CTX, text: NOTHING },
    kernel: kernel({ ...TARGET, functions: [] }),
    attach: { kind: 'freplace', target: 'ctx' },
    ...both(einval("Subprog ctx doesn't exist")),
  },
  {
    rule: "Subprog %s doesn't exist",
    name: 'main program',
    ...{ ...extending('main'), c: NEW_CTX, text: NOTHING, ...both('ok') },
  },
  {
    rule: 'Tracing programs must provide btf_id',
    name: 'no function of this name',
    ...{ ...extending('gone'), c: NEW_CTX, text: NOTHING },
    ...both(einval('Tracing programs must provide btf_id')),
  },
  {
    rule: 'FENTRY/FEXIT program can only be attached to another program annotated with BTF',
    ...{ ...extending(''), c: NEW_CTX, text: NOTHING },
    kernel: kernel(loaded({ ...tc, text: NOTHING })),
    spec: { attach: { kind: 'freplace', target: '', btfId: 3 } },
    ...both(einval('FENTRY/FEXIT program can only be attached to another program annotated with BTF')),
  },
  {
    rule: 'FENTRY/FEXIT program can only be attached to another program annotated with BTF',
    ...{ ...extending('number'), c: 'int mine(u64 a);', text: 'r0 = r1\nexit', ...both('ok') },
  },
  {
    rule: 'attach_btf_id %u is not a function',
    name: 'a name of the program, no function of it',
    ...{ ...extending(''), c: NEW_CTX, text: NOTHING },
    spec: { attach: { kind: 'freplace', target: '', btfId: TARGET.spec.btf!.find('pair', 4) } },
    ...both(einval("Subprog pair doesn't exist")),
  },
  {
    rule: 'Cannot replace static functions',
    ...{ ...extending('hidden'), c: 'int mine(u64 a);', text: NOTHING },
    ...both(einval('Cannot replace static functions')),
  },
  {
    rule: 'Cannot replace static functions',
    ...{ ...extending('number'), c: 'int mine(u64 a);', text: NOTHING, ...both('ok') },
  },
  {
    rule: 'Extension programs should be JITed',
    ...{ ...extending('number'), c: 'int mine(u64 a);', text: NOTHING, jit: false },
    ...both(einval('Extension programs should be JITed')),
  },
  {
    rule: 'Extension programs should be JITed',
    ...{ ...extending('number'), c: 'int mine(u64 a);', text: NOTHING, ...both('ok') },
  },
  {
    rule: 'Extension program changes packet data, while original does not',
    ...{ ...extending('ctx'), c: NEW_CTX, text: `r2 = 8\ncall bpf_skb_pull_data\n${NOTHING}` },
    want: einval('Extension program changes packet data, while original does not'),
    want61: 'ok',
  },
  {
    rule: 'Extension program changes packet data, while original does not',
    ...{ ...extending('changes'), c: NEW_CTX, text: `r2 = 8\ncall bpf_skb_pull_data\n${NOTHING}` },
    ...both('ok'),
  },
  {
    rule: 'Extension program changes packet data, while original does not',
    name: 'in a function that it calls',
    ...{ ...extending('ctx'), c: `${NEW_CTX} static int g(struct __sk_buff *skb);` },
    text: `call g\n${NOTHING}\ng: r2 = 8\ncall bpf_skb_pull_data\n${NOTHING}`,
    want: einval('Extension program changes packet data, while original does not'),
  },
  {
    rule: 'Cannot recursively attach',
    ...{ ...extending('mine'), c: NEW_CTX, text: NOTHING },
    kernel: kernel(loaded({ ...extending('ctx'), c: NEW_CTX, text: NOTHING })),
    ...both(einval('Cannot recursively attach')),
  },
  {
    rule: 'Cannot extend fentry/fexit',
    ...{ ...extending('g'), c: 'int mine(u64 a);', text: NOTHING },
    kernel: kernel(
      loaded({
        ...{ type: 'TRACING', attachType: FENTRY, attach: { kind: 'fentry', target: 'wake_up_new_task' } },
        ...{ c: 'int main(u64 *ctx); int g(u64 a);', text: 'r1 = 1\ncall g\nr0 = 0\nexit\ng: r0 = 0\nexit' },
      }),
    ),
    ...both(einval('Cannot extend fentry/fexit')),
  },
  {
    rule: 'Cannot extend fentry/fexit',
    name: 'a tracepoint program',
    ...{ ...extending('g'), c: 'int mine(u64 a);', text: NOTHING },
    kernel: kernel(
      loaded({
        ...{ type: 'TRACING', attachType: TP_BTF, attach: { kind: 'raw_tp', target: 'sched_switch' } },
        ...{ c: 'int main(u64 *ctx); int g(u64 a);', text: 'r1 = 1\ncall g\nr0 = 0\nexit\ng: r0 = 0\nexit' },
      }),
    ),
    ...both('ok'),
  },
  {
    rule: '%s programs cannot attach to exception callback',
    ...{ ...extending('handler'), c: 'int mine(u64 cookie);', text: NOTHING },
    kernel: kernel(throwing()),
    want: einval('Extension programs cannot attach to exception callback'),
  },
  {
    rule: '%s programs cannot attach to exception callback',
    name: 'tracing',
    ...{ ...tracing(FENTRY, 'handler', throwing()), text: NOTHING },
    want: einval('FENTRY/FEXIT programs cannot attach to exception callback'),
  },
  {
    rule: '%s programs cannot attach to exception callback',
    name: 'another function',
    ...{ ...tracing(FENTRY, 'main', throwing()), text: NOTHING, want: 'ok' },
  },
];

const prototypes: readonly VerifierCase[] = [
  {
    rule: 'Program extension requires BTF',
    ...{ ...extending('ctx'), text: NOTHING },
    ...both(einval('Program extension requires BTF')),
  },
  {
    rule: '%s() is not a global function',
    ...{ ...extending('ctx'), c: `${SKB} static int mine(struct __sk_buff *skb);`, text: NOTHING },
    ...both(einval('mine() is not a global function')),
  },
  {
    rule: '%s() has %d args while %s() has %d args',
    ...{ ...extending('number'), c: 'int mine(u64 a, u64 b);', text: NOTHING },
    ...both(einval('mine() has 2 args while number() has 1 args')),
  },
  {
    rule: "Return type %s of %s() doesn't match type %s of %s()",
    ...{ ...extending('number'), c: 'void mine(u64 a);', text: NOTHING },
    ...both(einval("Return type UNKNOWN of mine() doesn't match type INT of number()")),
  },
  {
    rule: 'arg%d in %s() is %s while %s() has %s',
    ...{ ...extending('number'), c: 'int mine(struct __sk_buff *a);', text: NOTHING },
    ...both(einval('arg0 in mine() is PTR while number() has INT')),
  },
  {
    rule: 'arg%d in %s() has size %d while %s() has %d',
    ...{ ...extending('number'), c: 'int mine(u32 a);', text: NOTHING },
    ...both(einval('arg0 in mine() has size 4 while number() has 8')),
  },
  {
    rule: 'arg%d in %s() is not a pointer to context',
    ...{ ...extending('memory'), c: 'int mine(u64 *p);', text: NOTHING },
    ...both(einval('arg0 in mine() is not a pointer to context')),
  },
  {
    rule: 'arg%d in %s() is not a pointer to context',
    name: 'its own is',
    ...{
      ...extending('memory'),
      c: 'struct pair { u32 a; u32 b; }; int mine(struct pair *p);',
      text: NOTHING,
    },
    ...both(einval('arg0 in memory() is not a pointer to context')),
  },
  {
    rule: "arg%d %s(struct %s *) doesn't match %s(struct %s *)",
    ...{ ...extending('pair'), c: 'struct other { u32 a; }; int mine(struct other *p);', text: NOTHING },
    ...both(einval("arg0 mine(struct other *) doesn't match pair(struct pair *)")),
  },
  ...(
    [
      '%s() is not a global function',
      '%s() has %d args while %s() has %d args',
      "Return type %s of %s() doesn't match type %s of %s()",
      'arg%d in %s() is %s while %s() has %s',
      'arg%d in %s() has size %d while %s() has %d',
      'Program extension requires BTF',
    ] as const
  ).map((rule): VerifierCase => ({
    ...{ rule, ...extending('number'), c: 'int mine(u64 a);', text: 'r0 = r1\nexit', ...both('ok') },
  })),
  ...(
    [
      'arg%d in %s() is not a pointer to context',
      "arg%d %s(struct %s *) doesn't match %s(struct %s *)",
    ] as const
  ).map((rule): VerifierCase => ({
    rule,
    ...{ ...extending('pair'), c: 'struct pair { u32 a; u32 b; }; int mine(struct pair *p);' },
    ...{ text: 'r0 = 0\nif r1 == 0x0 goto +1\nr0 = *(u32 *)(r1 +4)\nexit', ...both('ok') },
  })),
];

/** What an extension may do is what the program that it extends may do. */
const inherited: readonly VerifierCase[] = [
  {
    rule: 'extension: context of the program it extends',
    ...{ ...extending('ctx'), c: NEW_CTX, text: 'r0 = *(u32 *)(r1 +76)\nr0 = 0\nexit', ...both('ok') },
  },
  {
    rule: 'extension: context of the program it extends',
    ...{ ...extending('ctx'), c: NEW_CTX, text: 'r0 = *(u32 *)(r1 +92)\nr0 = 0\nexit' },
    ...both(['EACCES', 'invalid bpf_context access off=92 size=4']),
  },
  {
    rule: 'extension: arguments by its own prototype',
    ...{ ...extending('number'), c: 'int mine(u64 a);', text: 'r0 = *(u32 *)(r1 +0)\nexit' },
    want: ['EACCES', "R1 invalid mem access 'scalar'"],
    want61: ['EACCES', "R1 invalid mem access 'scalar'"],
  },
  {
    rule: 'extension: helpers of the program it extends',
    ...{ ...extending('ctx'), c: NEW_CTX, text: 'r1 = 1\nr2 = 0\ncall bpf_redirect\nexit', ...both('ok') },
  },
  {
    rule: 'extension: any result',
    ...{
      ...extending(
        'main',
        loaded({
          type: 'CGROUP_SOCK',
          c: 'struct bpf_sock { u32 family; }; int main(struct bpf_sock *ctx);',
          text: 'r0 = 1\nexit',
        }),
      ),
    },
    ...{
      c: 'struct bpf_sock { u32 family; }; int mine(struct bpf_sock *ctx);',
      text: 'r0 = 7\nexit',
      ...both('ok'),
    },
  },
  {
    rule: 'extension: any result',
    name: 'but one',
    ...{ ...extending('number'), c: 'int mine(u64 a);', text: 'exit', ...both(['EACCES', 'R0 !read_ok']) },
  },
  {
    rule: 'Only fentry/fexit/fmod_ret, lsm, iter, uprobe, and struct_ops programs can be sleepable',
    name: 'extension',
    ...{ ...extending('number'), c: 'int mine(u64 a);', text: NOTHING, sleepable: true },
    want: einval('Only fentry/fexit/fmod_ret, lsm, iter, uprobe, and struct_ops programs can be sleepable'),
  },
];

const traced: readonly VerifierCase[] = [
  {
    rule: 'Can attach to only JITed progs',
    ...{ ...tracing(FENTRY, 'ctx', TARGET), text: NOTHING, jit: false },
    ...both(einval('Can attach to only JITed progs')),
  },
  {
    rule: 'Can attach to only JITed progs',
    ...{ ...tracing(FENTRY, 'ctx', TARGET), text: NOTHING, ...both('ok') },
  },
  {
    rule: 'Cannot nest tracing program attach more than once',
    ...{ ...tracing(FENTRY, 'main', nested(2)), text: NOTHING },
    want: einval('Cannot nest tracing program attach more than once'),
    want61: einval('Cannot recursively attach'),
  },
  {
    rule: 'Cannot nest tracing program attach more than once',
    name: 'once',
    ...{ ...tracing(FENTRY, 'main', nested(1)), text: NOTHING, want: 'ok' },
  },
  {
    rule: 'Cannot recursively attach',
    name: 'tracing',
    ...{ ...tracing(FENTRY, 'main', nested(1)), text: NOTHING },
    want61: einval('Cannot recursively attach'),
  },
  {
    rule: 'Cannot recursively attach',
    name: 'of another type',
    ...{ ...tracing(FENTRY, 'main', TARGET), text: NOTHING, ...both('ok') },
  },
  {
    rule: 'Only FENTRY/FEXIT progs are attachable to another BPF prog',
    ...{ ...tracing(TP_BTF, 'ctx', TARGET), text: NOTHING },
    spec: { attach: { kind: '', target: '', btfId: TARGET.spec.btf!.find('ctx', 12) } },
    ...both(einval('Only FENTRY/FEXIT progs are attachable to another BPF prog')),
  },
  {
    rule: 'Only FENTRY/FEXIT progs are attachable to another BPF prog',
    ...{ ...tracing(FEXIT, 'ctx', TARGET), text: NOTHING, ...both('ok') },
  },
  {
    rule: "can't modify return codes of BPF programs",
    ...{ ...tracing(FMOD_RET, 'ctx', TARGET), text: NOTHING },
    ...both(einval("can't modify return codes of BPF programs")),
  },
  {
    rule: "can't modify return codes of BPF programs",
    ...{ ...tracing(FEXIT, 'number', TARGET), text: NOTHING, ...both('ok') },
  },
  {
    rule: '%s is not sleepable',
    name: 'a program',
    ...{ ...tracing(FENTRY, 'ctx', TARGET), sleepable: true, text: NOTHING },
    ...both(einval('ctx is not sleepable')),
  },
  {
    rule: 'tracing of programs: the context is what the kernel keeps behind it',
    ...{ ...tracing(FENTRY, 'ctx', TARGET) },
    text: 'r1 = *(u64 *)(r1 +0)\nr0 = *(u32 *)(r1 +OFFSETOF(sk_buff.len))\nr0 = 0\nexit',
    ...{ ...both('ok'), exentries: 1, exentries61: 1 },
  },
  {
    rule: 'tracing of programs: other structs are its own',
    ...{ ...tracing(FEXIT, 'pair', TARGET) },
    text: 'r2 = *(u64 *)(r1 +8)\nr1 = *(u64 *)(r1 +0)\nr0 = *(u32 *)(r1 +4)\nr0 = 0\nexit',
    ...both('ok'),
  },
  {
    rule: 'tracing of programs: other structs are its own',
    name: 'past the end',
    ...{ ...tracing(FEXIT, 'pair', TARGET) },
    text: 'r1 = *(u64 *)(r1 +0)\nr0 = *(u32 *)(r1 +8)\nr0 = 0\nexit',
    ...both(['EACCES', 'access beyond struct pair at off 8 size 4']),
  },
];

/** A program with an exception callback. */
function throwing(): TargetProgram {
  return loaded({
    ...tc,
    c: `int main(struct __sk_buff *ctx) __tag(exception_callback:handler); int handler(u64 cookie);`,
    text: 'r1 = 0\ncall kfunc bpf_throw\nr0 = 0\nexit\nhandler: r0 = 0\nexit',
  });
}

/** A tracing program of a tracing program, and so on. */
function nested(levels: number): TargetProgram {
  const first = loaded({
    ...{ type: 'TRACING', attachType: FENTRY, attach: { kind: 'fentry', target: 'wake_up_new_task' } },
    ...{ c: 'int main(u64 *ctx);', text: NOTHING },
  });
  return levels === 1
    ? first
    : loaded({ ...tracing(FENTRY, 'main', first), c: 'int main(u64 *ctx);', text: NOTHING });
}

verifierCases('extensions', replaced);
verifierCases('prototypes of extensions', prototypes);
verifierCases('what extensions inherit', inherited);
verifierCases('programs that trace programs', traced);

test('the log of an extension says that any arguments will do', () => {
  const given = { ...extending('number'), rule: '', c: 'int mine(u64 a);', text: NOTHING };
  for (const version of ['6.12', '6.1'] as const) {
    const { spec, kernel: around } = loadCase(given, version);
    const [first, second] = verify(spec, around, { core, logLevel: 2 }).log.map(({ text }) => text);
    assert.equal(first, 'func#0 @0');
    assert.equal(second, 'Validating mine() func#0...');
  }
});

test('the log says what is odd about the main function', () => {
  const given = { ...tc, rule: '', c: 'int main(void *ctx);', text: NOTHING };
  for (const version of ['6.12', '6.1'] as const) {
    const { spec, kernel: around } = loadCase(given, version);
    const log = verify(spec, around, { core, logLevel: 2 }).log.map(({ text }) => text);
    assert.equal(log[1], "arg#0 reference type('UNKNOWN ') size cannot be determined: -22");
  }
});
