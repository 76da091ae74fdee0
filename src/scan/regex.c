/* regex.c - the automata of a Regex.
 *
 * Tree -> steps: a program in which a step takes one character, asserts a place, or goes on at two
 * others. All characters that no set tells apart make one class. A set of steps is then a state of
 * a deterministic automaton; its transition for a class says where the value goes on, or that it
 * matches. When the states are few the whole table is made at once; else a search walks the steps
 * themselves. Assertions need to know what stands before and after: a state remembers the former,
 * the class of the next character says the latter. */
#include "mola/base/utf8.h"
#include "scan/regex_tree.h"
#include "scan/scan.h"
#include <stdlib.h>

enum {
    SCRATCH_BYTES_MAX = 8 << 20,
    STATES_MAX = 512,
    TABLE_MAX = 1 << 15, /* transitions */
    KERNEL_WORDS_MAX = 1 << 13,
    WORK_MAX = 1 << 18, /* steps looked at while the table is made */
    WORDS = MOLA_REGEX_STEPS_MAX / 64,
    MATCHED = UINT16_MAX, /* among the states of a table */
    DEAD = UINT16_MAX - 1,
};

typedef enum { STEP_SET, STEP_SPLIT, STEP_JUMP, STEP_PLACE, STEP_MATCH } step_kind;
typedef struct {
    uint8_t kind;
    uint16_t to, also; /* SPLIT: both; JUMP: to */
    uint32_t what;     /* SET: which; PLACE: the pairs of sides */
} step;

struct mola_regex {
    const step *steps;
    uint32_t step_count;
    uint32_t class_count;
    uint32_t edge_count;
    const uint32_t *edges; /* [edge_count]: where runs of one class begin; rising, the first is 0 */
    const uint16_t *classes; /* [edge_count] */
    uint16_t ascii[128];
    const uint8_t *sides;  /* [class_count]: of the characters of a class */
    const uint64_t *takes; /* [set_count][class_words] */
    uint32_t class_words;
    const uint16_t *table; /* [states][class_count + 1], the last one for the end; NULL: none */
};

/* ---- steps ---- */

typedef struct {
    step *steps;
    uint32_t count;
    bool full;
} program;

static uint32_t emit(program *p, step s)
{
    if (p->count == MOLA_REGEX_STEPS_MAX) {
        p->full = true;
        return 0;
    }
    p->steps[p->count] = s;
    return p->count++;
}

static void emit_node(program *p, const mola_regex_node *node);

static void emit_any(program *p, const mola_regex_node *node)
{
    uint32_t jumps = UINT32_MAX; /* chain of JUMPs to the end, linked by `what` */
    for (const mola_regex_node *child = node->first; child && !p->full; child = child->next) {
        uint32_t split = child->next ? emit(p, (step){.kind = STEP_SPLIT}) : 0;
        emit_node(p, child);
        if (!child->next)
            break;
        jumps = emit(p, (step){.kind = STEP_JUMP, .what = jumps});
        p->steps[split].to = (uint16_t)(split + 1);
        p->steps[split].also = (uint16_t)p->count;
    }
    while (!p->full && jumps != UINT32_MAX) {
        step *s = &p->steps[jumps];
        jumps = s->what;
        *s = (step){.kind = STEP_JUMP, .to = (uint16_t)p->count};
    }
}

/* x* */
static void emit_star(program *p, const mola_regex_node *child)
{
    uint32_t split = emit(p, (step){.kind = STEP_SPLIT});
    emit_node(p, child);
    emit(p, (step){.kind = STEP_JUMP, .to = (uint16_t)split});
    p->steps[split].to = (uint16_t)(split + 1);
    p->steps[split].also = (uint16_t)p->count;
}

/* x{least,most}: copies. A child without steps is not copied, however often it is asked for. */
static void emit_times(program *p, const mola_regex_node *node)
{
    uint32_t splits = UINT32_MAX, before = p->count;
    for (uint32_t i = 0; i < node->least && !p->full; i++) {
        before = p->count;
        emit_node(p, node->first);
        if (p->count == before)
            return;
    }
    if (node->most == MOLA_RE_NO_END) {
        if (!node->least) {
            emit_star(p, node->first);
        } else {
            emit(p, (step){.kind = STEP_SPLIT,
                           .to = (uint16_t)before,
                           .also = (uint16_t)(p->count + 1)});
        }
        return;
    }
    for (uint32_t i = node->least; i < node->most && !p->full; i++) {
        splits = emit(p, (step){.kind = STEP_SPLIT, .what = splits});
        emit_node(p, node->first);
    }
    while (!p->full && splits != UINT32_MAX) {
        step *s = &p->steps[splits];
        uint32_t at = splits;
        splits = s->what;
        *s = (step){.kind = STEP_SPLIT, .to = (uint16_t)(at + 1), .also = (uint16_t)p->count};
    }
}

