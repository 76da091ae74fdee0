#include "index/policy.h"
#include "mola/base/check.h"

enum {
    DEAD_PART = 5,                 /* rewritten alone when one of so many rows is dead */
    INLINE_NEIGHBOUR_MAX = 8 << 20 /* bytes of a segment that is rewritten to take in inline ones */
};

static uint32_t live_of(const mola_merge_row *row)
{
    return row->rows - row->dead;
}

static uint32_t level_of(const mola_merge_row *rows, mola_merge_plan plan)
{
    uint32_t level = 0;
    for (uint32_t i = plan.first; i < plan.first + plan.count; i++)
        level = rows[i].level > level ? rows[i].level : level;
    return level;
}

/* How many segments from `first` on, before `until`, fit into one. */
static uint32_t fitting(const mola_merge_row *rows, uint32_t first, uint32_t until,
                        uint32_t rows_max)
{
    uint64_t live = 0;
    uint32_t end = first;
    while (end < until && live + live_of(&rows[end]) <= rows_max)
        live += live_of(&rows[end++]);
    return end - first;
}

static mola_merge_plan absorb(const mola_merge_row *rows, uint32_t count)
{
    for (uint32_t i = 0; i + 1 < count; i++) {
        if (rows[i].rows == 0 || rows[i + 1].rows == 0)
            return (mola_merge_plan){.kind = MOLA_MERGE_ABSORB, .first = i, .count = 2};
    }
    return (mola_merge_plan){0};
}

static mola_merge_plan force(const mola_merge_row *rows, uint32_t count, uint32_t rows_max)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t fit = fitting(rows, i, count, rows_max);
        if (fit >= 2)
            return (mola_merge_plan){.kind = MOLA_MERGE_REWRITE, .first = i, .count = fit};
        if (rows[i].dead)
            return (mola_merge_plan){.kind = MOLA_MERGE_REWRITE, .first = i, .count = 1};
    }
    return (mola_merge_plan){0};
}

/* A neighbour that is small enough to be rewritten for the sake of inline ones. */
static bool may_join(const mola_merge_row *row)
{
    return !row->inlined && row->bytes <= INLINE_NEIGHBOUR_MAX;
}

/* Alone, each of them stays where it is: a rewrite would stand inline again, and again. */
static mola_merge_plan join_inlined(const mola_merge_row *rows, uint32_t count, uint32_t rows_max)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t fit = fitting(rows, i, count, rows_max);
        if (fit >= 2)
            return (mola_merge_plan){.kind = MOLA_MERGE_REWRITE, .first = i, .count = fit};
    }
    return (mola_merge_plan){0};
}

static mola_merge_plan merge_inlined(const mola_merge_row *rows, uint32_t count, uint32_t rows_max)
{
    uint32_t first = 0, inlined = 0;
    for (uint32_t i = 0; i < count; i++)
        inlined += rows[i].inlined;
    while (first < count && !rows[first].inlined)
        first++;
    uint32_t until = first;
    while (until < count && rows[until].inlined)
        until++;
    if (until == first)
        return (mola_merge_plan){0};
    if (inlined == count)
        return join_inlined(rows, count, rows_max);
    if (until < count && may_join(&rows[until])) {
        until++;
    } else if (first > 0 && may_join(&rows[first - 1]) &&
               fitting(rows, first - 1, until, rows_max) >= 2) {
        first--;
    }
    uint32_t fit = fitting(rows, first, until, rows_max);
    return (mola_merge_plan){
        .kind = MOLA_MERGE_REWRITE, .first = first, .count = fit > 0 ? fit : 1};
}

/* Looks for `fan_in` segments of level `level` with none above it between them. Smaller ones that
 * stand between them are taken along; those at the ends are not, they have their own turn. */
static mola_merge_plan merge_tier(const mola_merge_row *rows, uint32_t count, uint32_t level,
                                  const mola_merge_rules *rules)
{
    uint32_t first = 0, last = 0, found = 0;
    for (uint32_t i = 0; i <= count; i++) {
        if (i < count && rows[i].level <= level) {
            if (rows[i].level < level)
                continue;
            first = found ? first : i;
            last = i;
            found++;
            continue;
        }
        for (; found >= rules->fan_in && first < last; first++) {
            uint32_t fit = fitting(rows, first, last + 1, rules->rows_max);
            if (fit >= 2) {
                return (mola_merge_plan){
                    .kind = MOLA_MERGE_REWRITE, .first = first, .count = fit, .level = level + 1};
            }
        }
        found = 0;
    }
    return (mola_merge_plan){0};
}

static mola_merge_plan merge_tiers(const mola_merge_row *rows, uint32_t count,
                                   const mola_merge_rules *rules)
{
    uint32_t most = 0;
    for (uint32_t i = 0; i < count; i++)
        most = rows[i].level > most ? rows[i].level : most;
    mola_merge_plan plan = {0};
    for (uint32_t level = 0; count && level <= most && !plan.kind; level++)
        plan = merge_tier(rows, count, level, rules);
    return plan;
}

static mola_merge_plan shed_dead(const mola_merge_row *rows, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (rows[i].dead && (uint64_t)rows[i].dead * DEAD_PART >= rows[i].rows)
            return (mola_merge_plan){.kind = MOLA_MERGE_REWRITE, .first = i, .count = 1};
    }
    return (mola_merge_plan){0};
}

/* What stands inline has no key that would belong to anybody. */
static mola_merge_plan adopt(const mola_merge_row *rows, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (rows[i].lent && !rows[i].inlined)
            return (mola_merge_plan){.kind = MOLA_MERGE_REWRITE, .first = i, .count = 1};
    }
    return (mola_merge_plan){0};
}

mola_merge_plan mola_merge_choose(const mola_merge_row *rows, uint32_t count,
                                  const mola_merge_rules *rules)
{
    MOLA_ASSERT(rules->fan_in >= 2);
    mola_merge_plan plan = absorb(rows, count);
    if (!plan.kind && rules->force)
        plan = force(rows, count, rules->rows_max);
    if (!plan.kind)
        plan = merge_inlined(rows, count, rules->rows_max);
    if (!plan.kind)
        plan = merge_tiers(rows, count, rules);
    if (!plan.kind)
        plan = shed_dead(rows, count);
    if (!plan.kind)
        plan = adopt(rows, count);
    uint32_t level = level_of(rows, plan);
    plan.level = plan.level > level ? plan.level : level;
    return plan;
}
