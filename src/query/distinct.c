#include "query/distinct.h"
#include "mola/base/check.h"
#include "mola/codec/block.h"
#include "mola/model/cell.h"

enum { WORD = 8, WORDS = 2 * WORD, SLOTS_FIRST = 256, SLOTS_SPARSE = 1 << 14 };
#define FULL   MOLA_DISTINCT_FULL

#define INLINE static inline __attribute__((always_inline))

/* ---- keys: different values of one type have different ones, or are long texts */

__extension__ typedef unsigned __int128 wide;
typedef struct {
    uint64_t first, second;
    uint32_t len;
} key;

/* What of two words belongs to a text of so many bytes. */
static const uint64_t first_masks[WORDS + 1] = {
    0,          0xff,         0xffff,         0xffffff,
    0xffffffff, 0xffffffffff, 0xffffffffffff, 0xffffffffffffff,
    UINT64_MAX, UINT64_MAX,   UINT64_MAX,     UINT64_MAX,
    UINT64_MAX, UINT64_MAX,   UINT64_MAX,     UINT64_MAX,
    UINT64_MAX};
static const uint64_t second_masks[WORDS + 1] = {0,
                                                 0,
                                                 0,
                                                 0,
                                                 0,
                                                 0,
                                                 0,
                                                 0,
                                                 0,
                                                 0xff,
                                                 0xffff,
                                                 0xffffff,
                                                 0xffffffff,
                                                 0xffffffffff,
                                                 0xffffffffffff,
                                                 0xffffffffffffff,
                                                 UINT64_MAX};

/* `readable`: how many bytes may be read from `at` on, at least `len`. */
INLINE key key_of_text(const uint8_t *at, uint32_t len, size_t readable)
{
    uint8_t few[WORDS] = {0};
    if (readable < WORDS)
        at = memcpy(few, at, len);
    key k = {.first = mola_load_u64(at), .len = len};
    if (len > WORDS) {
        k.second = mola_hash64((mola_str){(const char *)at, len});
        return k;
    }
    k.first &= first_masks[len];
    k.second = mola_load_u64(at + WORD) & second_masks[len];
    return k;
}

INLINE key key_of_bits(uint64_t bits)
{
    return (key){.first = bits, .len = WORD};
}

INLINE bool is_integer(mola_elem elem)
{
    return elem == MOLA_ELEM_INT || elem == MOLA_ELEM_UINT || elem == MOLA_ELEM_DATETIME;
}

/* `elem` is that of the column, known to the compiler where there are many; `end`: where its texts
 * end. */
INLINE key key_of(const mola_column *c, uint32_t element, mola_elem elem, uint32_t end)
{
    uint64_t bits;
    const uint8_t *at;
    switch (elem) {
    case MOLA_ELEM_STRING:
    case MOLA_ELEM_BYTES:
        at = c->data + c->byte_from[element];
        return key_of_text(at, c->byte_from[element + 1] - c->byte_from[element],
                           end - c->byte_from[element]);
    case MOLA_ELEM_FLOAT:
        bits = mola_cell_bits(c, element);
        return key_of_bits(bits << 1 ? bits : 0); /* -0.0 equals 0.0 */
    case MOLA_ELEM_UUID:
        at = c->data + (size_t)element * WORDS;
        return (key){mola_load_u64(at), mola_load_u64(at + WORD), WORDS};
    case MOLA_ELEM_BOOL:
        return key_of_bits(c->data[element] != 0);
    default:
        MOLA_ASSERT(is_integer(elem));
        return key_of_bits(mola_cell_bits(c, element));
    }
}

INLINE bool is_long(const key *k)
{
    return k->len > WORDS;
}

static uint32_t end_of_texts(const mola_column *c)
{
    if (c->type.elem != MOLA_ELEM_STRING && c->type.elem != MOLA_ELEM_BYTES)
        return 0;
    return c->byte_from[c->type.form == MOLA_FORM_ARRAY ? c->row_from[c->rows] : c->rows];
}

/* ---- slots */

INLINE uint32_t slot_of(const mola_distinct *d, uint64_t first, uint64_t second, uint32_t len)
{
    wide product = (wide)(first ^ d->seed[0]) * (second ^ d->seed[1] ^ len);
    uint64_t hash = (uint64_t)product ^ (uint64_t)(product >> 64);
    return (uint32_t)hash & (d->slot_count - 1);
}

static bool make_slots(mola_distinct *d, uint32_t count)
{
    mola_distinct_slot *old = d->slots, *slots = mola_new(d->arena, mola_distinct_slot, count);
    uint32_t old_count = d->slot_count;
    if (!slots)
        return false;
    d->slots = slots;
    d->slot_count = count;
    for (uint32_t i = 0; i < old_count; i++) {
        if (!old[i].number)
            continue;
        uint32_t at = slot_of(d, old[i].first, old[i].second, old[i].len);
        while (slots[at].number)
            at = (at + 1) & (count - 1);
        slots[at] = old[i];
    }
    return true;
}

bool mola_distinct_init(mola_distinct *d, mola_arena *arena, mola_env *env)
{
    *d = (mola_distinct){.arena = arena};
    mola_chance(env, d->seed, sizeof d->seed);
    d->small = mola_new(arena, uint32_t, MOLA_DISTINCT_SMALL);
    return d->small && make_slots(d, SLOTS_FIRST);
}