static void emit_node(program *p, const mola_regex_node *node)
{
    if (p->full)
        return;
    switch (node->kind) {
    case MOLA_RE_EMPTY:
        break;
    case MOLA_RE_SET:
        emit(p, (step){.kind = STEP_SET, .what = node->set});
        break;
    case MOLA_RE_PLACE:
        emit(p, (step){.kind = STEP_PLACE, .what = node->place});
        break;
    case MOLA_RE_ALL:
        for (const mola_regex_node *child = node->first; child; child = child->next)
            emit_node(p, child);
        break;
    case MOLA_RE_ANY:
        emit_any(p, node);
        break;
    case MOLA_RE_TIMES:
        emit_times(p, node);
        break;
    }
}

/* ---- classes ---- */

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Where a set of the tree begins or ends, and 0: rising, each once. */
static uint32_t *find_edges(mola_arena *arena, const mola_regex_tree *tree, uint32_t *count)
{
    size_t all = 1;
    for (uint32_t i = 0; i < tree->set_count; i++)
        all += (size_t)2 * tree->sets[i].count;
    uint32_t *edges = all <= UINT16_MAX ? mola_new(arena, uint32_t, all) : NULL;
    if (!edges)
        return NULL;
    all = 1;
    for (uint32_t i = 0; i < tree->set_count; i++) {
        for (uint32_t k = 0; k < tree->sets[i].count; k++) {
            edges[all++] = tree->sets[i].ranges[k].first;
            edges[all++] = tree->sets[i].ranges[k].last + 1;
        }
    }
    qsort(edges, all, sizeof *edges, by_number);
    *count = 1;
    for (size_t i = 1; i < all; i++) {
        if (edges[i] != edges[*count - 1] && edges[i] <= MOLA_CHAR_LAST)
            edges[(*count)++] = edges[i];
    }
    return edges;
}

/* Tells the runs between edges apart, set by set. Returns how many classes there are; 0: no memory.
 */
static uint32_t refine(mola_arena *arena, const mola_regex_tree *tree, const uint32_t *edges,
                       uint32_t edge_count, uint16_t *classes)
{
    uint32_t count = 1;
    uint32_t *split = mola_new(arena, uint32_t, (size_t)2 * edge_count);
    if (!split)
        return 0;
    for (uint32_t i = 0; i < tree->set_count; i++) {
        const mola_charset *set = &tree->sets[i];
        uint32_t next = 0, range = 0;
        memset(split, 0, (size_t)2 * count * sizeof *split); /* new number + 1 of (old, inside) */
        for (uint32_t e = 0; e < edge_count; e++) {
            while (range < set->count && set->ranges[range].last < edges[e])
                range++;
            bool inside = range < set->count && set->ranges[range].first <= edges[e];
            uint32_t *number = &split[2 * (uint32_t)classes[e] + inside];
            if (!*number)
                *number = ++next;
            classes[e] = (uint16_t)(*number - 1);
        }
        count = next;
    }
    return count;
}

static uint8_t side_of(const mola_regex_tree *tree, uint32_t c)
{
    if (tree->asks_lines && c == '\n')
        return MOLA_SIDE_LINE;
    if (tree->asks_words && mola_is_word(c))
        return c < 0x80 ? MOLA_SIDE_ASCII_WORD : MOLA_SIDE_WORD;
    return MOLA_SIDE_OTHER;
}

/* Sets that the sides of assertions need to be told apart. */
static bool add_side_sets(mola_arena *arena, mola_regex_tree *tree)
{
    mola_charset *sets = mola_new(arena, mola_charset, tree->set_count + 3);
    if (!sets)
        return false;
    if (tree->set_count)
        memcpy(sets, tree->sets, tree->set_count * sizeof *sets);
    tree->sets = sets;
    if (tree->asks_lines && !mola_charset_add(arena, &sets[tree->set_count++], '\n', '\n'))
        return false;
    if (!tree->asks_words)
        return true;
    if (!mola_charset_add(arena, &sets[tree->set_count++], 0, 0x7f))
        return false;
    return mola_perl_set(arena, 'w', &sets[tree->set_count++]);
}

