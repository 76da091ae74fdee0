#include "codec/json_tape.h"
#include "mola/base/check.h"
#include <xxhash.h>

/* Objects up to this many members are compared pair by pair, larger ones through a hash table. */
enum { FEW = 16 };

static bool is_escaped(mola_json_node key)
{
    return (key.tail & MOLA_TAPE_ESCAPED) != 0;
}

static bool same_key(const char *text, mola_json_node a, mola_json_node b)
{
    return mola_json_texts_equal(mola_tape_inside(text, a), is_escaped(a),
                                 mola_tape_inside(text, b), is_escaped(b));
}

/* One of 64 bits; equal keys have equal ones as long as neither has escapes. */
static uint64_t signature(mola_str key)
{
    unsigned mixed = (unsigned)key.len;
    if (key.len) {
        mixed += (unsigned char)key.data[0] * 5U + (unsigned char)key.data[key.len - 1] * 11U +
                 (unsigned char)key.data[key.len / 2] * 23U;
    }
    return UINT64_C(1) << (mixed & 63);
}

static void mark_few(const char *text, mola_json_node *tape, uint32_t first, uint32_t until)
{
    uint32_t keys[FEW];
    uint32_t count = 0;
    uint64_t seen = 0;
    for (uint32_t at = first; at < until; at = mola_tape_after(tape, at + 1)) {
        uint64_t own =
            is_escaped(tape[at]) ? UINT64_MAX : signature(mola_tape_inside(text, tape[at]));
        if (seen & own) {
            for (uint32_t i = 0; i < count; i++) {
                if (same_key(text, tape[keys[i]], tape[at]))
                    tape[keys[i]].tail |= MOLA_TAPE_OVERRIDDEN;
            }
        }
        seen |= own;
        keys[count++] = at;
    }
}

typedef struct {
    uint32_t hash, key; /* key: place on the tape + 1; 0 is an empty slot */
} slot;

/* Hash of the key as it reads; its escapes are resolved in `scratch`. */
static mola_err hash_key(const char *text, mola_json_node key, uint64_t seed, mola_buf *scratch,
                         uint64_t *hash)
{
    mola_str inside = mola_tape_inside(text, key);
    if (is_escaped(key)) {
        scratch->len = 0;
        char *room = mola_buf_reserve(scratch, inside.len);
        if (!room)
            return MOLA_NO_MEMORY;
        inside = (mola_str){room, mola_json_unescape(inside, room)};
    }
    *hash = XXH3_64bits_withSeed(inside.data, inside.len, seed);
    return MOLA_OK;
}

/* The seed keeps anybody from preparing keys that all fall into one slot. Where the tape lies is
 * secret enough for that, and the answer does not depend on it. */
static mola_err mark_many(mola_heap *heap, const char *text, mola_json_node *tape, uint32_t object,
                          uint32_t members)
{
    uintptr_t secret = (uintptr_t)tape;
    uint64_t seed = XXH3_64bits(&secret, sizeof secret);
    size_t slot_count = 64;
    while (slot_count < (size_t)members * 2)
        slot_count *= 2;
    slot *slots = mola_alloc_array(heap, slot, slot_count);
    if (!slots)
        return MOLA_NO_MEMORY;
    mola_buf scratch;
    mola_buf_init(&scratch, heap);
    mola_err err = MOLA_OK;
    uint32_t until = mola_tape_length(tape[object]);
    for (uint32_t at = object + 1; at < until && !err; at = mola_tape_after(tape, at + 1)) {
        uint64_t hash;
        err = hash_key(text, tape[at], seed, &scratch, &hash);
        if (err)
            break;
        size_t place = (hash >> 32) & (slot_count - 1);
        while (slots[place].key && !(slots[place].hash == (uint32_t)hash &&
                                     same_key(text, tape[slots[place].key - 1], tape[at])))
            place = (place + 1) & (slot_count - 1);
        if (slots[place].key)
            tape[slots[place].key - 1].tail |= MOLA_TAPE_OVERRIDDEN;
        slots[place] = (slot){(uint32_t)hash, at + 1};
    }
    mola_buf_free(&scratch);
    mola_free(heap, slots, slot_count * sizeof *slots);
    return err;
}

mola_err mola_json_mark_overridden(mola_heap *heap, const char *text, mola_json_node *tape,
                                   uint32_t object)
{
    MOLA_DCHECK(mola_tape_kind(tape[object]) == MOLA_JSON_OBJECT);
    uint32_t until = mola_tape_length(tape[object]);
    uint32_t members = 0;
    for (uint32_t at = object + 1; at < until; at = mola_tape_after(tape, at + 1))
        members++;
    if (members > FEW)
        return mark_many(heap, text, tape, object, members);
    if (members > 1)
        mark_few(text, tape, object + 1, until);
    return MOLA_OK;
}
