/* support.h - what the tests of namespace/ share: a schema, batches of rows, and a dumb table of
 * documents that views are compared with. Everything is static: a Check file is one program. */
#pragma once
#include "model/state_edit.h"
#include "mola/namespace/log.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

enum { ATTR_N = 1, ATTR_TAG = 2, ATTR_VEC = 3, ATTR_LIST = 4, ATTRS = 4 };
enum { DIMS = 3, IDS_MAX = 200, LIST_MAX = 3 };

/* ------------------------------------------------------------------ chance */
typedef struct {
    uint64_t s;
} dice;
static inline uint64_t roll(dice *d)
{
    uint64_t z = (d->s += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}
static inline uint32_t below(dice *d, uint32_t limit)
{
    return (uint32_t)(roll(d) % limit);
}
/* MOLA_TEST_SEED, else `usual`; printed, so that a failure can be replayed. */
static inline uint64_t test_seed(uint64_t usual)
{
    const char *text = getenv("MOLA_TEST_SEED");
    uint64_t seed = text ? strtoull(text, NULL, 10) : usual;
    printf("seed %llu\n", (unsigned long long)seed);
    fflush(stdout);
    return seed;
}

/* ------------------------------------------------------------------ schema */
static inline const mola_type *attr_types(void)
{
    static const mola_type types[ATTRS + 1] = {
        [MOLA_ATTR_ID] = {.form = MOLA_FORM_SCALAR, .elem = MOLA_ELEM_UINT},
        [ATTR_N] = {.form = MOLA_FORM_SCALAR, .elem = MOLA_ELEM_INT},
        [ATTR_TAG] = {.form = MOLA_FORM_SCALAR, .elem = MOLA_ELEM_STRING},
        [ATTR_VEC] = {.form = MOLA_FORM_DENSE, .elem = MOLA_ELEM_VEC_F32, .dims = DIMS},
        [ATTR_LIST] = {.form = MOLA_FORM_ARRAY, .elem = MOLA_ELEM_STRING}};
    return types;
}
static inline mola_state *new_state(mola_heap *heap)
{
    static const char *const names[ATTRS + 1] = {"id", "n", "tag", "vec", "list"};
    mola_state *state = mola_state_with_room(heap, ATTRS, 64);
    ck_assert_ptr_nonnull(state);
    for (uint32_t attr = 1; attr <= ATTRS; attr++) {
        mola_attr *added;
        mola_why why = {0};
        ck_assert_int_eq(
            mola_state_add(state, mola_str_of(names[attr]), attr_types()[attr], &added, &why),
            MOLA_OK);
        ck_assert_uint_eq(added->id, attr);
        added->filterable = attr != ATTR_VEC;
    }
    mola_attr *vec = mola_state_edit(state, MOLA_STR("vec"));
    vec->ann = true;
    state->metric = MOLA_METRIC_COSINE;
    state->id_type = MOLA_ELEM_UINT;
    return state;
}

/* ------------------------------------------------------------------ documents and changes */
typedef struct { /* has[attr]: the document has a value */
    bool exists;
    bool has[ATTRS + 1];
    int64_t n;
    uint64_t tag;
    float vec[DIMS];
    uint32_t list; /* number of its elements */
} document;

typedef struct { /* one row of a batch; given[attr]: a patch mentions it */
    mola_op op;
    uint64_t id;
    bool given[ATTRS + 1];
    document value;
} row;

typedef struct {
    mola_heap *heap;
    uint32_t count;
    uint8_t *ops;
    uint64_t *given[ATTRS + 1];
    mola_column_builder builders[ATTRS + 1];
    mola_row_column columns[ATTRS];
    mola_rows rows;
} batch;

static inline void add_attr(mola_column_builder *b, uint32_t attr, const document *d)
{
    char text[64];
    int len = snprintf(text, sizeof text, "tag-%llu", (unsigned long long)d->tag);
    mola_value tag = {.elem = MOLA_ELEM_STRING, .s = {text, (size_t)len}};
    mola_value n = {.elem = MOLA_ELEM_INT, .i = d->n};
    static const uint32_t byte_from[LIST_MAX + 1] = {0, 1, 2, 3};
    uint32_t row_from[2] = {0, d->list};
    mola_column one = {.type = b->type,
                       .rows = 1,
                       .row_from = row_from,
                       .byte_from = byte_from,
                       .data = attr == ATTR_VEC ? (const uint8_t *)d->vec : (const uint8_t *)"abc"};
    mola_err err = !d->has[attr]      ? mola_column_add_absent(b, 1)
                   : attr == ATTR_N   ? mola_column_add_value(b, &n)
                   : attr == ATTR_TAG ? mola_column_add_value(b, &tag)
                                      : mola_column_add_row(b, &one, 0);
    ck_assert_int_eq(err, MOLA_OK);
}

static inline void batch_make(batch *b, mola_heap *heap, const row *rows, uint32_t count)
{
    *b = (batch){.heap = heap, .count = count};
    if (count == 0)
        return;
    b->ops = mola_alloc_array(heap, uint8_t, count);
    for (uint32_t attr = 0; attr <= ATTRS; attr++) {
        mola_column_builder_init(&b->builders[attr], heap, attr_types()[attr]);
        b->given[attr] = mola_alloc_array(heap, uint64_t, mola_words(count));
    }
    for (uint32_t i = 0; i < count; i++) {
        const row *r = &rows[i];
        b->ops[i] = r->op;
        mola_value id = {.elem = MOLA_ELEM_UINT, .u = r->id};
        ck_assert_int_eq(mola_column_add_value(&b->builders[0], &id), MOLA_OK);
        document value = r->op == MOLA_OP_DELETE ? (document){0} : r->value;
        for (uint32_t attr = 1; attr <= ATTRS; attr++) {
            bool given = r->op == MOLA_OP_PATCH ? r->given[attr] : value.has[attr];
            value.has[attr] &= given;
            b->given[attr][i / 64] |= (uint64_t)given << i % 64;
            add_attr(&b->builders[attr], attr, &value);
        }
    }
    for (uint32_t attr = 1; attr <= ATTRS; attr++)
        b->columns[attr - 1] = (mola_row_column){
            .attr = attr, .column = mola_column_built(&b->builders[attr]), .given = b->given[attr]};
    b->rows = (mola_rows){.count = count,
                          .ops = b->ops,
                          .ids = mola_column_built(&b->builders[0]),
                          .column_count = ATTRS,
                          .columns = b->columns};
}

static inline void batch_free(batch *b)
{
    if (b->count == 0)
        return;
    for (uint32_t attr = 0; attr <= ATTRS; attr++) {
        mola_column_builder_free(&b->builders[attr]);
        mola_free(b->heap, b->given[attr], mola_words(b->count) * sizeof(uint64_t));
    }
    mola_free(b->heap, b->ops, b->count);
}

static inline document random_document(dice *d)
{
    document doc = {.exists = true, .n = below(d, 1000), .tag = below(d, 100000)};
    for (uint32_t attr = 1; attr <= ATTRS; attr++)
        doc.has[attr] = below(d, 4) != 0;
    for (int i = 0; i < DIMS; i++)
        doc.vec[i] = (float)below(d, 64);
    doc.list = below(d, LIST_MAX + 1);
    return doc;
}

/* A patch gives no vectors: no client can. */
static inline row random_row(dice *d, uint32_t ids, uint32_t patches_in_10, uint32_t deletes_in_10)
{
    uint32_t kind = below(d, 10);
    row r = {.op = MOLA_OP_UPSERT, .id = below(d, ids), .value = random_document(d)};
    if (kind < patches_in_10)
        r.op = MOLA_OP_PATCH;
    else if (kind < patches_in_10 + deletes_in_10)
        r.op = MOLA_OP_DELETE;
    for (uint32_t attr = 1; attr <= ATTRS; attr++)
        r.given[attr] = attr != ATTR_VEC && below(d, 2) == 0;
    return r;
}

/* ------------------------------------------------------------------ the oracle */
static inline void oracle_apply(document *docs, const row *rows, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        document *d = &docs[rows[i].id];
        const document *v = &rows[i].value;
        if (rows[i].op == MOLA_OP_DELETE)
            *d = (document){0};
        else if (rows[i].op == MOLA_OP_UPSERT)
            *d = *v;
        if (rows[i].op != MOLA_OP_PATCH || !d->exists)
            continue;
        for (uint32_t attr = 1; attr <= ATTRS; attr++)
            if (rows[i].given[attr])
                d->has[attr] = v->has[attr];
        if (rows[i].given[ATTR_N])
            d->n = v->n;
        if (rows[i].given[ATTR_TAG])
            d->tag = v->tag;
        if (rows[i].given[ATTR_LIST])
            d->list = v->list;
    }
}

