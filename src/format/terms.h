/* terms.h - distinct terms, each with a chain of records of its own: what postings and dictionaries
 * are built with. */
#pragma once
#include "mola/base/buf.h"
#include "mola/codec/bytes.h"

typedef struct {
    uint32_t from, len; /* in the bytes of the set */
    uint32_t last;      /* of its chain, as the user counts them from 1; 0: none yet */
    uint32_t count;     /* of the chain */
} mola_known_term;

typedef struct {
    mola_heap *heap;
    mola_buf terms, bytes; /* mola_known_term, in the order in which they came; their texts */
    uint32_t *slots;       /* term + 1 */
    uint32_t slot_count;
} mola_term_set;

mola_err mola_term_set_init(mola_term_set *set, mola_heap *heap) MOLA_NODISCARD;
void mola_term_set_free(mola_term_set *set); /* also when the init failed, and once more */
void mola_term_set_clear(mola_term_set *set);
/* The term, new or known; it stays where it is until the next is entered. NULL: no memory. */
mola_known_term *mola_term_set_enter(mola_term_set *set, mola_str text);

static inline uint32_t mola_term_set_count(const mola_term_set *set)
{
    return (uint32_t)(set->terms.len / sizeof(mola_known_term));
}
static inline size_t mola_term_set_bytes(const mola_term_set *set) /* what it takes */
{
    return set->terms.room + set->bytes.room + set->slot_count * sizeof *set->slots;
}
static inline mola_known_term *mola_term_set_all(const mola_term_set *set)
{
    return (mola_known_term *)(void *)set->terms.data;
}
static inline mola_str mola_term_set_text(const mola_term_set *set, const mola_known_term *term)
{
    return (mola_str){set->bytes.data + term->from, term->len};
}

/* Numbers of seven bits a byte, the lowest first. */
void mola_add_varint(mola_buf *out, uint32_t value);
/* false: there is none, or it is longer than any number of ours. */
static inline bool mola_take_varint(const uint8_t **at, const uint8_t *end, uint32_t *out)
{
    uint64_t value = 0;
    for (uint32_t shift = 0; shift < 35 && *at < end; shift += 7) {
        uint8_t byte = *(*at)++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *out = (uint32_t)value;
            return value <= UINT32_MAX;
        }
    }
    return false;
}
