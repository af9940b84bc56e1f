/*
 * Baseline of the lookup suite: an address goes through a red-black tree of programs (64-byte nodes with start and
 * end inside, no latch), then through a three-way binary search of the program's table of 12-byte entries with
 * relative addresses. Reads a load from the file named (bench/lookup/load.ts writes it), then commands from stdin:
 *   run SET MS     look up every address of a set, after one pass again until MS milliseconds are over: "ns checksum"
 *   build          build the tree from nothing, in load order, then take it down: "ns ns" per program
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define MISS 0xffffffffu
#define MODULES 0xffffffffc0000000ull

struct entry {
  int32_t insn;
  uint32_t fixup;
  int32_t data;
};

struct node {
  uint64_t start, end; /* end: one past the text */
  struct node *left, *right;
  uintptr_t parent; /* colour in bit 0: 1 = black */
  const struct entry *table;
  uint32_t entries, first;
  uint64_t pad;
};
_Static_assert(sizeof(struct node) == 64, "one cache line");

struct image {
  uint32_t offset, code, table, entries, first;
};

struct set {
  uint32_t count;
  uint64_t *pcs;
};

static struct node *root;

static struct node *parent_of(const struct node *n) { return (struct node *)(n->parent & ~(uintptr_t)1); }
static int is_red(const struct node *n) { return n != NULL && (n->parent & 1) == 0; }
static void set_parent(struct node *n, struct node *p) { n->parent = (uintptr_t)p | (n->parent & 1); }
static void set_red(struct node *n) { n->parent &= ~(uintptr_t)1; }
static void set_black(struct node *n) { n->parent |= 1; }

static void replace(struct node *p, struct node *old, struct node *next) {
  if (p == NULL) root = next;
  else if (p->left == old) p->left = next;
  else p->right = next;
}

static void rotate_left(struct node *n) {
  struct node *c = n->right, *p = parent_of(n);
  n->right = c->left;
  if (c->left) set_parent(c->left, n);
  c->left = n;
  set_parent(c, p);
  replace(p, n, c);
  set_parent(n, c);
}

static void rotate_right(struct node *n) {
  struct node *c = n->left, *p = parent_of(n);
  n->left = c->right;
  if (c->right) set_parent(c->right, n);
  c->right = n;
  set_parent(c, p);
  replace(p, n, c);
  set_parent(n, c);
}

static void insert(struct node *n) {
  struct node *p = NULL, **link = &root;
  while (*link) {
    p = *link;
    link = n->start < p->start ? &p->left : &p->right;
  }
  n->left = n->right = NULL;
  n->parent = (uintptr_t)p;
  *link = n;
  while (is_red(p = parent_of(n))) {
    struct node *g = parent_of(p);
    int left = g->left == p;
    struct node *uncle = left ? g->right : g->left;
    if (is_red(uncle)) {
      set_black(p);
      set_black(uncle);
      set_red(g);
      n = g;
      continue;
    }
    if (left && p->right == n) {
      rotate_left(p);
      p = n;
    } else if (!left && p->left == n) {
      rotate_right(p);
      p = n;
    }
    set_black(p);
    set_red(g);
    if (left) rotate_right(g);
    else rotate_left(g);
    break;
  }
  set_black(root);
}

static void erase_fixup(struct node *n, struct node *p) {
  while (p && !is_red(n)) {
    int left = p->left == n;
    struct node *s = left ? p->right : p->left;
    if (is_red(s)) {
      set_black(s);
      set_red(p);
      if (left) rotate_left(p);
      else rotate_right(p);
      s = left ? p->right : p->left;
    }
    if (!is_red(s->left) && !is_red(s->right)) {
      set_red(s);
      n = p;
      p = parent_of(n);
      continue;
    }
    if (left && !is_red(s->right)) {
      set_black(s->left);
      set_red(s);
      rotate_right(s);
      s = p->right;
    } else if (!left && !is_red(s->left)) {
      set_black(s->right);
      set_red(s);
      rotate_left(s);
      s = p->left;
    }
    s->parent = (uintptr_t)parent_of(s) | (p->parent & 1);
    set_black(p);
    set_black(left ? s->right : s->left);
    if (left) rotate_left(p);
    else rotate_right(p);
    return;
  }
  if (n) set_black(n);
}

static void erase(struct node *n) {
  struct node *child, *p = parent_of(n);
  int black = !is_red(n);
  if (!n->left || !n->right) {
    child = n->left ? n->left : n->right;
    replace(p, n, child);
    if (child) set_parent(child, p);
  } else {
    struct node *next = n->right, *above = p;
    while (next->left) next = next->left;
    int next_black = !is_red(next);
    child = next->right;
    p = parent_of(next);
    if (p == n) p = next;
    else {
      p->left = child;
      if (child) set_parent(child, p);
      next->right = n->right;
      set_parent(n->right, next);
    }
    next->left = n->left;
    set_parent(n->left, next);
    next->parent = (uintptr_t)above | (n->parent & 1);
    replace(above, n, next);
    black = next_black;
  }
  if (black) erase_fixup(child, p);
}

