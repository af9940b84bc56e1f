import type { UserConfig } from 'vite';
import { icedX86 } from './iced-plugin.js';

/**
 * What the page is served with. WebAssembly needs 'wasm-unsafe-eval' and nothing else; the last two let threads share
 * memory.
 */
const headers = {
  'Content-Security-Policy': [
    "default-src 'none'",
    "script-src 'self' 'wasm-unsafe-eval'",
    "style-src 'self'",
    "connect-src 'self'",
    "img-src 'self'",
    "worker-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

export default {
  base: './',
  plugins: [icedX86()],
  // The evaluator loads the shipped BTF and iced-x86 when it needs them: chunks, which only ES workers have.
  worker: { format: 'es', plugins: () => [icedX86()] },
  build: {
    outDir: '../build/web',
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: { headers, fs: { allow: ['..'] } },
  preview: { headers },
} satisfies UserConfig;
