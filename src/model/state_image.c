/* state_image.c - a state as bytes, inside log entries and manifests (which carry the checksum).
 *
 *      0  char[4] magic "STA1"   4  u16 fmt = 1   6  u16 min_reader_fmt = 1; of a branch both are
 * 2, where texts are embedded both are 3 8  u8 id_type   9  u8 metric   10  u8 flags: 1 read_only
 * 11  u8 parent bytes (fmt 1: 0) 12  u32 pinned_replicas   16  u32 shards   20  u32 next_attr   24
 * u32 attributes 28  u32 embeddings (fmt 1, 2: 0) 32  the name of the parent, then the attributes,
 * rising ids: 0  u32 id   4  u8 form   5  u8 elem   6  u16 flags: 1 filterable, 2 regex, 4 glob, 8
 * fuzzy, 16 ann, 32 late interaction, 64 sparse_knn, 128 full text 8  u32 dims   12  u8 ann_metric
 * 13  u8 name bytes   14  u16 reserved 16  with full text: f32 k1, b, k3; u8 tokenizer, language;
 * u16 max_token_length; u8 flags: 1 stemming, 2 remove_stopwords, 4 ascii_folding, 8
 * case_sensitive; u8[3] reserved then the name then the embeddings: 0  u32 id of the text   4  u32
 * id of the vector   8  u8 bytes of the model's name 9  u8[3] reserved   12  the name of the model
 */
#include "model/state_edit.h"
#include "mola/codec/bytes.h"
#include "mola/model/schema.h"
#include <math.h>

enum { STATE_FMT = 1, BRANCH_FMT = 2, EMBED_FMT = 3, ATTR_BYTES_MIN = 17 };
enum {
    FLAG_FILTERABLE = 1,
    FLAG_REGEX = 2,
    FLAG_GLOB = 4,
    FLAG_FUZZY = 8,
    FLAG_ANN = 16,
    FLAG_LATE = 32,
    FLAG_SPARSE_KNN = 64,
    FLAG_FTS = 128,
    FLAGS_ALL = 255,
};
enum { FTS_STEMMING = 1, FTS_STOPWORDS = 2, FTS_FOLDING = 4, FTS_CASE = 8, FTS_ALL = 15 };

static void add_f32(mola_buf *out, float v)
{
    mola_buf_add(out, &v, sizeof v);
}

