#include "scan/glob.h"
#include "mola/base/check.h"
#include "mola/base/utf8.h"
#include "scan/fold.h"
#include "scan/scan.h"

/* Pattern -> tokens (globset's, brace groups flat) -> instructions -> states. Instructions that
 * consume a character are the states of the automaton; `follow` says which states may come next,
 * jumps resolved. */

/* No token has more states than bytes in the pattern; one more state is acceptance. */
enum { GROUP_DEPTH_MAX = 32, WORDS_MAX = MOLA_GLOB_BYTES_MAX / 64 + 1 };

typedef enum {
    TOKEN_CHAR,   /* one given character */
    TOKEN_ANY,    /* ? */
    TOKEN_RUN,    /* .* */
    TOKEN_PREFIX, // a leading **, any number of components
    TOKEN_SUFFIX, // a trailing **, its slash included
    TOKEN_MIDDLE, // ** between two slashes, both included
    TOKEN_CLASS,  /* [...] */
    TOKEN_OPEN,
    TOKEN_NEXT,
    TOKEN_CLOSE,
} token_kind;
typedef struct {
    uint32_t first, last;
} range;
typedef struct {
    token_kind kind;
    uint32_t c;             /* CHAR */
    bool negated;           /* CLASS */
    uint32_t range, ranges; /* CLASS: first index and count */
} token;

typedef enum {
    STEP_CHAR,
    STEP_ANY,
    STEP_CLASS,
    STEP_SPLIT,
    STEP_JUMP,
    STEP_FAIL,
    STEP_ACCEPT
} step_kind;
typedef struct {
    step_kind kind;
    uint32_t token;    /* CHAR, CLASS */
    uint32_t to, also; /* SPLIT: both; JUMP: to */
    uint32_t state;
} step;

struct mola_glob {
    bool folded;
    uint32_t state_count, words; /* state `state_count` is acceptance */
    const token *tokens;
    const range *ranges;
    const uint32_t *state_token; /* [state_count]; NO_TOKEN: any character */
    const uint64_t *start;       /* [words] */
    const uint64_t *follow;      /* [state_count][words] */
};
#define NO_TOKEN UINT32_MAX

typedef struct {
    mola_arena *arena;
    mola_str pattern;
    size_t at;
    uint32_t previous; /* the character before the one at hand; 0: none */
    bool folded;
    token *tokens;
    uint32_t token_count;
    range *ranges;
    uint32_t range_count, range_room;
    uint32_t depth;
    step *steps;
    uint32_t step_count;
} compiler;

static bool at_end(const compiler *p)
{
    return p->at == p->pattern.len;
}

/* The byte ahead, or 0 at the end: enough to recognise the special characters. */
static char ahead(const compiler *p)
{
    if (at_end(p))
        return '\0';
    return p->pattern.data[p->at];
}

static void push(compiler *p, token t)
{
    MOLA_ASSERT(p->tokens && p->token_count <= p->pattern.len);
    token *last = p->token_count ? &p->tokens[p->token_count - 1] : NULL;
    if (t.kind == TOKEN_RUN && last && last->kind == TOKEN_RUN)
        return;
    p->tokens[p->token_count++] = t;
}

static bool in_empty_branch(const compiler *p)
{
    if (!p->token_count)
        return true;
    token_kind last = p->tokens[p->token_count - 1].kind;
    return last == TOKEN_OPEN || last == TOKEN_NEXT;
}

/* The separator after a `**` belongs to it. */
static void skip_slash(compiler *p)
{
    if (at_end(p))
        return;
    p->at++;
    p->previous = '/';
}

/* After a '*'. `**` is special as a whole component only; as globset does it. */
static void parse_star(compiler *p, uint32_t before)
{
    if (ahead(p) != '*') {
        push(p, (token){.kind = TOKEN_RUN});
        return;
    }
    p->at++;
    p->previous = '*';
    if (in_empty_branch(p)) {
        bool whole = at_end(p) || ahead(p) == '/';
        push(p, (token){.kind = whole ? TOKEN_PREFIX : TOKEN_RUN});
        if (whole)
            skip_slash(p);
        return;
    }
    bool ends = at_end(p) || (p->depth && (ahead(p) == ',' || ahead(p) == '}'));
    if (before != '/' || !(ends || ahead(p) == '/')) {
        push(p, (token){.kind = TOKEN_RUN});
        return;
    }
    if (!ends)
        skip_slash(p);
    token *last = &p->tokens[p->token_count - 1]; /* the separator, or a ** before it */
    if (last->kind != TOKEN_PREFIX && last->kind != TOKEN_SUFFIX)
        *last = (token){.kind = ends ? TOKEN_SUFFIX : TOKEN_MIDDLE};
}