static inline void check_document(const mola_view *view, uint64_t id, const document *expected)
{
    mola_value key = {.elem = MOLA_ELEM_UINT, .u = id};
    uint32_t part, at;
    bool found = mola_view_find(view, &key, &part, &at);
    ck_assert_msg(found == expected->exists, "document %llu: found %d, expected %d",
                  (unsigned long long)id, found, expected->exists);
    if (!found)
        return;
    for (uint32_t attr = 1; attr <= ATTRS; attr++) {
        mola_column c, windowed;
        bool has =
            mola_part_whole_column(view->parts[part].part, attr, &c) && mola_column_has(&c, at);
        ck_assert_msg(has == expected->has[attr], "document %llu attribute %u: %d, expected %d",
                      (unsigned long long)id, attr, has, expected->has[attr]);
        if (!has)
            continue;
        ck_assert(mola_part_column(view->parts[part].part, attr, at / MOLA_WINDOW_ROWS, &windowed));
        ck_assert(mola_column_row_eq(&c, at, &windowed, at % MOLA_WINDOW_ROWS));
        mola_column_builder b;
        mola_column_builder_init(&b, view->heap, attr_types()[attr]);
        add_attr(&b, attr, expected);
        mola_column wanted = mola_column_built(&b);
        ck_assert_msg(mola_column_row_eq(&c, at, &wanted, 0), "document %llu attribute %u differs",
                      (unsigned long long)id, attr);
        mola_column_builder_free(&b);
    }
}

/* Everything a reader can see, and the promises of view.h. */
static inline void check_view(const mola_view *view, const document *docs)
{
    uint64_t exist = 0, live = 0;
    for (uint64_t id = 0; id < IDS_MAX; id++) {
        exist += docs[id].exists;
        check_document(view, id, &docs[id]);
    }
    for (uint32_t i = 0; i < view->part_count; i++) {
        const mola_view_part *p = &view->parts[i];
        uint32_t set = 0;
        for (uint32_t at = 0; at < p->rows; at++)
            set += mola_bit(p->live, at);
        ck_assert_uint_eq(set, p->live_rows);
        ck_assert_uint_gt(p->live_rows, 0);
        if (p->live && p->rows % 64)
            ck_assert_uint_eq(p->live[p->rows / 64] >> p->rows % 64, 0);
        live += set;
    }
    ck_assert_uint_eq(live, exist);
    ck_assert_uint_eq(view->live_rows, exist);
}
