#include "namespace/known.h"
#include "namespace/locate.h"

uint32_t mola_known_part(const mola_view *on, const mola_known_rows *range, uint32_t part)
{
    const mola_part *wanted = range->view->parts[part].part;
    uint32_t at = 0;
    while (at < on->segment_count && on->parts[at].part != wanted)
        at++;
    if (at == on->segment_count)
        return MOLA_NOWHERE;
    const uint64_t *live = on->parts[at].live;
    for (size_t w = 0; live && w < mola_words(wanted->rows); w++) {
        if (range->bits[part][w] & ~live[w])
            return MOLA_NOWHERE;
    }
    return at;
}

uint32_t mola_known_in_part(const mola_known_rows *range, uint32_t part)
{
    uint32_t count = 0;
    size_t words = range->bits[part] ? mola_words(range->view->parts[part].rows) : 0;
    for (size_t w = 0; w < words; w++)
        count += (uint32_t)__builtin_popcountll(range->bits[part][w]);
    return count;
}

static void fill(const mola_view *on, const mola_known_rows *range, mola_row_at *at)
{
    uint32_t row = range->first;
    for (uint32_t p = 0; p < range->view->segment_count; p++) {
        uint32_t part = range->bits[p] ? mola_known_part(on, range, p) : MOLA_NOWHERE;
        if (part == MOLA_NOWHERE) {
            row += mola_known_in_part(range, p);
            continue;
        }
        for (size_t w = 0; w < mola_words(on->parts[part].rows); w++) {
            for (uint64_t rest = range->bits[p][w]; rest; rest &= rest - 1) {
                uint32_t stands = (uint32_t)(w * 64) + (uint32_t)__builtin_ctzll(rest);
                at[row++] = (mola_row_at){.part = part, .row = stands};
            }
        }
    }
    MOLA_ASSERT(row == range->first + range->count);
}

mola_err mola_known_locate(mola_ctx *ctx, const mola_view *on, const mola_known *known,
                           const mola_column *ids, mola_row_at *at)
{
    for (uint32_t i = 0; i < ids->rows; i++)
        at[i] = (mola_row_at){.part = MOLA_NOWHERE};
    for (uint32_t i = 0; i < known->count; i++) {
        MOLA_ASSERT(known->ranges[i].first + known->ranges[i].count <= ids->rows);
        fill(on, &known->ranges[i], at);
    }
    return mola_locate_rest(ctx, on, ids, at);
}