static bool add_range(compiler *p, uint32_t first, uint32_t last)
{
    if (p->range_count == p->range_room) {
        uint32_t room = p->range_room ? 2 * p->range_room : 16;
        range *bigger = mola_new(p->arena, range, room);
        if (!bigger)
            return false;
        if (p->range_count)
            memcpy(bigger, p->ranges, p->range_count * sizeof *bigger);
        p->ranges = bigger;
        p->range_room = room;
    }
    p->ranges[p->range_count++] = (range){first, last};
    return true;
}

/* What a class matches without regard to case: the folded form of each character in it, too. */
static bool fold_class(compiler *p, uint32_t from)
{
    uint32_t until = p->range_count;
    for (uint32_t i = 0; i < mola_fold_count(); i++) {
        mola_fold_pair pair = mola_fold_at(i);
        for (uint32_t r = from; r < until; r++) {
            if (pair.from < p->ranges[r].first || pair.from > p->ranges[r].last)
                continue;
            if (!add_range(p, pair.to, pair.to))
                return false;
            break;
        }
    }
    return true;
}

/* After a '['. A ']' that comes first, and a '-' that comes first or last, stand for themselves. */
static mola_glob_result parse_class(compiler *p)
{
    token t = {.kind = TOKEN_CLASS, .range = p->range_count};
    if (ahead(p) == '!' || ahead(p) == '^') {
        t.negated = true;
        p->at++;
    }
    bool open = false; /* a '-' waits for the end of its range */
    for (bool first = true;; first = false) {
        if (at_end(p))
            return MOLA_GLOB_INVALID;
        uint32_t c = mola_utf8_take(p->pattern, &p->at);
        p->previous = c;
        if (c == ']' && !first)
            break;
        if (c == '-' && !first && !open) {
            open = true;
            continue;
        }
        if (open) {
            range *r = &p->ranges[p->range_count - 1];
            r->last = c;
            if (r->last < r->first)
                return MOLA_GLOB_INVALID;
            open = false;
        } else if (!add_range(p, c, c)) {
            return MOLA_GLOB_NO_MEMORY;
        }
    }
    if (open && !add_range(p, '-', '-'))
        return MOLA_GLOB_NO_MEMORY;
    if (p->folded && !fold_class(p, t.range))
        return MOLA_GLOB_NO_MEMORY;
    t.ranges = p->range_count - t.range;
    push(p, t);
    return MOLA_GLOB_OK;
}

static mola_glob_result parse_char(compiler *p, uint32_t c)
{
    if (c == '\\') {
        if (at_end(p))
            return MOLA_GLOB_INVALID;
        c = mola_utf8_take(p->pattern, &p->at);
        p->previous = c;
    }
    push(p, (token){.kind = TOKEN_CHAR, .c = p->folded ? mola_fold(c) : c});
    return MOLA_GLOB_OK;
}

static mola_glob_result parse_one(compiler *p)
{
    uint32_t before = p->previous;
    uint32_t c = mola_utf8_take(p->pattern, &p->at);
    p->previous = c;
    switch (c) {
    case '?':
        push(p, (token){.kind = TOKEN_ANY});
        return MOLA_GLOB_OK;
    case '*':
        parse_star(p, before);
        return MOLA_GLOB_OK;
    case '[':
        return parse_class(p);
    case '{':
        if (p->depth == GROUP_DEPTH_MAX)
            return MOLA_GLOB_TOO_LONG;
        p->depth++;
        push(p, (token){.kind = TOKEN_OPEN});
        return MOLA_GLOB_OK;
    case '}':
        if (!p->depth)
            return MOLA_GLOB_INVALID;
        p->depth--;
        push(p, (token){.kind = TOKEN_CLOSE});
        return MOLA_GLOB_OK;
    case ',':
        if (!p->depth)
            return parse_char(p, c);
        push(p, (token){.kind = TOKEN_NEXT});
        return MOLA_GLOB_OK;
    default:
        return parse_char(p, c);
    }
}

static mola_glob_result parse(compiler *p)
{
    p->tokens = mola_new(p->arena, token, p->pattern.len + 1);
    if (!p->tokens)
        return MOLA_GLOB_NO_MEMORY;
    while (!at_end(p)) {
        mola_glob_result result = parse_one(p);
        if (result != MOLA_GLOB_OK)
            return result;
    }
    if (p->depth)
        return MOLA_GLOB_INVALID;
    if (p->token_count == 1 && p->tokens[0].kind == TOKEN_PREFIX)
        p->tokens[0].kind = TOKEN_RUN; /* `**` alone matches everything */
    return MOLA_GLOB_OK;
}

