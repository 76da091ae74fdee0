/* plan.h - what a write of rows or schema comes to on one state: decoded once, evaluated perhaps
 * often.
 *
 * Decoding is a pure function of (request, state or absence). It runs on the request's own thread
 * against the cached state, and again in the group's step only if the state it meets there is
 * another one. Rows stand in the order upserts, patches, deletes. */
#pragma once
#include "mola/scan/filter.h"
#include "write/request.h"
#include "write/source.h"
#include "write/texts.h"

typedef struct {
    mola_column_builder builder;
    uint32_t attr;   /* index in the state */
    uint64_t *nulls; /* bit per row: a patch that removes the value; NULL: none */
} mola_plan_column;

/* What the rows of a member come to on the documents that its last evaluation met. */
typedef struct {
    bool is_evaluated;       /* the last evaluation succeeded: what follows, and the answer */
    mola_rows rows;          /* what goes into the entry; count 0: nothing */
    uint64_t encoded_bytes;  /* about what that takes there */
    mola_rows_builder *both; /* where the rows stand: these ... */
    struct mola_write_found *found; /* ... those by filter ... */
    struct mola_write_kept *kept; /* ... those by id, where some have no effect; else the plan's */
} mola_write_effect;
void mola_write_effect_clear(mola_write_effect *effect);

typedef struct mola_write_plan {
    mola_heap *heap;
    /* what it was decoded on, and what became of that */
    bool decoded;
    mola_state *base; /* NULL: the namespace was absent. One reference */
    mola_err err;     /* of the decoding: then only `why` below means anything */
    mola_why why;
    mola_state *state; /* the state from this write on; NULL: unchanged. One reference */
    /* the rows */
    uint32_t upserts, patches, deletes;
    uint8_t *ops;
    mola_column_builder ids;
    mola_plan_column *columns;
    uint32_t column_count, column_room;
    mola_row_column *row_columns;
    mola_rows rows;
    uint64_t *row_bytes;    /* billable bytes of each row, were it written */
    uint64_t encoded_bytes; /* about what the rows take in an entry */
    /* compiled on the state from this write on; in the request's arena. NULL: none */
    const mola_filter *conditions[MOLA_CONDITIONS];
    const mola_filter *delete_by_filter, *patch_by_filter;
    struct mola_write_plan *patch; /* what patch_by_filter sets: one patch, of no particular id */
    mola_write_effect effect;
} mola_write_plan;

/* NULL: no memory. */
mola_write_plan *mola_write_plan_new(mola_heap *heap);
void mola_write_plan_free(mola_write_plan *plan);
/* Forgets what was decoded. */
void mola_write_plan_reset(mola_write_plan *plan);

typedef struct {
    const mola_write_request *request;
    const mola_limits *limits;
    mola_state *base;      /* NULL: the namespace is absent and this write creates it */
    mola_heap *state_heap; /* states live on in views: the environment's heap, not the request's */
    mola_arena *arena;
    mola_write_texts *texts; /* NULL: nothing is embedded */
} mola_decode;
/* Decodes anew. The outcome is in plan->err: MOLA_UNAVAILABLE when all is well but that texts miss
 * their vectors. */
void mola_write_decode(mola_write_plan *plan, const mola_decode *what);
/* The plan was decoded on this state, or on an equal one, and decoding again would change nothing.
 */
bool mola_write_plan_fits(const mola_write_plan *plan, const mola_state *state);

/* Building, for decode.c: the column of attribute `attr`, made when there is none. NULL: no memory.
 */
mola_plan_column *mola_write_plan_column(mola_write_plan *plan, uint32_t *column_of_attr,
                                         uint32_t attr, mola_type type);
/* Row `row` mentions the column without a value. */
mola_err mola_write_plan_null(mola_write_plan *plan, mola_plan_column *column,
                              uint32_t row) MOLA_NODISCARD;
/* About what the column takes in an entry. */
uint64_t mola_write_builder_bytes(const mola_column_builder *b);
/* All rows are there: fills in ops, rows, row_bytes, encoded_bytes. */
mola_err mola_write_plan_finish(mola_write_plan *plan, const mola_state *state) MOLA_NODISCARD;
