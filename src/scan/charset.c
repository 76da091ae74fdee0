#include "scan/charset.h"
#include "scan/fold.h"
#include <stdlib.h>

bool mola_charset_add(mola_arena *arena, mola_charset *set, uint32_t first, uint32_t last)
{
    MOLA_ASSERT(first <= last && last <= MOLA_CHAR_LAST);
    if (set->count == set->room) {
        uint32_t room = set->room ? 2 * set->room : 8;
        mola_char_range *wider =
            room <= 2 * MOLA_CHARSET_RANGES_MAX ? mola_new(arena, mola_char_range, room) : NULL;
        if (!wider)
            return false;
        if (set->count)
            memcpy(wider, set->ranges, set->count * sizeof *wider);
        set->ranges = wider;
        set->room = room;
    }
    set->ranges[set->count++] = (mola_char_range){first, last};
    return true;
}

static int by_first(const void *a, const void *b)
{
    const mola_char_range *x = a, *y = b;
    return (x->first > y->first) - (x->first < y->first);
}

void mola_charset_seal(mola_charset *set)
{
    if (!set->count)
        return;
    qsort(set->ranges, set->count, sizeof *set->ranges, by_first);
    uint32_t kept = 0;
    for (uint32_t i = 1; i < set->count; i++) {
        mola_char_range *last = &set->ranges[kept];
        if (set->ranges[i].first > last->last + 1) {
            set->ranges[++kept] = set->ranges[i];
        } else if (set->ranges[i].last > last->last) {
            last->last = set->ranges[i].last;
        }
    }
    set->count = kept + 1;
}

bool mola_charset_join(mola_arena *arena, mola_charset *set, const mola_charset *other)
{
    for (uint32_t i = 0; i < other->count; i++) {
        if (!mola_charset_add(arena, set, other->ranges[i].first, other->ranges[i].last))
            return false;
    }
    mola_charset_seal(set);
    return true;
}

bool mola_charset_negate(mola_arena *arena, mola_charset *set)
{
    mola_charset rest = {0};
    uint32_t from = 0;
    for (uint32_t i = 0; i < set->count; i++) {
        const mola_char_range *r = &set->ranges[i];
        if (r->first > from && !mola_charset_add(arena, &rest, from, r->first - 1))
            return false;
        from = r->last + 1;
    }
    if (from <= MOLA_CHAR_LAST && !mola_charset_add(arena, &rest, from, MOLA_CHAR_LAST))
        return false;
    *set = rest;
    return true;
}

bool mola_charset_intersect(mola_arena *arena, mola_charset *set, const mola_charset *other)
{
    mola_charset both = {0};
    for (uint32_t i = 0, k = 0; i < set->count && k < other->count;) {
        const mola_char_range *a = &set->ranges[i], *b = &other->ranges[k];
        uint32_t first = a->first > b->first ? a->first : b->first;
        uint32_t last = a->last < b->last ? a->last : b->last;
        if (first <= last && !mola_charset_add(arena, &both, first, last))
            return false;
        if (a->last < b->last) {
            i++;
        } else {
            k++;
        }
    }
    *set = both;
    return true;
}

/* All that fold to one character have it in their middle: two passes reach each from each. */
bool mola_charset_fold(mola_arena *arena, mola_charset *set)
{
    for (int pass = 0; pass < 2; pass++) {
        mola_charset more = {0};
        for (uint32_t i = 0; i < mola_fold_count(); i++) {
            mola_fold_pair pair = mola_fold_at(i);
            uint32_t from = pass ? pair.to : pair.from, to = pass ? pair.from : pair.to;
            if (mola_charset_has(set, from) && !mola_charset_add(arena, &more, to, to))
                return false;
        }
        if (!mola_charset_join(arena, set, &more))
            return false;
    }
    return true;
}

bool mola_charset_has(const mola_charset *set, uint32_t c)
{
    uint32_t from = 0, until = set->count;
    while (from < until) {
        uint32_t middle = from + (until - from) / 2;
        if (set->ranges[middle].last < c) {
            from = middle + 1;
        } else {
            until = middle;
        }
    }
    return from < set->count && set->ranges[from].first <= c;
}
