import tseslint from 'typescript-eslint';

// Stages in the order the data flows; a folder imports only from those before it.
const STAGES = [
  'core',
  'elf',
  'btf',
  'asm',
  'program',
  'profiles',
  'mm',
  'maps',
  'verifier',
  'jit',
  'wasm',
  'kallsyms',
  'lookup',
  'helpers',
  'runtime',
  'report',
];

const noNode = { group: ['node:*'], message: 'host/ runs in browsers: only host/platform/ imports node:' };

const stageRules = STAGES.map((stage, at) => ({
  files: [`host/${stage}/**/*.ts`],
  rules: {
    'no-restricted-imports': [
      'error',
      {
        patterns: [
          noNode,
          {
            group: [...STAGES.slice(at + 1).map((later) => `**/${later}/*`), '**/cli/*', 'iced-x86'],
            // Types of a later stage may be named, never its code.
            allowTypeImports: true,
            message: `host/${stage} comes before that folder in the data flow`,
          },
        ],
      },
    ],
  },
}));

export default tseslint.config(
  { ignores: ['node_modules', 'build', 'dist', 'host/core/exports.generated.ts', 'tests/fixtures'] },
  {
    files: ['assembly/**/*.ts', 'tests/assembly/**/*.ts'],
    extends: [tseslint.configs.base],
    rules: { 'prefer-const': 'error', 'no-var': 'error', 'no-fallthrough': 'error', eqeqeq: 'error' },
  },
  {
    files: ['host', 'cli', 'bench', 'tests', 'scripts', 'web'].map((folder) => `${folder}/**/*.ts`),
    ignores: ['tests/assembly/**'],
    extends: [tseslint.configs.recommended],
    rules: {
      eqeqeq: 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
    },
  },
  {
    files: ['host/**/*.ts'],
    ignores: ['host/platform/**'],
    rules: { 'no-restricted-imports': ['error', { patterns: [noNode] }] },
  },
  {
    files: ['web/**/*.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: [{ group: ['node:*', '../*'], message: 'web/ uses the package as anybody does' }] },
      ],
    },
  },
  ...stageRules,
);
