/* ids.c - open addressing over (batch, row); the table never holds the ids themselves. */
#include "write/ids.h"
#include "mola/base/check.h"
#include "mola/codec/uuid.h"

void mola_id_map_init(mola_id_map *map, mola_heap *heap)
{
    *map = (mola_id_map){.heap = heap};
}

void mola_id_map_free(mola_id_map *map)
{
    mola_free(map->heap, map->places, map->room * sizeof *map->places);
    *map = (mola_id_map){.heap = map->heap};
}

static uint32_t tag_of(uint64_t hash)
{
    return (uint32_t)(hash >> 32);
}

/* Where the id is, or the free place where it belongs. */
static size_t place_of(const mola_id_map *map, const mola_value *id, uint64_t hash)
{
    size_t at = (size_t)hash & (map->room - 1);
    for (;; at = (at + 1) & (map->room - 1)) {
        const mola_id_place *place = &map->places[at];
        if (!place->rows)
            return at;
        if (place->tag != tag_of(hash))
            continue;
        mola_value there = mola_column_element(&place->rows->ids, place->row);
        if (mola_value_eq(&there, id))
            return at;
    }
}

bool mola_id_map_reserve(mola_id_map *map, size_t more)
{
    size_t wanted = map->count + more, room = map->room ? map->room : 64;
    while (room / 4 * 3 < wanted) {
        if (room > SIZE_MAX / 4 / sizeof *map->places)
            return false;
        room *= 2;
    }
    if (room == map->room)
        return true;
    mola_id_map bigger = {.heap = map->heap, .room = room, .count = map->count};
    bigger.places = mola_alloc_array(map->heap, mola_id_place, room);
    if (!bigger.places)
        return false;
    for (size_t i = 0; i < map->room; i++) {
        if (!map->places[i].rows)
            continue;
        mola_value id = mola_column_element(&map->places[i].rows->ids, map->places[i].row);
        bigger.places[place_of(&bigger, &id, mola_value_hash(&id))] = map->places[i];
    }
    mola_id_map_free(map);
    *map = bigger;
    return true;
}

const mola_id_place *mola_id_map_find(const mola_id_map *map, const mola_value *id)
{
    if (map->count == 0)
        return NULL;
    const mola_id_place *place = &map->places[place_of(map, id, mola_value_hash(id))];
    return place->rows ? place : NULL;
}

bool mola_id_map_put(mola_id_map *map, const mola_rows *rows, uint32_t row)
{
    MOLA_ASSERT(map->count < map->room);
    mola_value id = mola_column_element(&rows->ids, row);
    uint64_t hash = mola_value_hash(&id);
    mola_id_place *place = &map->places[place_of(map, &id, hash)];
    bool was_there = place->rows != NULL;
    *place = (mola_id_place){rows, row, tag_of(hash)};
    map->count += was_there ? 0 : 1;
    return was_there;
}

/* -- duplicates ------------------------------------------------------------------------------- */

static int order(const mola_column *ids, uint32_t row_a, uint32_t row_b)
{
    mola_value a = mola_column_element(ids, row_a), b = mola_column_element(ids, row_b);
    return mola_value_cmp(&a, &b);
}

static void sift(const mola_column *ids, uint32_t *found, size_t root, size_t count)
{
    for (size_t child; (child = 2 * root + 1) < count; root = child) {
        if (child + 1 < count && order(ids, found[child + 1], found[child]) > 0)
            child++;
        if (order(ids, found[root], found[child]) >= 0)
            return;
        uint32_t row = found[root];
        found[root] = found[child];
        found[child] = row;
    }
}

/* A heap sort: in place, and no input is slow. */
void mola_ids_sort(const mola_column *ids, uint32_t *rows, size_t count)
{
    for (size_t i = count / 2; i-- > 0;)
        sift(ids, rows, i, count);
    for (size_t last = count; last-- > 1;) {
        uint32_t first = rows[0];
        rows[0] = rows[last];
        rows[last] = first;
        sift(ids, rows, 0, last);
    }
}

static void print_plain(mola_buf *out, const mola_value *id)
{
    if (id->elem == MOLA_ELEM_STRING) {
        mola_buf_add_str(out, id->s);
    } else if (id->elem == MOLA_ELEM_UUID) {
        mola_uuid_print(out, id->uuid);
    } else {
        mola_value_print(out, id);
    }
}

static mola_err refuse(const mola_column *ids, uint32_t *found, size_t count, mola_heap *heap,
                       mola_why *why)
{
    mola_ids_sort(ids, found, count);
    mola_buf text;
    mola_buf_init(&text, heap);
    for (size_t i = 0; i < count && text.len < MOLA_WHY_BYTES; i++) {
        if (i > 0 && order(ids, found[i - 1], found[i]) == 0)
            continue;
        if (text.len)
            mola_buf_add_char(&text, ',');
        mola_value id = mola_column_element(ids, found[i]);
        print_plain(&text, &id);
    }
    mola_err err = mola_fail(
        why, MOLA_INVALID,
        "This upsert contains duplicate document IDs and was not written. You should ensure that "
        "individual upserts do not include duplicate documents. The duplicated IDs in this batch "
        "were the following: " MOLA_FMT,
        (int)text.len, text.len ? text.data : "");
    mola_buf_free(&text);
    return err;
}

/* Bulk loads mostly come in order, and what rises is distinct: no table needed. */
static bool is_rising(const mola_column *ids)
{
    uint32_t row = 1;
    while (row < ids->rows && order(ids, row - 1, row) < 0)
        row++;
    return row >= ids->rows;
}

mola_err mola_ids_check_distinct(const mola_rows *rows, mola_heap *heap, mola_arena *arena,
                                 mola_why *why)
{
    if (is_rising(&rows->ids))
        return MOLA_OK;
    mola_id_map map;
    mola_id_map_init(&map, heap);
    if (!mola_id_map_reserve(&map, rows->count))
        return mola_fail(why, MOLA_NO_MEMORY, "not enough memory to compare the document IDs");
    size_t twice = 0;
    for (uint32_t row = 0; row < rows->count; row++)
        twice += mola_id_map_put(&map, rows, row) ? 1 : 0;
    mola_id_map_free(&map);
    if (twice == 0)
        return MOLA_OK;

    uint32_t *found = mola_new(arena, uint32_t, twice);
    if (!found || !mola_id_map_reserve(&map, rows->count)) {
        mola_id_map_free(&map);
        return mola_fail(why, MOLA_NO_MEMORY, "not enough memory to name the duplicate IDs");
    }
    size_t count = 0;
    for (uint32_t row = 0; row < rows->count; row++) {
        if (mola_id_map_put(&map, rows, row))
            found[count++] = row;
    }
    MOLA_ASSERT(count == twice);
    mola_id_map_free(&map);
    return refuse(&rows->ids, found, count, heap, why);
}
