#include "mola/model/state.h"
#include "model/state_edit.h"
#include "mola/codec/block.h"
#include <stdlib.h>

/* One block: this, the attributes, a hash table of their places, the bytes of their names. Names
 * are looked up for every member of every row that comes in, so a scan of 1,024 would not do. */
typedef struct {
    mola_state state;
    uint32_t attr_room, slot_mask;
    uint16_t *slots; /* place in attrs + 1; 0: free. Linear probing, at most half full */
    char *names;
    size_t names_used, names_room;
} block;

static block *block_of(mola_state *state)
{
    return (block *)state;
}

static uint32_t slot_count(uint32_t attrs)
{
    uint32_t count = 8;
    while (count < attrs * 2)
        count *= 2;
    return count;
}

mola_state *mola_state_with_room(mola_heap *heap, uint32_t attrs, size_t name_bytes)
{
    MOLA_ASSERT(attrs <= 4 * MOLA_ATTRS_MAX &&
                name_bytes <= attrs * (size_t)MOLA_ATTR_NAME_BYTES_MAX);
    uint32_t slots = slot_count(attrs);
    size_t attr_bytes = attrs * sizeof(mola_attr), slot_bytes = slots * sizeof(uint16_t);
    size_t bytes = sizeof(block) + attr_bytes + slot_bytes + name_bytes;
    block *b = mola_alloc(heap, bytes);
    if (!b)
        return NULL;
    char *at = (char *)(b + 1);
    b->state.attrs = (mola_attr *)(void *)at;
    b->slots = (uint16_t *)(void *)(at + attr_bytes);
    b->names = at + attr_bytes + slot_bytes;
    b->attr_room = attrs;
    b->slot_mask = slots - 1;
    b->names_room = name_bytes;
    b->state.heap = heap;
    b->state.bytes = bytes;
    b->state.next_attr = 1;
    mola_ref_init(&b->state.ref);
    return &b->state;
}
_Static_assert(sizeof(block) % _Alignof(mola_attr) == 0, "attributes follow the block");

mola_state *mola_state_new(mola_heap *heap)
{
    return mola_state_with_room(heap, 0, 0);
}

void mola_state_set_parent(mola_state *state, mola_str parent)
{
    MOLA_ASSERT(parent.len <= sizeof state->parent);
    state->parent_bytes = (uint8_t)parent.len;
    if (parent.len)
        memcpy(state->parent, parent.data, parent.len);
}

void mola_state_ref(mola_state *state)
{
    mola_ref_take(&state->ref);
}

void mola_state_unref(mola_state *state)
{
    if (state && mola_ref_drop(&state->ref))
        mola_free(state->heap, state, state->bytes);
}

/* The slot that holds `name`, or the free one where it would go. */
static uint32_t slot_of(const block *b, mola_str name)
{
    uint32_t slot = (uint32_t)mola_hash64(name) & b->slot_mask;
    while (b->slots[slot] && !mola_str_eq(b->state.attrs[b->slots[slot] - 1].name, name))
        slot = (slot + 1) & b->slot_mask;
    return slot;
}

static void index_names(block *b)
{
    memset(b->slots, 0, (b->slot_mask + (size_t)1) * sizeof *b->slots);
    for (uint32_t i = 0; i < b->state.attr_count; i++)
        b->slots[slot_of(b, b->state.attrs[i].name)] = (uint16_t)(i + 1);
}

static mola_str keep_name(block *b, mola_str name)
{
    MOLA_ASSERT(name.len <= b->names_room - b->names_used);
    char *kept = b->names + b->names_used;
    if (name.len)
        memcpy(kept, name.data, name.len);
    b->names_used += name.len;
    return (mola_str){kept, name.len};
}

/* More further attributes than a namespace may have names need no room: they end in an error. */
static uint32_t further(uint32_t more)
{
    return more < 2 * MOLA_ATTRS_MAX ? more : 2 * MOLA_ATTRS_MAX;
}

