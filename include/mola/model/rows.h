/* rows.h - a batch of resolved changes in columns: what a write does, what a log entry holds.
 *
 * Row r does ops[r] to the document ids[r]. Later rows win over earlier ones with the same id. A
 * patch touches the attributes it mentions: `given` says which rows mention a column; mentioned and
 * not present means: remove. For upserts, given equals present. */
#pragma once
#include "mola/model/state.h"

typedef enum { MOLA_OP_UPSERT = 1, MOLA_OP_PATCH = 2, MOLA_OP_DELETE = 3 } mola_op;
typedef struct {
    uint32_t attr; /* attribute id */
    mola_column column;
    const uint64_t *given; /* NULL: given equals present */
} mola_row_column;
typedef struct {
    uint32_t count;
    const uint8_t *ops; /* mola_op */
    mola_column ids;    /* SCALAR of the id type, all present */
    uint32_t column_count;
    const mola_row_column *columns; /* rising attribute ids, each with `count` rows */
} mola_rows;

/* Appends batches to one another: the members of a commit group become one entry. */
typedef struct mola_rows_builder mola_rows_builder;
mola_rows_builder *mola_rows_builder_new(mola_heap *heap); /* NULL: no memory */
void mola_rows_builder_free(mola_rows_builder *b);
/* MOLA_NO_MEMORY leaves the builder as it was before. All batches have the same id type. */
mola_err mola_rows_append(mola_rows_builder *b, const mola_rows *rows) MOLA_NODISCARD;
uint64_t mola_rows_bytes(const mola_rows_builder *b); /* about what its encoding takes */
/* A view of what was appended; valid until the next append. false: no memory. */
bool mola_rows_built(mola_rows_builder *b, mola_rows *out);
