/* first.c - a selection by digits: the ids are read a few times, each time 16 further bits of what
 * they are ordered by say where the border lies. Only the rows on the border are put in order. */
#include "write/first.h"
#include "mola/base/check.h"
#include "mola/model/sort_key.h"
#include "mola/scan/order.h"
#include "mola/scan/windows.h"

enum { DIGIT_BITS = 16, DIGITS = 1 << DIGIT_BITS, FEW = 4096 };

typedef struct {
    mola_ctx *ctx;
    mola_rowset *rows;
    mola_attr_list ids;
    /* The border lies among the keys that begin with `prefix`, of all but `shift` bits. */
    uint64_t prefix;
    uint32_t shift;
    uint32_t *counts;   /* by the digit behind the prefix */
    mola_rowset border; /* the rows on it */
} selection;

static mola_column ids_of(const selection *s, const mola_window *window)
{
    mola_column ids;
    bool have = mola_part_column(s->rows->view->parts[window->part].part, MOLA_ATTR_ID,
                                 window->index, &ids);
    MOLA_ASSERT(have);
    return ids;
}

/* Without the last `shift` bits. */
static uint64_t begin_of(uint64_t key, uint32_t shift)
{
    return shift < 64 ? key >> shift : 0;
}

static mola_err count_digits(void *of, const mola_window *window)
{
    selection *s = of;
    mola_column ids = ids_of(s, window);
    for (uint32_t w = 0; w < mola_words(window->rows); w++) {
        for (uint64_t rest = window->bits[w]; rest; rest &= rest - 1) {
            uint64_t key = mola_sort_key(&ids, w * 64 + (uint32_t)__builtin_ctzll(rest));
            if (begin_of(key, s->shift) == s->prefix)
                s->counts[key >> (s->shift - DIGIT_BITS) & (DIGITS - 1)]++;
        }
    }
    return MOLA_OK;
}

/* What comes before the border stays, what comes behind it goes. */
static mola_err split(void *of, const mola_window *window)
{
    selection *s = of;
    mola_column ids = ids_of(s, window);
    uint64_t *border = s->border.bits[window->part] + (size_t)window->index * MOLA_WINDOW_WORDS;
    for (uint32_t w = 0; w < mola_words(window->rows); w++) {
        for (uint64_t rest = window->bits[w]; rest; rest &= rest - 1) {
            uint64_t key = mola_sort_key(&ids, w * 64 + (uint32_t)__builtin_ctzll(rest));
            uint64_t begin = begin_of(key, s->shift);
            if (begin < s->prefix)
                continue;
            window->bits[w] &= ~(rest & -rest);
            if (begin == s->prefix) {
                border[w] |= rest & -rest;
                s->border.count++;
            }
        }
    }
    return MOLA_OK;
}

static mola_err walk(selection *s, mola_err (*visit)(void *of, const mola_window *window))
{
    mola_walk walk = {.attrs = &s->ids, .of = s, .visit = visit};
    return mola_scan_windows(s->ctx, s->rows, &walk);
}

/* Finds the border between the first `most` rows and the others: *before of the first ones lie
 * before it. */
static mola_err find_border(selection *s, uint64_t most, uint64_t *before)
{
    uint64_t among = s->rows->count;
    *before = 0;
    for (s->shift = 64; s->shift > 0 && among > FEW; s->shift -= DIGIT_BITS) {
        memset(s->counts, 0, DIGITS * sizeof *s->counts);
        mola_err err = walk(s, count_digits);
        if (err)
            return err;
        uint32_t digit = 0;
        while (*before + s->counts[digit] <= most) {
            *before += s->counts[digit++];
            MOLA_ASSERT(digit < DIGITS); /* there are more rows than stay */
        }
        s->prefix = s->prefix << DIGIT_BITS | digit;
        among = s->counts[digit];
    }
    return MOLA_OK;
}

static mola_err open_border(selection *s)
{
    const mola_view *view = s->rows->view;
    s->border = (mola_rowset){.view = view};
    s->border.bits = mola_new(s->ctx->arena, uint64_t *, view->part_count);
    for (uint32_t p = 0; s->border.bits && p < view->part_count; p++) {
        if (!s->rows->bits[p])
            continue;
        s->border.bits[p] = mola_new(s->ctx->arena, uint64_t, mola_words(view->parts[p].rows));
        if (!s->border.bits[p])
            return MOLA_NO_MEMORY;
    }
    return s->border.bits ? MOLA_OK : MOLA_NO_MEMORY;
}

/* Of the rows on the border the first `count` stay: what stays or what goes is put in order,
 * whichever is less. */
static mola_err keep_on_border(selection *s, uint64_t count)
{
    const mola_view *view = s->rows->view;
    uint64_t gone = s->border.count - count;
    bool drops = gone < count;
    const mola_order_key last = {.attr = MOLA_ATTR_ID, .direction = MOLA_DESCENDING};
    mola_hit *hits;
    size_t hit_count;
    mola_err err = mola_order_run(s->ctx, &s->border, &last, drops ? 1 : 0,
                                  (size_t)(drops ? gone : count), &hits, &hit_count);
    if (err)
        return err;
    for (uint32_t p = 0; drops && p < view->part_count; p++) {
        for (size_t w = 0; s->rows->bits[p] && w < mola_words(view->parts[p].rows); w++)
            s->rows->bits[p][w] |= s->border.bits[p][w];
    }
    for (size_t i = 0; i < hit_count; i++)
        s->rows->bits[hits[i].part][hits[i].row / 64] ^= (uint64_t)1 << hits[i].row % 64;
    return MOLA_OK;
}

mola_err mola_write_keep_first(mola_ctx *ctx, mola_rowset *rows, uint64_t most)
{
    MOLA_ASSERT(most < rows->count);
    selection s = {.ctx = ctx, .rows = rows, .ids = {.arena = ctx->arena}};
    mola_attr_list_add(&s.ids, MOLA_ATTR_ID);
    s.counts = mola_new(ctx->arena, uint32_t, DIGITS);
    if (s.ids.full || !s.counts || open_border(&s))
        return MOLA_NO_MEMORY;
    uint64_t before;
    mola_err err = find_border(&s, most, &before);
    if (!err)
        err = walk(&s, split);
    if (!err)
        err = keep_on_border(&s, most - before);
    rows->count = most;
    return err;
}
