#include "format/terms.h"
#include <xxhash.h>

enum { FIRST_SLOTS = 1024 };

mola_err mola_term_set_init(mola_term_set *set, mola_heap *heap)
{
    *set = (mola_term_set){.heap = heap, .slot_count = FIRST_SLOTS};
    mola_buf_init(&set->terms, heap);
    mola_buf_init(&set->bytes, heap);
    set->slots = mola_alloc_array(heap, uint32_t, FIRST_SLOTS);
    return set->slots ? MOLA_OK : MOLA_NO_MEMORY;
}

void mola_term_set_free(mola_term_set *set)
{
    mola_buf_free(&set->terms);
    mola_buf_free(&set->bytes);
    mola_free(set->heap, set->slots, set->slots ? set->slot_count * sizeof *set->slots : 0);
    set->slots = NULL;
    set->slot_count = 0;
}

void mola_term_set_clear(mola_term_set *set)
{
    set->terms.len = set->bytes.len = 0;
    memset(set->slots, 0, set->slot_count * sizeof *set->slots);
}

static uint32_t *slot_of(const mola_term_set *set, mola_str text)
{
    uint32_t mask = set->slot_count - 1;
    uint32_t at = (uint32_t)XXH3_64bits(text.data, text.len) & mask;
    const mola_known_term *all = mola_term_set_all(set);
    while (set->slots[at] && !mola_str_eq(mola_term_set_text(set, &all[set->slots[at] - 1]), text))
        at = (at + 1) & mask;
    return &set->slots[at];
}

/* At most half of the slots are taken. */
static bool make_room(mola_term_set *set)
{
    uint32_t count = mola_term_set_count(set), old = set->slot_count;
    if (2 * (count + 1) <= old)
        return true;
    uint32_t *slots = mola_alloc_array(set->heap, uint32_t, (size_t)2 * old);
    if (!slots)
        return false;
    mola_free(set->heap, set->slots, old * sizeof *slots);
    set->slots = slots;
    set->slot_count = 2 * old;
    for (uint32_t i = 0; i < count; i++)
        *slot_of(set, mola_term_set_text(set, &mola_term_set_all(set)[i])) = i + 1;
    return true;
}

mola_known_term *mola_term_set_enter(mola_term_set *set, mola_str text)
{
    uint32_t *slot = slot_of(set, text);
    if (*slot)
        return &mola_term_set_all(set)[*slot - 1];
    if (!make_room(set) || set->bytes.len + text.len > UINT32_MAX)
        return NULL;
    mola_known_term fresh = {.from = (uint32_t)set->bytes.len, .len = (uint32_t)text.len};
    mola_buf_add_str(&set->bytes, text);
    mola_buf_add(&set->terms, &fresh, sizeof fresh);
    if (set->bytes.failed || set->terms.failed)
        return NULL;
    *slot_of(set, text) = mola_term_set_count(set);
    return &mola_term_set_all(set)[mola_term_set_count(set) - 1];
}

void mola_add_varint(mola_buf *out, uint32_t value)
{
    while (value >= 0x80) {
        mola_add_u8(out, (uint8_t)(value | 0x80));
        value >>= 7;
    }
    mola_add_u8(out, (uint8_t)value);
}