static mola_regex_result make_classes(mola_arena *scratch, mola_arena *arena, mola_regex_tree *tree,
                                      mola_regex *out)
{
    uint32_t program_sets = tree->set_count;
    if (!add_side_sets(scratch, tree))
        return MOLA_REGEX_TOO_LARGE;
    uint32_t *edges = find_edges(scratch, tree, &out->edge_count);
    uint16_t *classes = edges ? mola_new(arena, uint16_t, out->edge_count) : NULL;
    if (!classes)
        return edges ? MOLA_REGEX_NO_MEMORY : MOLA_REGEX_TOO_LARGE;
    out->class_count = refine(scratch, tree, edges, out->edge_count, classes);
    if (!out->class_count)
        return MOLA_REGEX_TOO_LARGE;
    out->class_words = (out->class_count + 63) / 64;
    uint32_t *kept = mola_new(arena, uint32_t, out->edge_count);
    uint8_t *sides = mola_new(arena, uint8_t, out->class_count);
    uint64_t *takes = mola_new(arena, uint64_t, (size_t)program_sets * out->class_words);
    if (!kept || !sides || !takes)
        return MOLA_REGEX_NO_MEMORY;
    memcpy(kept, edges, out->edge_count * sizeof *kept);
    for (uint32_t e = 0; e < out->edge_count; e++)
        sides[classes[e]] = side_of(tree, edges[e]);
    for (uint32_t i = 0; i < program_sets; i++) {
        for (uint32_t e = 0; e < out->edge_count; e++) {
            uint64_t bit = mola_charset_has(&tree->sets[i], edges[e]);
            takes[(size_t)i * out->class_words + (classes[e] >> 6)] |= bit << (classes[e] & 63);
        }
    }
    for (uint32_t c = 0, e = 0; c < 128; c++) {
        while (e + 1 < out->edge_count && edges[e + 1] <= c)
            e++;
        out->ascii[c] = classes[e];
    }
    out->edges = kept;
    out->classes = classes;
    out->sides = sides;
    out->takes = takes;
    return MOLA_REGEX_OK;
}

static inline uint32_t class_of(const mola_regex *regex, uint32_t c)
{
    if (c < 128)
        return regex->ascii[c];
    uint32_t from = 0, until = regex->edge_count; /* the last edge that is not above c */
    while (until - from > 1) {
        uint32_t middle = from + (until - from) / 2;
        if (regex->edges[middle] <= c) {
            from = middle;
        } else {
            until = middle;
        }
    }
    return regex->classes[from];
}

/* ---- one transition ---- */

typedef struct {
    uint64_t seen[WORDS];
    uint16_t taking[MOLA_REGEX_STEPS_MAX]; /* SET steps reached */
    uint16_t stack[MOLA_REGEX_STEPS_MAX];
    uint32_t taking_count;
    uint32_t work; /* steps looked at so far */
} reached;

static bool mark(uint64_t *bits, uint32_t i)
{
    bool was = bits[i >> 6] >> (i & 63) & 1;
    bits[i >> 6] |= (uint64_t)1 << (i & 63);
    return was;
}

/* Follows everything that takes no character, from step `from`, at a place between two sides. true:
 * MATCH is reached. */
static bool reach(const mola_regex *regex, uint32_t from, uint32_t place, reached *r)
{
    uint16_t *stack = r->stack;
    uint32_t depth = 0;
    if (mark(r->seen, from))
        return false;
    stack[depth++] = (uint16_t)from;
    while (depth) {
        const step *s = &regex->steps[stack[--depth]];
        uint32_t at = (uint32_t)(s - regex->steps), next[2] = {at + 1, s->also};
        uint32_t count = 1;
        r->work++;
        switch (s->kind) {
        case STEP_MATCH:
            return true;
        case STEP_SET:
            r->taking[r->taking_count++] = (uint16_t)at;
            continue;
        case STEP_PLACE:
            if (!(s->what >> place & 1))
                continue;
            break;
        case STEP_SPLIT:
            count = 2;
            next[0] = s->to;
            break;
        default:
            next[0] = s->to;
            break;
        }
        while (count--) {
            if (!mark(r->seen, next[count]))
                stack[depth++] = (uint16_t)next[count];
        }
    }
    return false;
}

/* From the steps of `kernel`, and from the start, over what follows: `class`, or the end. The steps
 * behind that character become the kernel. true: it matches. */
