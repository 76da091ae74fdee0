/* Any bytes as the image of a state; and any JSON as definitions, then as a value of every
 * attribute they made: what is accepted prints, and its image reads as the same. */
#include "fuzz.h"
#include "mola/model/rows.h"
#include "mola/model/schema.h"

static const mola_embedding_model model = {MOLA_STR_C("m"), 2, MOLA_ELEM_VEC_F16};
static const mola_embedding_models models = {&model, 1};

static void walk_state(mola_heap *heap, const mola_state *state)
{
    mola_buf out;
    mola_state *back = NULL;
    mola_json_doc doc;
    mola_buf_init(&out, heap);
    for (uint32_t i = 0; i < state->attr_count; i++) {
        FUZZ_CHECK(mola_state_find(state, state->attrs[i].name) == &state->attrs[i]);
        FUZZ_CHECK(mola_state_attr(state, state->attrs[i].id) == &state->attrs[i]);
    }
    mola_schema_print(&out, state);
    size_t len = out.len;
    mola_buf_add_zeros(&out, MOLA_JSON_PADDING);
    FUZZ_CHECK(mola_json_parse(heap, (mola_str){out.data, len}, &doc, NULL) == MOLA_OK);
    mola_json_free(&doc);
    out.len = 0;
    mola_schema_print_metadata(&out, state);
    out.len = 0;
    mola_state_encode(&out, state);
    FUZZ_CHECK(!out.failed && mola_state_decode(heap, mola_buf_str(&out), &back) == MOLA_OK);
    FUZZ_CHECK(mola_state_eq(state, back));
    mola_state_unref(back);
    mola_buf_free(&out);
}

static void add_value(mola_heap *heap, mola_arena *arena, const mola_attr *a, mola_json value)
{
    mola_column_builder b;
    mola_why why;
    mola_why_clear(&why);
    mola_column_builder_init(&b, heap, a->type);
    mola_err err =
        mola_column_add_json(&b, a->name, a->filterable, value, &mola_limits_default, arena, &why);
    FUZZ_CHECK(err == MOLA_OK || (err == MOLA_INVALID && why.len > 0) || err == MOLA_NO_MEMORY);
    FUZZ_CHECK(b.rows == (err == MOLA_OK));
    mola_column c = mola_column_built(&b);
    if (!err && mola_column_has(&c, 0)) {
        mola_buf out;
        mola_buf_init(&out, heap);
        mola_column_print(&out, &c, 0, MOLA_VECTORS_AS_FLOATS);
        FUZZ_CHECK(out.len > 0);
        mola_buf_free(&out);
    }
    mola_column_builder_free(&b);
}

/* Members are definitions; each is then offered as a value to every attribute, and for inference.
 */
static void apply(mola_heap *heap, mola_arena *arena, mola_state *state, mola_json root)
{
    mola_why why;
    mola_why_clear(&why);
    mola_err err = mola_schema_check_shape(root, "schema", arena, &why);
    FUZZ_CHECK(err == MOLA_OK || why.len > 0);
    if (!err) {
        err = mola_schema_apply(state, root, &models, arena, &why);
        FUZZ_CHECK(err == MOLA_OK || why.len > 0);
    }
    if (state->embed_count) /* as a request would that brings one */
        state->metric = MOLA_METRIC_COSINE;
    if (err || mola_schema_settle_metric(state, NULL, (mola_json){0}, &why))
        return;
    for (mola_json v = mola_json_first(root); v.doc; v = mola_json_next(root, v))
        for (uint32_t i = 0; i < state->attr_count; i++)
            add_value(heap, arena, &state->attrs[i], v);
    walk_state(heap, state);
}

static void infer(mola_heap *heap, mola_arena *arena, mola_state *state, mola_json root)
{
    for (mola_json v = mola_json_first(root); v.doc; v = mola_json_next(root, v)) {
        mola_str name = MOLA_STR("vector");
        if (mola_json_kind_of(root) == MOLA_JSON_OBJECT && !mola_json_key(v, arena, &name))
            return;
        if (!mola_json_is_set(v) || mola_state_find(state, name) ||
            mola_schema_infer(state, NULL, name, v, arena, NULL) != MOLA_OK)
            continue;
        add_value(heap, arena, mola_state_find(state, name), v);
    }
}

static void read_json(mola_heap *heap, mola_str text)
{
    mola_json_doc doc;
    if (mola_json_parse(heap, text, &doc, NULL) != MOLA_OK)
        return;
    mola_arena arena;
    mola_arena_init(&arena, heap, 1 << 24);
    mola_json root = mola_json_root(&doc);
    mola_state *empty = mola_state_new(heap);
    for (int i = 0; i < 2; i++) {
        mola_state *state = mola_state_copy(heap, empty, mola_json_count(root) + MOLA_EMBEDS_MAX);
        FUZZ_CHECK(state != NULL);
        if (i)
            infer(heap, &arena, state, root);
        else
            apply(heap, &arena, state, root);
        mola_state_unref(state);
    }
    mola_state_unref(empty);
    mola_arena_reset(&arena);
    mola_json_free(&doc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mola_heap heap;
    mola_heap_init(&heap, 1 << 27);
    char *copy = fuzz_copy(data, size, 0, 0);
    mola_state *state = NULL;
    mola_err err = mola_state_decode(&heap, (mola_str){copy, size}, &state);
    FUZZ_CHECK(err == MOLA_OK || err == MOLA_CORRUPT || err == MOLA_INVALID ||
               err == MOLA_NO_MEMORY);
    if (!err)
        walk_state(&heap, state);
    mola_state_unref(state);
    free(copy);
    copy = fuzz_copy(data, size, MOLA_JSON_PADDING, 0);
    read_json(&heap, (mola_str){copy, size});
    FUZZ_CHECK(atomic_load(&heap.used) == 0);
    free(copy);
    return 0;
}