static uint32_t emit(compiler *p, step s)
{
    p->steps[p->step_count] = s;
    return p->step_count++;
}

static void emit_run(compiler *p)
{
    uint32_t split = emit(p, (step){.kind = STEP_SPLIT});
    emit(p, (step){.kind = STEP_ANY});
    emit(p, (step){.kind = STEP_JUMP, .to = split});
    p->steps[split].to = split + 1;
    p->steps[split].also = p->step_count;
}

static void emit_slash(compiler *p, uint32_t token_index)
{
    p->tokens[token_index].c = '/';
    emit(p, (step){.kind = STEP_CHAR, .token = token_index});
}

/* One token that is not about groups. The recursive ones keep '/' in their `c`. */
static void emit_token(compiler *p, uint32_t index)
{
    token_kind kind = p->tokens[index].kind;
    if (kind == TOKEN_CHAR) {
        emit(p, (step){.kind = STEP_CHAR, .token = index});
    } else if (kind == TOKEN_ANY) {
        emit(p, (step){.kind = STEP_ANY});
    } else if (kind == TOKEN_CLASS) {
        emit(p, (step){.kind = STEP_CLASS, .token = index});
    }
    if (kind == TOKEN_SUFFIX || kind == TOKEN_MIDDLE)
        emit_slash(p, index);
    if (kind == TOKEN_SUFFIX || kind == TOKEN_RUN)
        emit_run(p);
    if (kind == TOKEN_PREFIX || kind == TOKEN_MIDDLE) {
        uint32_t split = emit(p, (step){.kind = STEP_SPLIT});
        emit_run(p);
        emit_slash(p, index);
        p->steps[split].to = split + 1;
        p->steps[split].also = p->step_count;
    }
}

typedef struct {
    uint32_t split;     /* the SPLIT before the branch at hand */
    uint32_t last_jump; /* chain of JUMPs to the end, linked by `also`; NO_TOKEN: none */
} group;

static void begin_branch(compiler *p, group *g)
{
    g->split = emit(p, (step){.kind = STEP_SPLIT});
    p->steps[g->split].to = p->step_count;
}

/* An empty branch is dropped, as globset does. */
static void end_branch(compiler *p, group *g)
{
    if (p->step_count == g->split + 1) {
        p->step_count--;
        return;
    }
    g->last_jump = emit(p, (step){.kind = STEP_JUMP, .also = g->last_jump});
    p->steps[g->split].also = p->step_count;
}

static void end_group(compiler *p, const group *g)
{
    if (g->last_jump == NO_TOKEN)
        return;
    emit(p, (step){.kind = STEP_FAIL}); /* where the last SPLIT leads */
    for (uint32_t j = g->last_jump; j != NO_TOKEN; j = p->steps[j].also)
        p->steps[j].to = p->step_count;
}

static bool emit_all(compiler *p)
{
    group groups[GROUP_DEPTH_MAX] = {{0}};
    uint32_t depth = 0;
    p->steps = mola_new(p->arena, step, (size_t)p->token_count * 6 + 1);
    if (!p->steps)
        return false;
    for (uint32_t i = 0; i < p->token_count; i++) {
        switch (p->tokens[i].kind) {
        case TOKEN_OPEN:
            groups[depth] = (group){.last_jump = NO_TOKEN};
            begin_branch(p, &groups[depth++]);
            break;
        case TOKEN_NEXT:
            end_branch(p, &groups[depth - 1]);
            begin_branch(p, &groups[depth - 1]);
            break;
        case TOKEN_CLOSE:
            depth--;
            end_branch(p, &groups[depth]);
            end_group(p, &groups[depth]);
            break;
        default:
            emit_token(p, i);
        }
    }
    emit(p, (step){.kind = STEP_ACCEPT});
    return true;
}

static void set_bit(uint64_t *bits, uint32_t i)
{
    bits[i >> 6] |= (uint64_t)1 << (i & 63);
}

/* The states reachable from step `from` without consuming anything. `stack` and `seen` have room
 * for all steps; `seen` is stamped with `stamp`, so that it need not be cleared. */
static void close_over(const compiler *p, uint32_t from, uint32_t *stack, uint32_t *seen,
                       uint32_t stamp, uint64_t *out)
{
    uint32_t count = 0;
    stack[count++] = from;
    while (count) {
        uint32_t at = stack[--count];
        const step *s = &p->steps[at];
        if (seen[at] == stamp)
            continue;
        seen[at] = stamp;
        if (s->kind == STEP_SPLIT) {
            stack[count++] = s->to;
            stack[count++] = s->also;
        } else if (s->kind == STEP_JUMP) {
            stack[count++] = s->to;
        } else if (s->kind != STEP_FAIL) {
            set_bit(out, s->state);
        }
    }
}

