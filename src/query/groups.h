/* groups.h - rows fall into groups by the values of some attributes; what each group counts and
 * sums.
 *
 * Every key numbers its values (distinct.h). With one key the number of a row's value is that of
 * its group; with several, pairs of the group by the keys before and the value are numbered in
 * turn. Rows are taken window by window, a column at a time. Memory from the arena of the request.
 * Threads: one. */
#pragma once
#include "mola/scan/windows.h"
#include "query/distinct.h"
#include "query/sum.h"

typedef struct {
    uint32_t attr;
    bool each; /* an array; a row is in a group for each distinct element, in none if it is empty */
} mola_group_key;
typedef struct {
    mola_ctx *ctx;
    const mola_view *view;
    const mola_group_key *keys;
    uint32_t key_count;   /* 0: all rows are one group; at most one has `each` */
    const uint32_t *sums; /* attributes, all numeric */
    uint32_t sum_count;
} mola_grouping;

typedef struct mola_groups mola_groups;
/* NULL: the arena is full. `grouping` is borrowed. */
mola_groups *mola_groups_new(const mola_grouping *grouping);
/* A visit of mola_scan_windows. */
mola_err mola_groups_visit(void *groups, const mola_window *window) MOLA_NODISCARD;

/* The numbers of the groups in the order of their values, null first: the first `limit`, *count of
 * them. Without keys it is one, even if there was no row. NULL: the arena is full. */
const uint32_t *mola_groups_order(mola_groups *g, uint64_t limit, uint32_t *count);
/* After mola_groups_order. */
const mola_value *mola_group_value(const mola_groups *g, uint32_t group, uint32_t key);
uint64_t mola_group_rows(const mola_groups *g, uint32_t group);
const mola_sum *mola_group_sum(const mola_groups *g, uint32_t group, uint32_t sum);
