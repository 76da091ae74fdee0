/* source.h - the rows of a request, one after the other, whether they came as rows or as columns.
 *
 * A walk gives the cells in the order in which they stand in the request, so errors are met in the
 * order that clients see. It may be repeated. Views into the request; Threads: one. */
#pragma once
#include "mola/model/rows.h"
#include "write/fields.h"

typedef struct {
    mola_str name;
    mola_json column, at; /* at: the cell of the current row */
} mola_source_column;

typedef struct {
    mola_op op;
    mola_heap *heap;
    mola_json rows;              /* a list of objects; {0}: there are columns */
    mola_json ids;               /* with columns: the list of ids */
    mola_source_column *columns; /* all but `id`, in the arena */
    uint32_t column_count;
    uint32_t count;      /* of rows */
    mola_buf split_text; /* `vector` as a list, when it came as one value for all rows */
    mola_json_doc split;
    /* the walk */
    mola_json row, id, cell;
    uint32_t place; /* of the next cell in its row */
    bool under_way;
} mola_source;

void mola_source_of_rows(mola_source *source, mola_op op, mola_json rows);
/* MOLA_INVALID: no `id`, columns of different lengths, a `vector` that cannot be divided. `name` is
 * the member's, for words. To be closed, also after an error. */
mola_err mola_source_of_columns(mola_source *source, mola_op op, mola_json columns,
                                const char *name, mola_heap *heap, mola_arena *arena,
                                mola_why *why) MOLA_NODISCARD;
void mola_source_close(mola_source *source);

/* for (mola_source_rewind(s); mola_source_next(s);)
 *     s->id is the id; cells: while (!(err = mola_source_cell(s, ...)) && s->cell.doc) */
void mola_source_rewind(mola_source *source);
bool mola_source_next(mola_source *source);
/* Moves to the next cell that is not the id; source->cell is {0} behind the last one. `field` is
 * its name's place in `fields`, *added when it is new there. MOLA_NO_MEMORY. */
mola_err mola_source_cell(mola_source *source, mola_fields *fields, mola_arena *arena,
                          uint32_t *field, bool *added) MOLA_NODISCARD;
