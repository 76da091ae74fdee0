/* fields.h - the names that the rows of a request use, each known once.
 *
 * Rows of one request mostly have the same keys in the same order, so a walk first tries the field
 * that stood at the same place of the row before; the hash table is asked when that fails. Threads:
 * one. */
#pragma once
#include "mola/model/state.h"

enum { MOLA_FIELD_NONE = UINT32_MAX };
typedef struct {
    mola_str name; /* a view into the request or its arena */
    uint64_t hash;
    uint32_t attr; /* index in state->attrs; NONE: the schema has no such attribute */
    bool settled;  /* the attribute has a type other than []unknown */
} mola_field;

enum { MOLA_FIELD_GUESSES = 64 };
typedef struct {
    mola_heap *heap;
    mola_field *fields;
    uint32_t *table; /* index + 1; 0: free */
    uint32_t count, room, table_room;
    uint32_t guesses[MOLA_FIELD_GUESSES]; /* by place in the row */
} mola_fields;

void mola_fields_init(mola_fields *fields, mola_heap *heap);
void mola_fields_free(mola_fields *fields);
/* Index of the field `name` that stands at `place` of its row, added when it is new (*added).
 * false: no memory. `name` must live as long as the table. */
bool mola_fields_at(mola_fields *fields, mola_str name, uint32_t place, uint32_t *index,
                    bool *added) MOLA_NODISCARD;
/* NONE when there is no such field. */
uint32_t mola_fields_find(const mola_fields *fields, mola_str name);
