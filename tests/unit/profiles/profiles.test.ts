import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Btf } from '../../../host/btf/btf.js';
import { UsageError } from '../../../host/errors.js';
import { kernelConfig } from '../../../host/profiles/kernel-config.js';
import { PROFILE_NAMES, profile } from '../../../host/profiles/profiles.js';
import { refineProfile } from '../../../host/profiles/refine.js';
import { KernelSymbols } from '../../../host/profiles/symbol-table.js';
import { goldenSymbols, vmlinuxBtf } from '../../support/goldens.js';

describe('profiles', () => {
  for (const kernel of ['6.12', '6.1']) {
    it(`${kernel} has the symbols the goldens were recorded with`, () => {
      const { symbols } = profile(`linux-${kernel}`);
      for (const [address, name] of Object.entries(goldenSymbols(kernel))) {
        assert.equal(symbols.address(name), BigInt(address));
        assert.equal(symbols.name(BigInt(address)), name);
      }
    });

    it(`${kernel} has the structure offsets of its BTF`, () => {
      const plain = profile(`linux-${kernel}`);
      assert.deepEqual(refineProfile(plain, Btf.parse(vmlinuxBtf(kernel))).jit, plain.jit);
    });
  }

  const variants: readonly (readonly [string, string, object])[] = [
    ['linux-6.12', 'base', { bmi2: true, ibt: true, indirect: 'plain', returnThunk: undefined }],
    ['linux-6.12', 'nobmi2', { bmi2: false }],
    ['linux-6.12', 'mitig', { indirect: 'retpoline', returnThunk: 0xffffffff81ca3c60n }],
    ['linux-6.12', 'mitigamd', { indirect: 'retpoline', returnThunk: 0xffffffff81ca36a0n }],
    ['linux-6.1', 'base', { ibt: false, offArrayPtrs: 272, callBase: 0xffffffff811f1150n }],
    ['linux-5.5', 'base', { version: '5.5', ibt: false, sls: false }],
  ];
  for (const [name, variant, want] of variants) {
    it(`${name} ${variant}`, () => {
      const { jit } = profile(name, variant);
      for (const [knob, value] of Object.entries(want))
        assert.equal(jit[knob as keyof typeof jit], value, knob);
    });
  }

  for (const [version, code, hasCookie] of [
    ['6.12', (6 << 16) + (12 << 8) + 117, '1'],
    ['6.1', (6 << 16) + (1 << 8) + 192, '1'],
    ['5.5', (5 << 16) + (5 << 8), '0'],
  ] as const)
    it(`${version} says its version and what it can do`, () => {
      const config = kernelConfig(version);
      assert.deepEqual(
        [config.LINUX_KERNEL_VERSION, config.LINUX_HAS_BPF_COOKIE, config.LINUX_HAS_SYSCALL_WRAPPER],
        [`${code}`, hasCookie, '1'],
      );
      assert.equal(config.CONFIG_BPF_SYSCALL, 'y');
    });

  it('hardening is a variant', () => {
    assert.equal(profile('linux-6.12', 'harden2').harden, 2);
    assert.equal(profile('linux-6.12').harden, 0);
  });

  it('the 5.5 handler is within reach of images', () => {
    const handler = profile('linux-5.5').jit.extableHandler;
    assert.ok(handler !== undefined && 0xffffffffc0000000n - handler < 0x7fffffffn);
  });

  it('an unknown name or variant is a usage error that lists the known ones', () => {
    assert.throws(
      () => profile('linux-4.4'),
      (error) => error instanceof UsageError && PROFILE_NAMES.every((name) => error.message.includes(name)),
    );
    assert.throws(() => profile('linux-6.12', 'fast'), { code: 'USAGE_PROFILE', message: /nobmi2/ });
  });
});

describe('KernelSymbols', () => {
  const symbols = new KernelSymbols([
    [0x3000n, 'c'],
    [0x1000n, 'a'],
    [0x2000n, 'b'],
    [0x2000n, 'alias'],
  ]);
  const places: readonly (readonly [bigint, string | undefined, bigint])[] = [
    [0xfffn, undefined, 0n],
    [0x1000n, 'a', 0n],
    [0x1fffn, 'a', 0xfffn],
    [0x2000n, 'b', 0n],
    [0x9000n, 'c', 0x6000n],
  ];
  for (const [address, name, offset] of places) {
    it(`0x${address.toString(16)} lies in ${name ?? 'nothing'}`, () => {
      assert.deepEqual(symbols.containing(address), name === undefined ? undefined : { name, offset });
    });
  }

  it('gives every name its address', () => {
    assert.equal(symbols.address('alias'), 0x2000n);
    assert.equal(symbols.name(0x2001n), undefined);
  });
});
