#include "scan/zone.h"
#include <math.h>

/* ---- values that lie in [least, most] ---- */

/* The bounds of a range as keys: every value below `low` or above `high` is outside, every value
 * strictly between is inside. `exact`: those equal to a bound are inside, too. */
typedef struct {
    uint64_t low, high;
    bool has_low, has_high, exact;
} key_range;

static key_range range_keys(const mola_filter *leaf)
{
    const mola_range *r = &leaf->range;
    uint64_t flip = leaf->type.elem == MOLA_ELEM_UINT ? 0 : (uint64_t)1 << 63;
    switch (leaf->type.elem) {
    case MOLA_ELEM_INT:
    case MOLA_ELEM_UINT:
    case MOLA_ELEM_DATETIME: { /* inclusive, see mola_range */
        uint64_t low = r->low_bits ^ flip;
        return (key_range){low, low + r->span, true, true, true};
    }
    default:
        return (key_range){.low = r->has_low ? mola_value_key(&r->low) : 0,
                           .high = r->has_high ? mola_value_key(&r->high) : 0,
                           .has_low = r->has_low,
                           .has_high = r->has_high,
                           .exact = mola_sort_key_decides((mola_elem)leaf->type.elem) &&
                                    !r->low_open && !r->high_open};
    }
}

static mola_match values_in_range(const mola_filter *leaf, const mola_zone *zone)
{
    key_range r = range_keys(leaf);
    if ((r.has_low && zone->most < r.low) || (r.has_high && zone->least > r.high))
        return MOLA_MATCH_NEVER;
    bool above = !r.has_low || zone->least > r.low || (r.exact && zone->least == r.low);
    bool below = !r.has_high || zone->most < r.high || (r.exact && zone->most == r.high);
    return above && below ? MOLA_MATCH_ALWAYS : MOLA_MATCH_MIXED;
}

static mola_match values_in_set(const mola_filter *leaf, const mola_zone *zone)
{
    const mola_set *set = &leaf->set;
    if (set->key_most < zone->least || set->key_least > zone->most)
        return MOLA_MATCH_NEVER;
    if (!set->keys)
        return MOLA_MATCH_MIXED;
    uint32_t from = 0, until = set->count; /* the first key that is not below the zone */
    while (from < until) {
        uint32_t middle = from + (until - from) / 2;
        if (set->keys[middle] < zone->least) {
            from = middle + 1;
        } else {
            until = middle;
        }
    }
    if (from == set->count || set->keys[from] > zone->most)
        return MOLA_MATCH_NEVER;
    bool single = zone->least == zone->most && mola_sort_key_decides((mola_elem)leaf->type.elem);
    return single ? MOLA_MATCH_ALWAYS : MOLA_MATCH_MIXED;
}

/* A list equals the operand only when each of its elements can be there. */
static mola_match values_in_list(const mola_filter *leaf, const mola_zone *zone)
{
    for (uint32_t i = 0; i < leaf->list_count; i++) {
        uint64_t key = mola_value_key(&leaf->list[i]);
        if (!zone->any_value || key < zone->least || key > zone->most)
            return MOLA_MATCH_NEVER;
    }
    return MOLA_MATCH_MIXED;
}

/* NaN compares with nothing, but has a key: beyond those of the infinities. */
static bool may_have_nan(const mola_filter *leaf, const mola_zone *zone)
{
    return leaf->type.elem == MOLA_ELEM_FLOAT &&
           (zone->least < mola_float_key(-INFINITY) || zone->most > mola_float_key(INFINITY));
}

/* Which of the rows that have a value pass the test, not yet turned around. */
static mola_match values_pass(const mola_filter *leaf, const mola_zone *zone)
{
    bool scalar = leaf->type.form == MOLA_FORM_SCALAR;
    mola_match match = MOLA_MATCH_MIXED;
    if (leaf->test == MOLA_TEST_NEVER)
        return MOLA_MATCH_NEVER;
    if (leaf->test == MOLA_TEST_ALWAYS)
        return scalar ? MOLA_MATCH_ALWAYS : MOLA_MATCH_MIXED;
    if (leaf->test == MOLA_TEST_LIST)
        return values_in_list(leaf, zone);
    if (!zone->any_value) /* not one element: all are null, or lists without elements */
        return MOLA_MATCH_NEVER;
    if (may_have_nan(leaf, zone))
        return MOLA_MATCH_MIXED;
    if (leaf->test == MOLA_TEST_RANGE)
        match = values_in_range(leaf, zone);
    if (leaf->test == MOLA_TEST_SET)
        match = values_in_set(leaf, zone);
    return scalar || match == MOLA_MATCH_NEVER ? match : MOLA_MATCH_MIXED;
}

