import type { Plugin } from 'vite';

const NODE_PARTS: readonly (readonly [string, string])[] = [
  ['const { TextDecoder, TextEncoder } = require(`util`);', ''],
  [
    "const path = require('path').join(__dirname, 'iced_x86_bg.wasm');",
    "const response = await fetch(new URL('./iced_x86_bg.wasm', import.meta.url));",
  ],
  ["const bytes = require('fs').readFileSync(path);", 'const bytes = await response.arrayBuffer();'],
  [
    'const wasmModule = new WebAssembly.Module(bytes);\nconst wasmInstance = new WebAssembly.Instance(wasmModule, imports);',
    'const { instance: wasmInstance } = await WebAssembly.instantiate(bytes, imports);',
  ],
];

/**
 * iced-x86 from npm is made for Node: CommonJS that reads its .wasm from a file. This makes an ECMAScript module of
 * it that fetches the file.
 */
export function icedX86(): Plugin {
  return {
    name: 'iced-x86',
    config: () => ({ optimizeDeps: { exclude: ['iced-x86'] } }),
    transform(source, id) {
      if (!/[\\/]iced-x86[\\/]iced_x86\.js(\?|$)/.test(id)) return null;
      let code = source;
      for (const [from, to] of NODE_PARTS) {
        if (!code.includes(from)) throw new Error(`${id}: expected ${JSON.stringify(from)}`);
        code = code.replace(from, to);
      }
      const names = [
        ...new Set([...source.matchAll(/^module\.exports\.([A-Z]\w*) = /gm)].map(([, name]) => name)),
      ];
      const exported = names.map((name) => `const $${name} = module.exports.${name};`).join('\n');
      const list = names.map((name) => `$${name} as ${name}`).join(', ');
      return {
        code: `const module = { exports: {} };\n${code}\n${exported}\nexport { ${list} };\n`,
        map: null,
      };
    },
  };
}
