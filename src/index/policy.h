/* policy.h - which segments become one. Pure.
 *
 * The table stays short in three ways. Segments that the flushes left rise by tiers: `fan_in` of
 * one level become one of the next, so a row is rewritten once a level. A segment with a fifth of
 * its rows dead is rewritten alone. What stands inline in the manifest is one segment whenever it
 * can be, and leaves the manifest once others have keys of their own. What a copy borrows from its
 * source is rewritten, one segment after the other, so that either may go without the other. */
#pragma once
#include "mola/format/manifest.h"

typedef struct { /* one segment, in the order of the table */
    uint32_t rows, dead;
    uint64_t bytes; /* of its head and data objects */
    uint32_t level;
    bool inlined;
    bool lent; /* it belongs to another incarnation, and this one is to have its own */
} mola_merge_row;

typedef struct {
    uint32_t fan_in;
    uint32_t rows_max; /* of what a merge makes; a rewrite of one segment is always allowed */
    bool force;        /* everything that can be merged, whatever it costs */
} mola_merge_rules;

typedef enum {
    MOLA_MERGE_NOTHING,
    MOLA_MERGE_ABSORB, /* one of two neighbours has no rows: the other takes its entries over as it
                          stands */
    MOLA_MERGE_REWRITE,
} mola_merge_kind;
typedef struct {
    mola_merge_kind kind;
    uint32_t first, count; /* neighbours in the table */
    uint32_t level;        /* of what comes out */
} mola_merge_plan;

mola_merge_plan mola_merge_choose(const mola_merge_row *rows, uint32_t count,
                                  const mola_merge_rules *rules);