static bool advance(const mola_regex *regex, uint64_t *kernel, uint32_t before, uint32_t class,
                    reached *r)
{
    uint32_t words = (regex->step_count + 63) / 64;
    bool at_end = class == regex->class_count;
    uint32_t after = at_end ? MOLA_SIDE_EDGE : regex->sides[class];
    uint32_t place = before * MOLA_SIDES + after;
    memset(r->seen, 0, words * sizeof *r->seen);
    r->taking_count = 0;
    if (reach(regex, 0, place, r))
        return true;
    for (uint32_t w = 0; w < words; w++) {
        for (uint64_t bits = kernel[w]; bits; bits &= bits - 1) {
            if (reach(regex, w * 64 + (uint32_t)__builtin_ctzll(bits), place, r))
                return true;
        }
    }
    memset(kernel, 0, words * sizeof *kernel);
    for (uint32_t i = 0; i < r->taking_count && !at_end; i++) {
        uint32_t at = r->taking[i];
        const uint64_t *takes = regex->takes + (size_t)regex->steps[at].what * regex->class_words;
        if (takes[class >> 6] >> (class & 63) & 1)
            kernel[(at + 1) >> 6] |= (uint64_t)1 << ((at + 1) & 63);
    }
    return false;
}

/* ---- the table ---- */

typedef struct {
    uint64_t *kernels; /* [states][words] */
    uint8_t before[STATES_MAX];
    uint16_t slots[2 * STATES_MAX]; /* by hash: state + 1, or 0 */
    uint32_t words, count, room;
} states;

static uint32_t hash_of(const uint64_t *kernel, uint32_t words, uint8_t before)
{
    uint64_t h = before + 1u;
    for (uint32_t i = 0; i < words; i++)
        h = (h ^ kernel[i]) * 0x9e3779b97f4a7c15u, h ^= h >> 29;
    return (uint32_t)(h >> 32);
}

/* The number of a state, by its kernel and the side before; room: there are too many. */
static uint32_t find_state(states *s, const uint64_t *kernel, uint8_t before)
{
    uint32_t at = hash_of(kernel, s->words, before) % (2 * STATES_MAX);
    for (; s->slots[at]; at = (at + 1) % (2 * STATES_MAX)) {
        uint32_t i = s->slots[at] - 1u;
        if (s->before[i] == before &&
            memcmp(s->kernels + (size_t)i * s->words, kernel, s->words * sizeof *kernel) == 0)
            return i;
    }
    if (s->count == s->room)
        return s->room;
    memcpy(s->kernels + (size_t)s->count * s->words, kernel, s->words * sizeof *kernel);
    s->before[s->count] = before;
    s->slots[at] = (uint16_t)(s->count + 1);
    return s->count++;
}

/* A state that nothing leads out of, and that does not match at the end, ends a search. */
static void mark_dead(uint16_t *table, uint32_t state_count, uint32_t columns)
{
    for (uint32_t state = 0; state < state_count; state++) {
        const uint16_t *row = table + (size_t)state * columns;
        bool dead = row[columns - 1] != MATCHED;
        for (uint32_t c = 0; c + 1 < columns && dead; c++)
            dead = row[c] == state;
        for (size_t i = 0; dead && i < (size_t)state_count * columns; i++) {
            if (table[i] == state && (i + 1) % columns != 0)
                table[i] = DEAD;
        }
    }
}

/* Fills the table of the regex, unless it would be large. false: no memory. */
static bool make_table(mola_arena *scratch, mola_arena *arena, mola_regex *regex)
{
    uint32_t columns = regex->class_count + 1;
    states s = {.words = (regex->step_count + 63) / 64};
    s.room = KERNEL_WORDS_MAX / s.words;
    if (s.room > STATES_MAX)
        s.room = STATES_MAX;
    if (s.room > TABLE_MAX / columns)
        s.room = TABLE_MAX / columns;
    s.kernels = mola_new(scratch, uint64_t, (size_t)s.room * s.words);
    uint16_t *table = mola_new(scratch, uint16_t, (size_t)s.room * columns);
    reached *r = mola_new(scratch, reached, 1);
    if (!s.room || !s.kernels || !table || !r)
        return true;
    uint64_t kernel[WORDS] = {0};
    (void)find_state(&s, kernel, MOLA_SIDE_EDGE);
    for (uint32_t state = 0; state < s.count; state++) {
        for (uint32_t class = 0; class < columns; class ++) {
            memcpy(kernel, s.kernels + (size_t)state * s.words, s.words * sizeof *kernel);
            uint16_t *to = &table[(size_t)state * columns + class];
            uint32_t next = MATCHED;
            if (!advance(regex, kernel, s.before[state], class, r)) {
                next =
                    class == regex->class_count ? 0 : find_state(&s, kernel, regex->sides[class]);
                if (next == s.room || r->work > WORK_MAX)
                    return true;
            }
            *to = (uint16_t)next;
        }
    }
    mark_dead(table, s.count, columns);
    uint16_t *kept = mola_new(arena, uint16_t, (size_t)s.count * columns);
    if (!kept)
        return false;
    memcpy(kept, table, (size_t)s.count * columns * sizeof *kept);
    regex->table = kept;
    return true;
}

