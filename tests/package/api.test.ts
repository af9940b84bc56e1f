import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const root = fileURLToPath(new URL('../../', import.meta.url));

function parse(path: string): ts.SourceFile {
  return ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.ES2022);
}

const pathOf = (from: string, specifier: ts.Expression): string =>
  join(dirname(from), (specifier as ts.StringLiteral).text.replace(/\.js$/, '.ts'));

/** Modules with what each exports: `host/errors.ts UsageError`. */
function exportsOf(path: string): string[] {
  return parse(path).statements.flatMap((statement) => {
    if (ts.isExportDeclaration(statement) && statement.moduleSpecifier) {
      const target = pathOf(path, statement.moduleSpecifier);
      const { exportClause } = statement;
      if (exportClause === undefined) return exportsOf(target);
      assert.ok(ts.isNamedExports(exportClause));
      return exportClause.elements.map(({ name }) => `${relative(root, target)} ${name.text}`);
    }
    const isExported = ts.canHaveModifiers(statement)
      ? ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)
      : false;
    if (isExported !== true) return [];
    const names = ts.isVariableStatement(statement)
      ? statement.declarationList.declarations.map(({ name }) => name)
      : [(statement as ts.ClassDeclaration).name!];
    return names.map((name) => `${relative(root, path)} ${(name as ts.Identifier).text}`);
  });
}

/** What a module takes from host/. */
function importsOf(path: string): string[] {
  return parse(path).statements.flatMap((statement) => {
    if (!ts.isImportDeclaration(statement) || !statement.importClause) return [];
    const target = relative(root, pathOf(path, statement.moduleSpecifier));
    const { namedBindings } = statement.importClause;
    if (!target.startsWith('host/') || !namedBindings || !ts.isNamedImports(namedBindings)) return [];
    return namedBindings.elements.map(({ name, propertyName }) => `${target} ${(propertyName ?? name).text}`);
  });
}

describe('the public API', () => {
  const exported = new Set(exportsOf(join(root, 'host/index.ts')));

  for (const path of readdirSync(join(root, 'cli'), { recursive: true, encoding: 'utf8' }).sort())
    if (path.endsWith('.ts'))
      it(`has everything that cli/${path} uses`, () => {
        const missing = importsOf(join(root, 'cli', path)).filter((name) => !exported.has(name));
        assert.deepEqual(missing, []);
      });
});