static bool build_states(compiler *p, mola_glob *glob)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < p->step_count; i++) {
        if (p->steps[i].kind <= STEP_CLASS)
            p->steps[i].state = count++;
    }
    p->steps[p->step_count - 1].state = count;
    glob->state_count = count;
    glob->words = (count + 64) / 64;
    MOLA_ASSERT(glob->words <= WORDS_MAX);
    uint32_t *state_token = mola_new(p->arena, uint32_t, count);
    uint64_t *start = mola_new(p->arena, uint64_t, glob->words);
    uint64_t *follow = mola_new(p->arena, uint64_t, (size_t)count * glob->words);
    uint32_t *stack = mola_new(p->arena, uint32_t, (size_t)p->step_count * 2 + 1);
    uint32_t *seen = mola_new(p->arena, uint32_t, p->step_count);
    if (!state_token || !start || !follow || !stack || !seen)
        return false;
    close_over(p, 0, stack, seen, 1, start);
    for (uint32_t i = 0; i < p->step_count; i++) {
        const step *s = &p->steps[i];
        if (s->kind > STEP_CLASS)
            continue;
        state_token[s->state] = s->kind == STEP_ANY ? NO_TOKEN : s->token;
        close_over(p, i + 1, stack, seen, i + 2, follow + (size_t)s->state * glob->words);
    }
    glob->state_token = state_token;
    glob->start = start;
    glob->follow = follow;
    return true;
}

mola_glob_result mola_glob_compile(mola_arena *arena, mola_str pattern, mola_glob_case how,
                                   const mola_glob **out)
{
    if (pattern.len > MOLA_GLOB_BYTES_MAX)
        return MOLA_GLOB_TOO_LONG;
    compiler p = {.arena = arena, .pattern = pattern, .folded = how == MOLA_GLOB_CASE_FOLDED};
    mola_glob_result result = parse(&p);
    if (result != MOLA_GLOB_OK)
        return result;
    mola_glob *glob = mola_new(arena, mola_glob, 1);
    if (!glob || !emit_all(&p) || !build_states(&p, glob))
        return MOLA_GLOB_NO_MEMORY;
    glob->folded = p.folded;
    glob->tokens = p.tokens;
    glob->ranges = p.ranges;
    *out = glob;
    return MOLA_GLOB_OK;
}

static bool state_takes(const mola_glob *glob, uint32_t state, uint32_t c)
{
    uint32_t index = glob->state_token[state];
    if (index == NO_TOKEN)
        return true;
    const token *t = &glob->tokens[index];
    if (t->kind != TOKEN_CLASS)
        return t->c == c;
    const range *r = glob->ranges + t->range;
    for (uint32_t i = 0; i < t->ranges; i++) {
        if (c >= r[i].first && c <= r[i].last)
            return !t->negated;
    }
    return t->negated;
}

bool mola_glob_matches(const mola_glob *glob, mola_str text, const mola_ctx *ctx)
{
    uint64_t sets[2][WORDS_MAX];
    uint64_t *now = sets[0], *next = sets[1];
    uint32_t words = glob->words, work = 0;
    memcpy(now, glob->start, words * sizeof *now);
    for (size_t at = 0; at < text.len;) {
        uint32_t c = mola_utf8_take(text, &at);
        uint64_t any = 0;
        if (glob->folded)
            c = mola_fold(c);
        memset(next, 0, words * sizeof *next);
        for (uint32_t w = 0; w < words; w++) {
            for (uint64_t bits = now[w]; bits; bits &= bits - 1) {
                uint32_t state = w * 64 + (uint32_t)__builtin_ctzll(bits);
                if (state == glob->state_count || !state_takes(glob, state, c))
                    continue;
                const uint64_t *follow = glob->follow + (size_t)state * words;
                for (uint32_t i = 0; i < words; i++)
                    next[i] |= follow[i];
                any = 1;
                work += words;
            }
        }
        if (!any)
            return false;
        if (work > MOLA_LATE_STEPS && ctx) {
            if (mola_scan_late(ctx))
                return false;
            work = 0;
        }
        uint64_t *swap = now;
        now = next;
        next = swap;
    }
    uint32_t accept = glob->state_count;
    return now[accept >> 6] >> (accept & 63) & 1;
}