mola_state *mola_state_copy(mola_heap *heap, const mola_state *state, uint32_t more)
{
    size_t name_bytes = (size_t)further(more) * MOLA_ATTR_NAME_BYTES_MAX;
    for (uint32_t i = 0; i < state->attr_count; i++)
        name_bytes += state->attrs[i].name.len;
    mola_state *copy = mola_state_with_room(heap, state->attr_count + further(more), name_bytes);
    if (!copy)
        return NULL;
    copy->id_type = state->id_type;
    copy->metric = state->metric;
    copy->read_only = state->read_only;
    copy->pinned_replicas = state->pinned_replicas;
    copy->shards = state->shards;
    mola_state_set_parent(copy, mola_state_parent(state));
    copy->next_attr = state->next_attr;
    copy->embed_count = state->embed_count;
    memcpy(copy->embeds, state->embeds, sizeof copy->embeds);
    copy->attr_count = state->attr_count;
    for (uint32_t i = 0; i < state->attr_count; i++) {
        copy->attrs[i] = state->attrs[i];
        copy->attrs[i].name = keep_name(block_of(copy), state->attrs[i].name);
    }
    index_names(block_of(copy));
    return copy;
}

mola_err mola_state_too_many(mola_why *why)
{
    return mola_fail(why, MOLA_INVALID, "a namespace can have at most %d attribute names",
                     MOLA_ATTRS_MAX);
}

mola_err mola_state_add(mola_state *state, mola_str name, mola_type type, mola_attr **out,
                        mola_why *why)
{
    block *b = block_of(state);
    MOLA_ASSERT(name.len >= 1 && name.len <= MOLA_ATTR_NAME_BYTES_MAX);
    if (state->attr_count == b->attr_room || name.len > b->names_room - b->names_used ||
        state->next_attr == UINT32_MAX)
        return mola_state_too_many(why);
    uint32_t slot = slot_of(b, name);
    MOLA_ASSERT(b->slots[slot] == 0);
    mola_attr *attr = &state->attrs[state->attr_count];
    *attr = (mola_attr){.id = state->next_attr++, .name = keep_name(b, name), .type = type};
    b->slots[slot] = (uint16_t)++state->attr_count;
    *out = attr;
    return MOLA_OK;
}

void mola_state_remove(mola_state *state, uint32_t id)
{
    uint32_t at = 0;
    while (at < state->attr_count && state->attrs[at].id != id)
        at++;
    MOLA_ASSERT(at < state->attr_count);
    state->attr_count--;
    memmove(&state->attrs[at], &state->attrs[at + 1],
            (state->attr_count - at) * sizeof *state->attrs);
    index_names(block_of(state));
}

const mola_state *mola_state_of_one(mola_arena *arena, const mola_attr *attr, uint8_t id_type)
{
    enum { SLOTS = 8 };
    block *b = mola_new(arena, block, 1);
    mola_attr *only = mola_new(arena, mola_attr, 1);
    uint16_t *slots = mola_new(arena, uint16_t, SLOTS);
    if (!b || !only || !slots)
        return NULL;
    *only = *attr;
    b->slots = slots;
    b->slot_mask = SLOTS - 1;
    b->state.attrs = only;
    b->state.attr_count = 1;
    b->state.id_type = id_type;
    slots[slot_of(b, attr->name)] = 1;
    return &b->state;
}

mola_attr *mola_state_edit(mola_state *state, mola_str name)
{
    const block *b = block_of(state);
    uint16_t place = b->slots[slot_of(b, name)];
    return place ? &state->attrs[place - 1] : NULL;
}

const mola_attr *mola_state_find(const mola_state *state, mola_str name)
{
    const block *b = (const block *)state;
    uint16_t place = b->slots[slot_of(b, name)];
    return place ? &state->attrs[place - 1] : NULL;
}

