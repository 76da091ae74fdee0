/* fields.c - open addressing from name to index; the array is in order of first appearance. */
#include "write/fields.h"
#include "mola/base/check.h"

void mola_fields_init(mola_fields *fields, mola_heap *heap)
{
    *fields = (mola_fields){.heap = heap};
}

void mola_fields_free(mola_fields *f)
{
    mola_free(f->heap, f->fields, f->room * sizeof *f->fields);
    mola_free(f->heap, f->table, f->table_room * sizeof *f->table);
    mola_fields_init(f, f->heap);
}

static uint64_t hash_of(mola_str name)
{
    return mola_value_hash(&(mola_value){.elem = MOLA_ELEM_STRING, .s = name});
}

/* Place in the table: of the field, or the free one where it belongs. */
static uint32_t place_of(const mola_fields *f, mola_str name, uint64_t hash)
{
    uint32_t at = (uint32_t)hash & (f->table_room - 1);
    for (; f->table[at]; at = (at + 1) & (f->table_room - 1)) {
        const mola_field *field = &f->fields[f->table[at] - 1];
        if (field->hash == hash && mola_str_eq(field->name, name))
            break;
    }
    return at;
}

static bool grow(mola_fields *f)
{
    uint32_t room = f->room ? f->room * 2 : 32, table_room = room * 2;
    if (f->room > UINT32_MAX / 8)
        return false;
    uint32_t *table = mola_alloc_array(f->heap, uint32_t, table_room);
    mola_field *fields =
        table ? mola_realloc(f->heap, f->fields, f->room * sizeof *fields, room * sizeof *fields)
              : NULL;
    if (!fields) {
        mola_free(f->heap, table, table_room * sizeof *table);
        return false;
    }
    mola_free(f->heap, f->table, f->table_room * sizeof *f->table);
    f->fields = fields;
    f->room = room;
    f->table = table;
    f->table_room = table_room;
    for (uint32_t i = 0; i < f->count; i++)
        f->table[place_of(f, fields[i].name, fields[i].hash)] = i + 1;
    return true;
}

uint32_t mola_fields_find(const mola_fields *f, mola_str name)
{
    if (f->count == 0)
        return MOLA_FIELD_NONE;
    uint32_t found = f->table[place_of(f, name, hash_of(name))];
    return found ? found - 1 : MOLA_FIELD_NONE;
}

bool mola_fields_at(mola_fields *f, mola_str name, uint32_t place, uint32_t *index, bool *added)
{
    *added = false;
    bool guesses = place < MOLA_FIELD_GUESSES;
    uint32_t guess = guesses ? f->guesses[place] : f->count;
    if (guess < f->count && mola_str_eq(f->fields[guess].name, name)) {
        *index = guess;
        return true;
    }
    if (f->count == f->room && !grow(f))
        return false;
    uint64_t hash = hash_of(name);
    uint32_t at = place_of(f, name, hash);
    if (!f->table[at]) {
        f->fields[f->count++] = (mola_field){.name = name, .hash = hash, .attr = MOLA_FIELD_NONE};
        f->table[at] = f->count;
        *added = true;
    }
    *index = f->table[at] - 1;
    if (guesses)
        f->guesses[place] = *index;
    return true;
}