static const struct entry *search(const struct entry *base, uint32_t n, uint64_t pc) {
  while (n) {
    const struct entry *pivot = base + (n >> 1);
    uint64_t address = (uint64_t)(uintptr_t)&pivot->insn + (int64_t)pivot->insn;
    if (pc == address) return pivot;
    if (pc > address) {
      base = pivot + 1;
      n--;
    }
    n >>= 1;
  }
  return NULL;
}

static uint32_t lookup(uint64_t pc, uint8_t *detail) {
  const struct node *n = root;
  while (n) {
    if (pc < n->start) n = n->left;
    else if (pc >= n->end) n = n->right;
    else {
      const struct entry *e = search(n->table, n->entries, pc);
      if (!e) break;
      uint32_t reg = e->fixup >> 8;
      *detail = (e->fixup & 15) | (reg == 1 ? 0xf0 : reg << 1);
      return n->first + (uint32_t)(e - n->table);
    }
  }
  *detail = 0;
  return MISS;
}

/* Processor time: what else runs on the machine does not count. */
static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return t.tv_sec * 1e9 + t.tv_nsec;
}

static void read_all(void *to, size_t size, FILE *file) {
  if (size != 0 && fread(to, size, 1, file) != 1) {
    fprintf(stderr, "the load ends early\n");
    exit(1);
  }
}

int main(int argc, char **argv) {
  FILE *file = argc == 2 ? fopen(argv[1], "rb") : NULL;
  if (!file) {
    fprintf(stderr, "usage: lookup LOAD\n");
    return 2;
  }
  uint32_t head[3]; /* programs, bytes of the arena, sets */
  read_all(head, sizeof head, file);
  uint32_t programs = head[0];
  struct image *images = malloc((size_t)programs * sizeof *images);
  read_all(images, (size_t)programs * sizeof *images, file);
  char *arena = mmap(NULL, head[1], PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  struct node *nodes = aligned_alloc(64, (size_t)programs * sizeof *nodes);
  if (arena == MAP_FAILED || !nodes || !images) {
    fprintf(stderr, "out of memory\n");
    return 1;
  }
  for (uint32_t i = 0; i < programs; i++) {
    const struct image *m = images + i;
    char *table = arena + m->offset + m->table;
    read_all(table, (size_t)m->entries * sizeof(struct entry), file);
    uint64_t start = (uint64_t)(uintptr_t)(arena + m->offset);
    nodes[i] = (struct node){start, start + m->code, NULL, NULL, 0, (struct entry *)table, m->entries, m->first, 0};
    insert(nodes + i);
  }
  struct set *sets = malloc(head[2] * sizeof *sets);
  uint32_t most = 0;
  for (uint32_t s = 0; s < head[2]; s++) {
    uint32_t pad;
    read_all(&sets[s].count, 4, file);
    read_all(&pad, 4, file);
    if (sets[s].count > most) most = sets[s].count;
    sets[s].pcs = malloc((size_t)sets[s].count * 8);
    read_all(sets[s].pcs, (size_t)sets[s].count * 8, file);
    /* Text lies at the arena here, and every other address moves along. */
    for (uint32_t i = 0; i < sets[s].count; i++) sets[s].pcs[i] += (uint64_t)(uintptr_t)arena - MODULES;
  }
  fclose(file);
  uint32_t *ids = calloc(most, 4);
  uint8_t *details = calloc(most, 1);
  puts("ready");
  fflush(stdout);

  char line[64];
  while (fgets(line, sizeof line, stdin)) {
    unsigned s, ms;
    if (sscanf(line, "run %u %u", &s, &ms) == 2 && s < head[2]) {
      uint32_t count = sets[s].count;
      const uint64_t *pcs = sets[s].pcs;
      unsigned passes = 0;
      double start = 0, end;
      /* The first pass finds the caches as somebody else left them. */
      for (int warm = ms > 0; warm >= 0; warm--) {
        start = now();
        do {
          for (uint32_t i = 0; i < count; i++) ids[i] = lookup(pcs[i], details + i);
          passes = warm ? 0 : passes + 1;
          end = now();
        } while (!warm && end - start < ms * 1e6);
      }
      uint32_t sum = 0;
      for (uint32_t i = 0; i < count; i++) sum = sum * 31 + (ids[i] ^ details[i]);
      printf("%.4f %u\n", (end - start) / passes / count, sum);
    } else if (strncmp(line, "build", 5) == 0) {
      for (uint32_t i = 0; i < programs; i++) erase(nodes + i);
      double start = now();
      for (uint32_t i = 0; i < programs; i++) insert(nodes + i);
      double middle = now();
      for (uint32_t i = 0; i < programs; i++) erase(nodes + i);
      double end = now();
      for (uint32_t i = 0; i < programs; i++) insert(nodes + i);
      printf("%.4f %.4f\n", (middle - start) / programs, (end - middle) / programs);
    } else {
      puts("?");
    }
    fflush(stdout);
  }
  return 0;
}