/* ---- compiling ---- */

static mola_regex_result make_steps(mola_arena *arena, const mola_regex_tree *tree, mola_regex *out)
{
    program p = {.steps = mola_new(arena, step, MOLA_REGEX_STEPS_MAX)};
    if (!p.steps)
        return MOLA_REGEX_NO_MEMORY;
    emit_node(&p, tree->root);
    emit(&p, (step){.kind = STEP_MATCH});
    out->steps = p.steps;
    out->step_count = p.count;
    return p.full ? MOLA_REGEX_TOO_LARGE : MOLA_REGEX_OK;
}

static mola_regex_result compile(mola_arena *scratch, mola_arena *arena, mola_str pattern,
                                 mola_regex *out, const char **why)
{
    mola_regex_tree tree;
    mola_regex_result result = mola_regex_parse(scratch, pattern, &tree, why);
    if (result == MOLA_REGEX_NO_MEMORY) /* of the scratch arena, which is a bound */
        result = MOLA_REGEX_TOO_LARGE;
    if (!result)
        result = make_steps(scratch, &tree, out);
    if (!result)
        result = make_classes(scratch, arena, &tree, out);
    if (result)
        return result;
    step *steps = mola_new(arena, step, out->step_count);
    if (!steps)
        return MOLA_REGEX_NO_MEMORY;
    memcpy(steps, out->steps, out->step_count * sizeof *steps);
    out->steps = steps;
    return make_table(scratch, arena, out) ? MOLA_REGEX_OK : MOLA_REGEX_NO_MEMORY;
}

mola_regex_result mola_regex_compile(mola_arena *arena, mola_str pattern, const mola_regex **out,
                                     const char **why)
{
    *why = "";
    if (pattern.len > MOLA_REGEX_BYTES_MAX)
        return MOLA_REGEX_TOO_LARGE;
    mola_regex *regex = mola_new(arena, mola_regex, 1);
    if (!regex)
        return MOLA_REGEX_NO_MEMORY;
    mola_arena scratch;
    mola_arena_init(&scratch, arena->heap, SCRATCH_BYTES_MAX);
    mola_regex_result result = compile(&scratch, arena, pattern, regex, why);
    mola_arena_reset(&scratch);
    *out = regex;
    return result;
}

/* ---- searching ---- */

static bool search_table(const mola_regex *regex, mola_str text)
{
    uint32_t columns = regex->class_count + 1, state = 0;
    for (size_t at = 0; at < text.len;) {
        uint32_t class = class_of(regex, mola_utf8_take(text, &at));
        state = regex->table[state * columns + class];
        if (state >= DEAD)
            return state == MATCHED;
    }
    return regex->table[state * columns + regex->class_count] == MATCHED;
}

static bool search_steps(const mola_regex *regex, mola_str text, const mola_ctx *ctx)
{
    uint64_t kernel[WORDS] = {0};
    reached r;
    r.work = 0;
    uint32_t before = MOLA_SIDE_EDGE;
    for (size_t at = 0; at < text.len;) {
        uint32_t class = class_of(regex, mola_utf8_take(text, &at));
        if (advance(regex, kernel, before, class, &r))
            return true;
        before = regex->sides[class];
        if (r.work > MOLA_LATE_STEPS && ctx) {
            if (mola_scan_late(ctx))
                return false;
            r.work = 0;
        }
    }
    return advance(regex, kernel, before, regex->class_count, &r);
}

bool mola_regex_matches(const mola_regex *regex, mola_str text, const mola_ctx *ctx)
{
    return regex->table ? search_table(regex, text) : search_steps(regex, text, ctx);
}
