declare module 'bintrees' {
  interface Iterator<T> {
    prev(): T | null;
  }
  export class RBTree<T> {
    constructor(compare: (a: T, b: T) => number);
    insert(item: T): boolean;
    upperBound(item: T): Iterator<T>;
  }
}

declare module 'functional-red-black-tree' {
  export interface Tree<K, V> {
    insert(key: K, value: V): Tree<K, V>;
    le(key: K): { readonly value: V | undefined };
  }
  export default function createTree<K, V>(compare: (a: K, b: K) => number): Tree<K, V>;
}