static float take_f32(mola_cursor *c)
{
    uint32_t bits = mola_take_u32(c);
    float v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static void encode_fts(mola_buf *out, const mola_fts *fts)
{
    add_f32(out, fts->k1);
    add_f32(out, fts->b);
    add_f32(out, fts->k3);
    mola_add_u8(out, fts->tokenizer);
    mola_add_u8(out, fts->language);
    mola_add_u16(out, fts->max_token_length);
    mola_add_u8(
        out,
        (uint8_t)((fts->stemming ? FTS_STEMMING : 0) | (fts->remove_stopwords ? FTS_STOPWORDS : 0) |
                  (fts->ascii_folding ? FTS_FOLDING : 0) | (fts->case_sensitive ? FTS_CASE : 0)));
    mola_buf_add_zeros(out, 3);
}

static uint16_t flags_of(const mola_attr *a)
{
    return (uint16_t)((a->filterable ? FLAG_FILTERABLE : 0) | (a->regex ? FLAG_REGEX : 0) |
                      (a->glob ? FLAG_GLOB : 0) | (a->fuzzy ? FLAG_FUZZY : 0) |
                      (a->ann ? FLAG_ANN : 0) | (a->late_interaction ? FLAG_LATE : 0) |
                      (a->sparse_knn ? FLAG_SPARSE_KNN : 0) | (a->has_fts ? FLAG_FTS : 0));
}

static void encode_attr(mola_buf *out, const mola_attr *a)
{
    MOLA_ASSERT(mola_type_ok(a->type) && a->id >= 1);
    MOLA_ASSERT(a->name.len >= 1 && a->name.len <= MOLA_ATTR_NAME_BYTES_MAX);
    mola_add_u32(out, a->id);
    mola_add_u8(out, a->type.form);
    mola_add_u8(out, a->type.elem);
    mola_add_u16(out, flags_of(a));
    mola_add_u32(out, a->type.dims);
    mola_add_u8(out, a->ann_metric);
    mola_add_u8(out, (uint8_t)a->name.len);
    mola_add_u16(out, 0);
    if (a->has_fts)
        encode_fts(out, &a->fts);
    mola_buf_add_str(out, a->name);
}

static void encode_embed(mola_buf *out, const mola_embed *embed)
{
    MOLA_ASSERT(embed->model_bytes >= 1);
    mola_add_u32(out, embed->source);
    mola_add_u32(out, embed->target);
    mola_add_u8(out, embed->model_bytes);
    mola_buf_add_zeros(out, 3);
    mola_buf_add(out, embed->model, embed->model_bytes);
}

void mola_state_encode(mola_buf *out, const mola_state *state)
{
    mola_buf_add_str(out, MOLA_STR("STA1"));
    uint16_t fmt = state->embed_count ? EMBED_FMT : state->parent_bytes ? BRANCH_FMT : STATE_FMT;
    mola_add_u16(out, fmt);
    mola_add_u16(out, fmt);
    mola_add_u8(out, state->id_type);
    mola_add_u8(out, state->metric);
    mola_add_u8(out, state->read_only);
    mola_add_u8(out, state->parent_bytes);
    mola_add_u32(out, state->pinned_replicas);
    mola_add_u32(out, state->shards);
    mola_add_u32(out, state->next_attr);
    mola_add_u32(out, state->attr_count);
    mola_add_u32(out, state->embed_count);
    mola_buf_add_str(out, mola_state_parent(state));
    for (uint32_t i = 0; i < state->attr_count; i++)
        encode_attr(out, &state->attrs[i]);
    for (uint32_t i = 0; i < state->embed_count; i++)
        encode_embed(out, &state->embeds[i]);
}

static bool decode_fts(mola_cursor *c, mola_fts *fts)
{
    fts->k1 = take_f32(c);
    fts->b = take_f32(c);
    fts->k3 = take_f32(c);
    fts->tokenizer = mola_take_u8(c);
    fts->language = mola_take_u8(c);
    fts->max_token_length = mola_take_u16(c);
    uint8_t flags = mola_take_u8(c);
    uint32_t reserved = (uint32_t)mola_take_u8(c) | mola_take_u16(c);
    fts->stemming = flags & FTS_STEMMING;
    fts->remove_stopwords = flags & FTS_STOPWORDS;
    fts->ascii_folding = flags & FTS_FOLDING;
    fts->case_sensitive = flags & FTS_CASE;
    return !c->bad && !reserved && (flags & ~FTS_ALL) == 0 && isfinite(fts->k1) &&
           isfinite(fts->b) && isfinite(fts->k3) && mola_tokenizer_name(fts->tokenizer) &&
           mola_language_name(fts->language) && fts->max_token_length >= 1 &&
           fts->max_token_length <= 255;
}

static bool decode_attr(mola_cursor *c, mola_state *state)
{
    mola_type type = {0};
    uint32_t id = mola_take_u32(c);
    type.form = mola_take_u8(c);
    type.elem = mola_take_u8(c);
    uint16_t flags = mola_take_u16(c);
    type.dims = mola_take_u32(c);
    uint8_t ann_metric = mola_take_u8(c), name_bytes = mola_take_u8(c);
    uint16_t reserved = mola_take_u16(c);
    mola_fts fts = {0};
    if (c->bad || reserved || (flags & ~FLAGS_ALL) || ann_metric > MOLA_METRIC_DOT ||
        !mola_type_ok(type) || (flags & FLAG_FTS && !decode_fts(c, &fts)))
        return false;
    mola_str name = mola_take(c, name_bytes);
    uint32_t before = state->attr_count ? state->attrs[state->attr_count - 1].id : 0;
    if (c->bad || id <= before || mola_schema_check_name(name, NULL) || !mola_utf8_ok(name) ||
        mola_str_eq(name, MOLA_STR("id")) || mola_state_find(state, name))
        return false;
    mola_attr *a;
    if (mola_state_add(state, name, type, &a, NULL))
        return false;
    a->id = id;
    a->filterable = flags & FLAG_FILTERABLE;
    a->regex = flags & FLAG_REGEX;
    a->glob = flags & FLAG_GLOB;
    a->fuzzy = flags & FLAG_FUZZY;
    a->ann = flags & FLAG_ANN;
    a->late_interaction = flags & FLAG_LATE;
    a->sparse_knn = flags & FLAG_SPARSE_KNN;
    a->ann_metric = ann_metric;
    a->has_fts = flags & FLAG_FTS;
    a->fts = fts;
    return true;
}

/* The attributes are there. */
static bool decode_embed(mola_cursor *c, mola_state *state)
{
    mola_embed e = {.source = mola_take_u32(c), .target = mola_take_u32(c)};
    e.model_bytes = mola_take_u8(c);
    uint32_t reserved = (uint32_t)mola_take_u8(c) | mola_take_u16(c);
    mola_str model = mola_take(c, e.model_bytes);
    const mola_attr *source = mola_state_attr(state, e.source);
    const mola_attr *target = mola_state_attr(state, e.target);
    if (c->bad || reserved || model.len < 1 || model.len > MOLA_MODEL_BYTES_MAX ||
        !mola_utf8_ok(model) || !source || !target || source->type.form != MOLA_FORM_SCALAR ||
        source->type.elem != MOLA_ELEM_STRING || target->type.form != MOLA_FORM_DENSE ||
        target->type.elem == MOLA_ELEM_VEC_I8 || mola_state_embed_of(state, e.source) ||
        mola_state_embed_into(state, e.target))
        return false;
    memcpy(e.model, model.data, model.len);
    state->embeds[state->embed_count++] = e;
    return true;
}

static bool id_type_ok(uint8_t elem)
{
    return elem == MOLA_ELEM_NONE || elem == MOLA_ELEM_UINT || elem == MOLA_ELEM_UUID ||
           elem == MOLA_ELEM_STRING;
}

/* The name of another namespace: it is shown to people, nothing else. */
static bool parent_ok(mola_str name, uint16_t fmt)
{
    bool good = (fmt == EMBED_FMT || (name.len > 0) == (fmt == BRANCH_FMT)) &&
                name.len <= MOLA_PARENT_BYTES_MAX;
    for (size_t i = 0; i < name.len && good; i++)
        good = name.data[i] > ' ' && name.data[i] < 127 && !strchr("\"\\/", name.data[i]);
    return good;
}

mola_err mola_state_decode(mola_heap *heap, mola_str image, mola_state **out)
{
    mola_cursor c = {.rest = image};
    bool magic = mola_str_eq(mola_take(&c, 4), MOLA_STR("STA1"));
    uint16_t fmt = mola_take_u16(&c), min_reader = mola_take_u16(&c);
    if (c.bad || !magic || fmt == 0 || min_reader == 0 || min_reader > fmt)
        return MOLA_CORRUPT;
    if (fmt > EMBED_FMT) /* states are written again whole: what we do not know, we would lose */
        return MOLA_INVALID;
    uint8_t id_type = mola_take_u8(&c), metric = mola_take_u8(&c), flags = mola_take_u8(&c);
    uint8_t parent_bytes = mola_take_u8(&c);
    uint32_t pinned = mola_take_u32(&c), shards = mola_take_u32(&c), next = mola_take_u32(&c);
    uint32_t count = mola_take_u32(&c), embeds = mola_take_u32(&c);
    mola_str parent = mola_take(&c, parent_bytes);
    if (c.bad || min_reader != fmt || !parent_ok(parent, fmt) || embeds > MOLA_EMBEDS_MAX ||
        (embeds > 0) != (fmt == EMBED_FMT) || flags > 1 || metric > MOLA_METRIC_DOT ||
        !id_type_ok(id_type) || next == 0 || count >= MOLA_ATTRS_MAX ||
        count > c.rest.len / ATTR_BYTES_MIN)
        return MOLA_CORRUPT;
    size_t names = (size_t)count * MOLA_ATTR_NAME_BYTES_MAX;
    mola_state *state = mola_state_with_room(heap, count, names < c.rest.len ? names : c.rest.len);
    if (!state)
        return MOLA_NO_MEMORY;
    bool good = true;
    for (uint32_t i = 0; i < count && good; i++)
        good = decode_attr(&c, state);
    for (uint32_t i = 0; i < embeds && good; i++)
        good = decode_embed(&c, state);
    if (!good || c.rest.len != 0 || (count && state->attrs[count - 1].id >= next)) {
        mola_state_unref(state);
        return MOLA_CORRUPT;
    }
    state->id_type = id_type;
    state->metric = metric;
    state->read_only = flags & 1;
    state->pinned_replicas = pinned;
    state->shards = shards;
    state->next_attr = next;
    mola_state_set_parent(state, parent);
    *out = state;
    return MOLA_OK;
}