/* A quarter full where they fit into the cache, half full where not. */
static bool has_room(const mola_distinct *d)
{
    return d->count < (d->slot_count < SLOTS_SPARSE ? d->slot_count / 4 : d->slot_count / 2);
}

/* ---- numbers */

/* The next number, for `value`. */
static uint32_t add_value(mola_distinct *d, mola_value value)
{
    if (d->count == d->room) {
        uint32_t room = d->room ? 2 * d->room : SLOTS_FIRST / 4;
        mola_value *values = mola_new(d->arena, mola_value, room);
        if (!values)
            return FULL;
        if (d->count)
            memcpy(values, d->values, d->count * sizeof *values);
        d->values = values;
        d->room = room;
    }
    if (value.elem == MOLA_ELEM_FLOAT && value.f == 0)
        value.f = 0; /* not -0.0 */
    bool is_text = value.elem == MOLA_ELEM_STRING || value.elem == MOLA_ELEM_BYTES;
    if (d->copies && is_text && !mola_arena_copy(d->arena, value.s, &value.s))
        return FULL;
    d->values[d->count] = value;
    return d->count++;
}

/* Of a value that is not there yet. */
static uint32_t add_key(mola_distinct *d, const key *k, mola_value value)
{
    if (!has_room(d) && (d->slot_count > UINT32_MAX / 2 || !make_slots(d, 2 * d->slot_count)))
        return FULL;
    uint32_t number = add_value(d, value);
    if (number == FULL)
        return FULL;
    uint32_t at = slot_of(d, k->first, k->second, k->len);
    while (d->slots[at].number)
        at = (at + 1) & (d->slot_count - 1);
    d->slots[at] = (mola_distinct_slot){k->first, k->second, k->len, number + 1};
    return number;
}

/* FULL: there is none. `c` and `element` are looked at for long texts alone. */
INLINE uint32_t find_key(const mola_distinct *d, const key *k, const mola_column *c,
                         uint32_t element)
{
    uint32_t at = slot_of(d, k->first, k->second, k->len);
    for (; d->slots[at].number; at = (at + 1) & (d->slot_count - 1)) {
        const mola_distinct_slot *s = &d->slots[at];
        if (s->first == k->first && s->second == k->second && s->len == k->len &&
            (!is_long(k) || mola_str_eq(d->values[s->number - 1].s, mola_cell_text(c, element))))
            return s->number - 1;
    }
    return FULL;
}

static uint32_t add_small(mola_distinct *d, mola_value value)
{
    uint32_t number = add_value(d, value);
    d->small[value.u] = number + 1; /* FULL: none */
    return number;
}

INLINE uint32_t number_of(mola_distinct *d, const mola_column *c, uint32_t element, mola_elem elem,
                          uint32_t end)
{
    key k = key_of(c, element, elem, end);
    if (is_integer(elem) && k.first < MOLA_DISTINCT_SMALL) {
        uint32_t known = d->small[k.first];
        return known ? known - 1 : add_small(d, mola_cell(c, element));
    }
    uint32_t number = find_key(d, &k, c, element);
    return number == FULL ? add_key(d, &k, mola_cell(c, element)) : number;
}

uint32_t mola_distinct_null(mola_distinct *d)
{
    if (!d->null) {
        uint32_t number = add_value(d, (mola_value){.elem = MOLA_ELEM_NONE});
        if (number == FULL)
            return FULL;
        d->null = number + 1;
    }
    return d->null - 1;
}

uint32_t mola_distinct_element(mola_distinct *d, const mola_column *c, uint32_t element)
{
    return number_of(d, c, element, (mola_elem)c->type.elem, end_of_texts(c));
}

INLINE bool number_rows(mola_distinct *d, const mola_column *c, const uint32_t *rows,
                        uint32_t count, uint32_t *numbers, mola_elem elem)
{
    uint32_t end = end_of_texts(c);
    for (uint32_t i = 0; i < count; i++) {
        numbers[i] = mola_column_has(c, rows[i]) ? number_of(d, c, rows[i], elem, end)
                                                 : mola_distinct_null(d);
        if (numbers[i] == FULL)
            return false;
    }
    return true;
}

bool mola_distinct_rows(mola_distinct *d, const mola_column *c, const uint32_t *rows,
                        uint32_t count, uint32_t *numbers)
{
    MOLA_ASSERT(c->type.form == MOLA_FORM_SCALAR);
    switch (c->type.elem) {
    case MOLA_ELEM_STRING:
        return number_rows(d, c, rows, count, numbers, MOLA_ELEM_STRING);
    case MOLA_ELEM_INT:
    case MOLA_ELEM_UINT:
    case MOLA_ELEM_DATETIME:
        return number_rows(d, c, rows, count, numbers, MOLA_ELEM_INT);
    default:
        return number_rows(d, c, rows, count, numbers, (mola_elem)c->type.elem);
    }
}

bool mola_distinct_words(mola_distinct *d, const uint64_t *words, uint32_t count, uint32_t *numbers)
{
    for (uint32_t i = 0; i < count; i++) {
        key k = key_of_bits(words[i]);
        numbers[i] = find_key(d, &k, NULL, 0);
        if (numbers[i] == FULL)
            numbers[i] = add_key(d, &k, (mola_value){.elem = MOLA_ELEM_UINT, .u = words[i]});
        if (numbers[i] == FULL)
            return false;
    }
    return true;
}