/* ---- rows ---- */

static mola_match turned(mola_match match)
{
    if (match == MOLA_MATCH_MIXED)
        return match;
    return match == MOLA_MATCH_NEVER ? MOLA_MATCH_ALWAYS : MOLA_MATCH_NEVER;
}

mola_match mola_leaf_in_zone(const mola_filter *leaf, const mola_zone *zone)
{
    MOLA_ASSERT(leaf->kind == MOLA_NODE_LEAF && !leaf->has_ref);
    mola_match nulls = leaf->null_matches ? MOLA_MATCH_ALWAYS : MOLA_MATCH_NEVER;
    /* A scalar column without a value has nulls only. */
    bool only_nulls = !zone->any_value && leaf->type.form == MOLA_FORM_SCALAR;
    mola_match match = only_nulls ? nulls : values_pass(leaf, zone);
    if (zone->any_null && match != nulls)
        match = MOLA_MATCH_MIXED;
    return leaf->invert ? turned(match) : match;
}

mola_match mola_leaf_decided(const mola_filter *leaf, const mola_span *span)
{
    mola_zone zone;
    if (leaf->test == MOLA_TEST_TOKENS && !mola_token_test_may_pass(leaf->tokens, span))
        return MOLA_MATCH_NEVER;
    return mola_span_zone(span, leaf->attr, &zone) ? mola_leaf_in_zone(leaf, &zone)
                                                   : MOLA_MATCH_MIXED;
}

mola_match mola_filter_decided(const mola_filter *filter, const mola_span *span)
{
    if (filter->kind == MOLA_NODE_LEAF)
        return mola_leaf_decided(filter, span);
    if (filter->kind == MOLA_NODE_NOT)
        return turned(mola_filter_decided(filter->children[0], span));
    mola_match ends = filter->kind == MOLA_NODE_AND ? MOLA_MATCH_NEVER : MOLA_MATCH_ALWAYS;
    mola_match all = turned(ends);
    for (uint32_t i = 0; i < filter->child_count; i++) {
        mola_match match = mola_filter_decided(filter->children[i], span);
        if (match == ends)
            return ends;
        if (match == MOLA_MATCH_MIXED)
            all = MOLA_MATCH_MIXED;
    }
    return all;
}

/* ---- estimates ---- */

/* Of a text or an id that is looked for; of a pattern; of a range, when nothing is known. */
static const double equal_share = 1.0 / 32, pattern_share = 1.0 / 10, range_share = 1.0 / 3;

/* Keys between two bounds, of the keys of a zone. */
static double range_part(const mola_filter *leaf, const mola_zone *zone)
{
    key_range r = range_keys(leaf);
    uint64_t low = r.has_low && r.low > zone->least ? r.low : zone->least;
    uint64_t high = r.has_high && r.high < zone->most ? r.high : zone->most;
    if (low > high)
        return 0;
    if (r.has_low && r.has_high && r.low == r.high && !r.exact) /* a prefix says little */
        return equal_share;
    return ((double)(high - low) + 1) / ((double)(zone->most - zone->least) + 1);
}

/* Of the rows that have a value. */
static double values_share(const mola_filter *leaf, const mola_zone *zone)
{
    bool known = zone && zone->any_value && !may_have_nan(leaf, zone);
    double each = equal_share;
    switch (leaf->test) {
    case MOLA_TEST_NEVER:
        return 0;
    case MOLA_TEST_ALWAYS:
        return 1;
    case MOLA_TEST_RANGE:
        return known ? range_part(leaf, zone) : range_share;
    case MOLA_TEST_SET:
        if (known && mola_sort_key_decides((mola_elem)leaf->type.elem))
            each = 1 / ((double)(zone->most - zone->least) + 1);
        return leaf->set.count * each < 1 ? leaf->set.count * each : 1;
    case MOLA_TEST_LIST:
        return equal_share;
    default:
        return pattern_share;
    }
}

double mola_leaf_share(const mola_filter *leaf, const mola_zone *zone)
{
    double values = values_share(leaf, zone), nulls = leaf->null_matches ? 1 : 0;
    bool all_null = zone && !zone->any_value && leaf->type.form == MOLA_FORM_SCALAR;
    double null_part = all_null ? 1 : !zone || zone->any_null ? 1.0 / 8 : 0;
    double matching = values * (1 - null_part) + nulls * null_part;
    return leaf->invert ? 1 - matching : matching;
}
