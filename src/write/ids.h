/* ids.h - an id, give me the row that last did something to it: a hash map over batches of rows.
 *
 * The batches are the caller's and outlive the map. Memory from the heap given. Threads: one. */
#pragma once
#include "mola/model/rows.h"

typedef struct {
    const mola_rows *rows; /* NULL: a free place */
    uint32_t row;
    uint32_t tag; /* bits of the hash that the place in the table does not tell */
} mola_id_place;
typedef struct {
    mola_heap *heap;
    mola_id_place *places;
    size_t room; /* a power of two, or 0 */
    size_t count;
} mola_id_map;

void mola_id_map_init(mola_id_map *map, mola_heap *heap);
void mola_id_map_free(mola_id_map *map);
/* Room for `more` further ids, so that as many puts cannot fail. false: no memory, nothing changed.
 */
bool mola_id_map_reserve(mola_id_map *map, size_t more) MOLA_NODISCARD;
/* The place of `id`, or NULL. */
const mola_id_place *mola_id_map_find(const mola_id_map *map, const mola_value *id);
/* Puts the id of this row; needs room. true: it was there before, and points to this row from now
 * on. */
bool mola_id_map_put(mola_id_map *map, const mola_rows *rows, uint32_t row);

/* Puts rows of the column into the order of their ids. */
void mola_ids_sort(const mola_column *ids, uint32_t *rows, size_t count);

/* An id occurs more than once: MOLA_INVALID with the words of reference 7.3. */
mola_err mola_ids_check_distinct(const mola_rows *rows, mola_heap *heap, mola_arena *arena,
                                 mola_why *why) MOLA_NODISCARD;
