#include "query/sum.h"
#include "mola/base/check.h"
#include <math.h>

/* Above this, and scaled by this. Up to 2^60 numbers below it do not overflow. */
#define HUGE_LIMIT 0x1p960
#define SCALE      0x1p-128

static bool make_room(mola_expansion *e, mola_arena *arena)
{
    if (e->count < e->room)
        return true;
    uint32_t room = e->room ? 2 * e->room : 4;
    double *partials = mola_new(arena, double, room);
    if (!partials)
        return false;
    if (e->count)
        memcpy(partials, e->partials, e->count * sizeof *partials);
    e->partials = partials;
    e->room = room;
    return true;
}

/* x + y = high + low exactly, high the rounded sum. */
static void add_exactly(double x, double y, double *high, double *low)
{
    if (fabs(x) < fabs(y)) {
        double swap = x;
        x = y;
        y = swap;
    }
    *high = x + y;
    *low = y - (*high - x);
}

static bool add_float(mola_expansion *e, mola_arena *arena, double x)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < e->count; i++) {
        double low;
        add_exactly(x, e->partials[i], &x, &low);
        if (low != 0)
            e->partials[kept++] = low;
    }
    e->count = kept;
    if (x == 0)
        return true;
    if (!make_room(e, arena))
        return false;
    e->partials[e->count++] = x;
    return true;
}

/* The nearest double. What is left after the first rounding may only break a tie. */
static double rounded(const mola_expansion *e)
{
    uint32_t n = e->count;
    double high = 0, low = 0;
    if (!n)
        return 0;
    high = e->partials[--n];
    while (n && low == 0)
        add_exactly(high, e->partials[--n], &high, &low);
    if (n && ((low < 0) == (e->partials[n - 1] < 0))) {
        double twice = 2 * low, up = high + twice;
        if (up - high == twice)
            high = up;
    }
    return high;
}

bool mola_sum_add(mola_sum *sum, mola_arena *arena, const mola_value *value)
{
    switch (value->elem) {
    case MOLA_ELEM_INT:
        sum->whole += value->i;
        return true;
    case MOLA_ELEM_UINT:
        sum->whole += value->u;
        return true;
    default:
        MOLA_ASSERT(value->elem == MOLA_ELEM_FLOAT);
    }
    if (fabs(value->f) < HUGE_LIMIT)
        return add_float(&sum->small, arena, value->f);
    return add_float(&sum->huge, arena, value->f * SCALE);
}

double mola_sum_float(const mola_sum *sum)
{
    return rounded(&sum->huge) / SCALE + rounded(&sum->small);
}

void mola_sum_print_whole(mola_buf *out, const mola_sum *sum)
{
    char digits[48];
    size_t at = sizeof digits;
    bool negative = sum->whole < 0;
    mola_int128 rest = sum->whole;
    do {
        int digit = (int)(rest % 10);
        digits[--at] = (char)('0' + (digit < 0 ? -digit : digit));
        rest /= 10;
    } while (rest);
    if (negative)
        digits[--at] = '-';
    mola_buf_add(out, digits + at, sizeof digits - at);
}
