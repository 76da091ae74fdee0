#include "scan/set.h"
#include "mola/base/check.h"
#include "mola/model/sort_key.h"
#include <stdlib.h>

enum { FEW = 8, KEYS_MAX = 1024 };

static uint32_t find_slot(const mola_value *values, const uint32_t *slots, uint32_t mask,
                          const mola_value *value)
{
    uint64_t hash = mola_value_hash(value);
    uint32_t at = (uint32_t)(hash ^ hash >> 32) & mask;
    while (slots[at] && !mola_value_eq(&values[slots[at] - 1], value))
        at = (at + 1) & mask;
    return at;
}

static bool listed(const mola_value *values, uint32_t count, const mola_value *value)
{
    for (uint32_t i = 0; i < count; i++) {
        if (mola_value_eq(&values[i], value))
            return true;
    }
    return false;
}

static bool is_number(mola_elem elem)
{
    return elem == MOLA_ELEM_INT || elem == MOLA_ELEM_UINT || elem == MOLA_ELEM_DATETIME ||
           elem == MOLA_ELEM_FLOAT;
}

/* The bare numbers beside the values, with a table of their own when there are many. */
static bool build_bits(mola_arena *arena, mola_set *set)
{
    uint64_t *bits = mola_new(arena, uint64_t, set->count);
    if (!bits)
        return false;
    for (uint32_t i = 0; i < set->count; i++)
        bits[i] = mola_set_bits((mola_elem)set->values[i].elem, set->values[i].u);
    set->bits = bits;
    if (!set->slot_mask)
        return true;
    set->bits_shift = 64 - (uint32_t)__builtin_popcount(set->slot_mask);
    uint32_t *slots = mola_new(arena, uint32_t, (size_t)set->slot_mask + 1);
    if (!slots)
        return false;
    for (uint32_t i = 0; i < set->count; i++) {
        uint32_t at = mola_set_hash(bits[i], set->bits_shift);
        while (slots[at])
            at = (at + 1) & set->slot_mask;
        slots[at] = i + 1;
    }
    set->bits_slots = slots;
    return true;
}

static bool build_values(mola_arena *arena, mola_value *values, uint32_t count, mola_set *out)
{
    *out = (mola_set){.values = values};
    uint32_t distinct = 0;
    if (count <= FEW) {
        for (uint32_t i = 0; i < count; i++) {
            if (!listed(values, distinct, &values[i]))
                values[distinct++] = values[i];
        }
        out->count = distinct;
        return true;
    }
    uint64_t room = 16;
    while (room < 2 * (uint64_t)count)
        room *= 2;
    MOLA_ASSERT(room <= UINT32_MAX); /* an operand takes two bytes of a body of 512 MiB */
    uint32_t *slots = mola_new(arena, uint32_t, room);
    if (!slots)
        return false;
    out->slot_mask = (uint32_t)(room - 1);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = find_slot(values, slots, out->slot_mask, &values[i]);
        if (slots[at])
            continue;
        values[distinct++] = values[i];
        slots[at] = distinct;
    }
    out->count = distinct;
    out->slots = slots;
    return true;
}

uint64_t mola_value_key(const mola_value *value)
{
    switch (value->elem) {
    case MOLA_ELEM_UINT:
        return value->u;
    case MOLA_ELEM_INT:
    case MOLA_ELEM_DATETIME:
        return value->u ^ (uint64_t)1 << 63;
    case MOLA_ELEM_FLOAT:
        return mola_float_key(value->f);
    case MOLA_ELEM_BOOL:
        return value->b;
    case MOLA_ELEM_UUID:
        return mola_first_bytes(value->uuid, sizeof value->uuid);
    default:
        MOLA_ASSERT(value->elem == MOLA_ELEM_STRING || value->elem == MOLA_ELEM_BYTES);
        return mola_first_bytes(value->s.data, value->s.len);
    }
}

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* For zones. Sorting many would cost more than it saves: then only the ends are known. */
static bool build_keys(mola_arena *arena, mola_set *set)
{
    bool few = set->count <= KEYS_MAX;
    uint64_t *keys = few ? mola_new(arena, uint64_t, set->count) : NULL;
    if (few && !keys)
        return false;
    set->key_least = UINT64_MAX;
    for (uint32_t i = 0; i < set->count; i++) {
        uint64_t key = mola_value_key(&set->values[i]);
        set->key_least = key < set->key_least ? key : set->key_least;
        set->key_most = key > set->key_most ? key : set->key_most;
        if (keys)
            keys[i] = key;
    }
    if (keys && set->count > 1)
        qsort(keys, set->count, sizeof *keys, by_size);
    set->keys = keys;
    return true;
}

bool mola_set_build(mola_arena *arena, mola_value *values, uint32_t count, mola_set *out)
{
    if (!build_values(arena, values, count, out) || !build_keys(arena, out))
        return false;
    return !count || !is_number((mola_elem)values[0].elem) || build_bits(arena, out);
}

bool mola_set_has(const mola_set *set, const mola_value *value)
{
    if (!set->slot_mask)
        return listed(set->values, set->count, value);
    return set->slots[find_slot(set->values, set->slots, set->slot_mask, value)] != 0;
}
