// @as-pect/transform 8.1.0 has the NodeKind numbers of asc 0.27 written in; asc 0.28.17 moved them by one. This
// transform shows it each class with its members' kinds numbered as it expects.
import { NodeKind } from 'assemblyscript';
import { createAddReflectedValueKeyValuePairsMember } from '@as-pect/transform/lib/createAddReflectedValueKeyValuePairsMember.js';
import { createStrictEqualsMember } from '@as-pect/transform/lib/createStrictEqualsMember.js';

const FIELD_0_27 = 54;
const METHOD_0_27 = 58;

const renumbered = (node, kind) =>
  new Proxy(node, { get: (target, key) => (key === 'kind' ? kind : Reflect.get(target, key)) });

const asBefore = (member) => {
  if (member.kind === NodeKind.FieldDeclaration) return renumbered(member, FIELD_0_27);
  if (member.kind === NodeKind.MethodDeclaration) return renumbered(member, METHOD_0_27);
  return renumbered(member, -1);
};

function visit(statements) {
  for (const statement of statements) {
    if (statement.kind === NodeKind.ClassDeclaration) {
      const members = statement.members.map(asBefore);
      const view = new Proxy(statement, {
        get: (target, key) => (key === 'members' ? members : Reflect.get(target, key)),
      });
      statement.members.push(
        createStrictEqualsMember(view),
        createAddReflectedValueKeyValuePairsMember(view),
      );
    } else if (statement.kind === NodeKind.NamespaceDeclaration) visit(statement.members);
  }
}

export default class {
  afterParse(parser) {
    for (const source of parser.program?.sources ?? parser.sources) visit(source.statements);
  }
}
