#include "format/dictionary.h"
#include "mola/base/check.h"
#include <math.h>
#include <xxhash.h>

uint64_t mola_dictionary_hash(mola_str term)
{
    return XXH3_64bits(term.data, term.len);
}

uint32_t mola_dictionary_shard(mola_str term, uint32_t windows)
{
    return (uint32_t)((mola_dictionary_hash(term) >> 32) * windows >> 32);
}

static float take_f32(mola_cursor *c)
{
    uint32_t bits = mola_take_u32(c);
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static double take_f64(mola_cursor *c)
{
    uint64_t bits = mola_take_u64(c);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

mola_err mola_dictionary_open(mola_str image, uint32_t shard, uint32_t windows, uint32_t attr,
                              const mola_analysis *analysis, mola_dictionary *out)
{
    mola_cursor c = {.rest = image};
    if (mola_take_u32(&c) != MOLA_DICTIONARY_MAGIC ||
        !mola_take_text_identity(&c, attr, analysis) || mola_take_u32(&c) != shard)
        return MOLA_CORRUPT;
    *out = (mola_dictionary){.windows = mola_take_u32(&c), .k1 = take_f32(&c), .b = take_f32(&c)};
    out->average = take_f64(&c);
    out->tokens = mola_take_u64(&c);
    out->documents = mola_take_u32(&c);
    out->slot_count = mola_take_u32(&c);
    uint64_t zero = mola_take_u64(&c);
    bool is_power = out->slot_count && !(out->slot_count & (out->slot_count - 1));
    if (c.bad || zero || out->windows != windows || !is_power)
        return MOLA_CORRUPT;
    out->slots = mola_take(&c, (size_t)out->slot_count * 4).data;
    out->entries = c.rest;
    return c.bad ? MOLA_CORRUPT : MOLA_OK;
}

/* Bytes with their length before them. */
static bool take_counted(const uint8_t **at, const uint8_t *end, mola_str *out)
{
    uint32_t length;
    if (!mola_take_varint(at, end, &length) || length > (size_t)(end - *at))
        return false;
    *out = (mola_str){(const char *)*at, length};
    *at += length;
    return true;
}

mola_str mola_dictionary_find(const mola_dictionary *d, mola_str term)
{
    const uint8_t *entries = (const uint8_t *)d->entries.data, *end = entries + d->entries.len;
    uint32_t at = (uint32_t)mola_dictionary_hash(term);
    for (uint32_t tries = 0; tries < d->slot_count; tries++, at++) {
        uint32_t slot = mola_load_u32(d->slots + (size_t)(at & (d->slot_count - 1)) * 4);
        mola_str known, list;
        if (slot == 0 || slot > d->entries.len)
            break;
        const uint8_t *entry = entries + slot - 1;
        if (!take_counted(&entry, end, &known) || !take_counted(&entry, end, &list))
            break;
        if (mola_str_eq(known, term))
            return list;
    }
    return (mola_str){0};
}

void mola_dictionary_walk_begin(mola_str list, uint32_t windows, mola_dictionary_walk *walk)
{
    *walk = (mola_dictionary_walk){.at = (const uint8_t *)list.data,
                                   .end = (const uint8_t *)mola_str_end(list),
                                   .windows = windows};
}

bool mola_dictionary_next(mola_dictionary_walk *w)
{
    uint32_t skipped, rows, term = 0;
    bool some = mola_take_varint(&w->at, w->end, &skipped) &&
                mola_take_varint(&w->at, w->end, &rows) && w->at < w->end;
    uint8_t impact = some ? *w->at++ : 0;
    some = some && mola_take_varint(&w->at, w->end, &term);
    if (!some || skipped >= w->windows - w->next_window || rows > MOLA_POSTINGS_ROWS_MAX) {
        w->at = w->end;
        return false;
    }
    w->window = w->next_window + skipped;
    w->next_window = w->window + 1;
    w->rows = rows;
    w->impact = impact;
    w->term = term;
    return true;
}