const mola_attr *mola_state_attr(const mola_state *state, uint32_t id)
{
    uint32_t first = 0, until = state->attr_count; /* ids rise in order of creation */
    while (first < until) {
        uint32_t middle = first + (until - first) / 2;
        if (state->attrs[middle].id == id)
            return &state->attrs[middle];
        if (state->attrs[middle].id < id) {
            first = middle + 1;
        } else {
            until = middle;
        }
    }
    return NULL;
}

uint32_t mola_state_vector_count(const mola_state *state)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < state->attr_count; i++)
        count += mola_type_is_vector(state->attrs[i].type);
    return count;
}

const mola_embed *mola_state_embed_of(const mola_state *state, uint32_t source)
{
    for (uint32_t i = 0; i < state->embed_count; i++) {
        if (state->embeds[i].source == source)
            return &state->embeds[i];
    }
    return NULL;
}

const mola_embed *mola_state_embed_into(const mola_state *state, uint32_t target)
{
    for (uint32_t i = 0; i < state->embed_count; i++) {
        if (state->embeds[i].target == target)
            return &state->embeds[i];
    }
    return NULL;
}

static bool fts_eq(const mola_fts *a, const mola_fts *b)
{
    return a->k1 == b->k1 && a->b == b->b && a->k3 == b->k3 && a->tokenizer == b->tokenizer &&
           a->language == b->language && a->max_token_length == b->max_token_length &&
           a->stemming == b->stemming && a->remove_stopwords == b->remove_stopwords &&
           a->ascii_folding == b->ascii_folding && a->case_sensitive == b->case_sensitive;
}

static bool attr_eq(const mola_attr *a, const mola_attr *b)
{
    return a->id == b->id && mola_str_eq(a->name, b->name) && mola_type_eq(a->type, b->type) &&
           a->filterable == b->filterable && a->regex == b->regex && a->glob == b->glob &&
           a->fuzzy == b->fuzzy && a->ann == b->ann && a->late_interaction == b->late_interaction &&
           a->sparse_knn == b->sparse_knn && a->ann_metric == b->ann_metric &&
           a->has_fts == b->has_fts && (!a->has_fts || fts_eq(&a->fts, &b->fts));
}

static bool embed_eq(const mola_embed *a, const mola_embed *b)
{
    return a->source == b->source && a->target == b->target && a->model_bytes == b->model_bytes &&
           memcmp(a->model, b->model, a->model_bytes) == 0;
}

bool mola_state_eq(const mola_state *a, const mola_state *b)
{
    if (a->id_type != b->id_type || a->metric != b->metric || a->read_only != b->read_only ||
        a->pinned_replicas != b->pinned_replicas || a->shards != b->shards ||
        a->next_attr != b->next_attr || a->attr_count != b->attr_count ||
        a->embed_count != b->embed_count ||
        !mola_str_eq(mola_state_parent(a), mola_state_parent(b)))
        return false;
    for (uint32_t i = 0; i < a->attr_count; i++) {
        if (!attr_eq(&a->attrs[i], &b->attrs[i]))
            return false;
    }
    for (uint32_t i = 0; i < a->embed_count; i++) {
        if (!embed_eq(&a->embeds[i], &b->embeds[i]))
            return false;
    }
    return true;
}

static int by_id(const void *a, const void *b)
{
    uint32_t x = (*(const mola_attr *const *)a)->id, y = (*(const mola_attr *const *)b)->id;
    return (x > y) - (x < y);
}

const mola_attr **mola_state_sorted(const mola_state *state, mola_arena *arena)
{
    const mola_attr **attrs = mola_new(arena, const mola_attr *, state->attr_count);
    for (uint32_t i = 0; attrs && i < state->attr_count; i++)
        attrs[i] = &state->attrs[i];
    if (attrs && state->attr_count)
        qsort(attrs, state->attr_count, sizeof(const mola_attr *), by_id);
    return attrs;
}
