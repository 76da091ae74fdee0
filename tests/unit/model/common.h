/* common.h - what the tests of model/ and format/ share: a heap that must be empty at the end, JSON
 * from literals, and seeded random types, columns, rows and states. */
#pragma once
#include "mola/base/check.h"
#include "mola/model/rows.h"
#include "mola/model/schema.h"
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { DOCS_MAX = 64 };

static mola_heap heap;
static mola_arena arena;
static mola_buf out;
static mola_why why;
static mola_json_doc docs[DOCS_MAX];
static char *doc_texts[DOCS_MAX];
static size_t doc_sizes[DOCS_MAX];
static int doc_count;

__attribute__((unused)) static void set_up(void)
{
    mola_heap_init(&heap, 1 << 30);
    mola_arena_init(&arena, &heap, 1 << 28);
    mola_buf_init(&out, &heap);
    mola_why_clear(&why);
    doc_count = 0;
}

__attribute__((unused)) static void drop_docs(void)
{
    for (int i = 0; i < doc_count; i++) {
        mola_json_free(&docs[i]);
        mola_free(&heap, doc_texts[i], doc_sizes[i]);
    }
    doc_count = 0;
}

__attribute__((unused)) static void tear_down(void)
{
    drop_docs();
    mola_buf_free(&out);
    mola_arena_reset(&arena);
    ck_assert_uint_eq(atomic_load(&heap.used), 0);
}

/* The document lives until drop_docs. */
__attribute__((unused)) static mola_json json_n(const char *text, size_t len)
{
    ck_assert_int_lt(doc_count, DOCS_MAX);
    int i = doc_count++;
    doc_sizes[i] = len + MOLA_JSON_PADDING;
    doc_texts[i] = mola_alloc(&heap, doc_sizes[i]);
    ck_assert_ptr_nonnull(doc_texts[i]);
    memcpy(doc_texts[i], text, len);
    mola_why said = {.len = 0};
    mola_err err = mola_json_parse(&heap, (mola_str){doc_texts[i], len}, &docs[i], &said);
    ck_assert_msg(err == MOLA_OK, "%.*s: %.*s", (int)(len < 200 ? len : 200), text, (int)said.len,
                  said.text);
    return mola_json_root(&docs[i]);
}

__attribute__((unused)) static mola_json json(const char *text)
{
    return json_n(text, strlen(text));
}

/* What was printed to `out` since the last call. */
__attribute__((unused)) static const char *printed(void)
{
    mola_buf_add_char(&out, '\0');
    ck_assert(!out.failed);
    out.len = 0;
    return out.data;
}

/* The words of the last error, which are then forgotten. */
__attribute__((unused)) static const char *said(void)
{
    static char text[MOLA_WHY_BYTES + 1];
    memcpy(text, why.text, why.len);
    text[why.len] = '\0';
    mola_why_clear(&why);
    return text;
}

__attribute__((unused)) static mola_type type_of(const char *text)
{
    mola_type type;
    ck_assert_int_eq(mola_type_parse(mola_str_of(text), &type, NULL), MOLA_OK);
    return type;
}

/* -- chance ------------------------------------------------------------------------------------ */

typedef struct {
    uint64_t state;
} chance;

__attribute__((unused)) static uint64_t next_u64(chance *c)
{
    uint64_t z = c->state += 0x9e3779b97f4a7c15U; /* splitmix64 */
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
    z = (z ^ z >> 27) * 0x94d049bb133111ebU;
    return z ^ z >> 31;
}

__attribute__((unused)) static uint32_t below(chance *c, uint32_t limit)
{
    return (uint32_t)(next_u64(c) % limit);
}

/* UTF-8 of one to four bytes a character, escapes and a NUL among them. */
__attribute__((unused)) static mola_str random_text(chance *c, uint32_t chars_max)
{
    static const char *const pieces[] = {"a",  "Z", "7", " ",  "\"", "\\",
                                         "\n", "é", "ß", "東", "🐡",  "\x7f"};
    mola_buf text;
    mola_buf_init(&text, &heap);
    for (uint32_t i = below(c, chars_max + 1); i > 0; i--) {
        uint32_t piece = below(c, 13);
        if (piece == 12)
            mola_buf_add_char(&text, '\0');
        else
            mola_buf_add_str(&text, mola_str_of(pieces[piece]));
    }
    mola_str copy;
    ck_assert(mola_arena_copy(&arena, mola_buf_str(&text), &copy));
    mola_buf_free(&text);
    return copy;
}

__attribute__((unused)) static mola_value random_value(chance *c, mola_elem elem)
{
    mola_value v = {.elem = (uint8_t)elem};
    uint64_t bits = next_u64(c) >> below(c, 64);
    switch (elem) {
    case MOLA_ELEM_STRING:
    case MOLA_ELEM_BYTES:
        v.s = random_text(c, 12);
        break;
    case MOLA_ELEM_INT:
        v.i = (int64_t)bits * (below(c, 2) ? 1 : -1);
        break;
    case MOLA_ELEM_UINT:
        v.u = bits;
        break;
    case MOLA_ELEM_FLOAT:
        do
            bits = next_u64(c), memcpy(&v.f, &bits, 8);
        while (!isfinite(v.f));
        if (below(c, 2))
            v.f = (double)below(c, 1000) / 8;
        break;
    case MOLA_ELEM_BOOL:
        v.b = below(c, 2);
        break;
    case MOLA_ELEM_UUID:
        for (int i = 0; i < 16; i++)
            v.uuid[i] = (uint8_t)below(c, 256);
        break;
    default:
        v.i = (int64_t)below(c, 2000000000) * 1000 + below(c, 1000);
    }
    return v;
}

__attribute__((unused)) static mola_type random_type(chance *c)
{
    static const char *const texts[] = {
        "string", "int",      "uint",     "float",    "bool",   "uuid",      "datetime",   "bytes",
        "[]int",  "[]string", "[]uint",   "[]float",  "[]bool", "[]uuid",    "[]datetime", "[3]f32",
        "[5]f16", "[7]i8",    "[][2]f32", "[][3]f16", "{}f16",  "[]unknown", "[64]f32",
    };
    return type_of(texts[below(c, sizeof texts / sizeof *texts)]);
}

/* JSON of a value that fits the type, into `out`. Numbers of vectors print as what is stored. */
__attribute__((unused)) static void random_vector(chance *c, mola_type type)
{
    for (uint32_t i = 0; i < type.dims; i++)
        mola_buf_print(&out, "%s%g", i ? "," : "[",
                       type.elem == MOLA_ELEM_VEC_I8 ? (double)((int)below(c, 256) - 128)
                                                     : ((double)below(c, 2001) - 1000) / 8);
    mola_buf_add_char(&out, ']');
}

__attribute__((unused)) static void random_json(chance *c, mola_type type)
{
    uint32_t count = below(c, 5);
    mola_value v;
    switch (type.form) {
    case MOLA_FORM_SCALAR:
        v = random_value(c, type.elem);
        mola_value_print(&out, &v);
        break;
    case MOLA_FORM_DENSE:
        random_vector(c, type);
        break;
    case MOLA_FORM_SPARSE:
        mola_buf_add_char(&out, '{');
        for (uint32_t i = 0; i < count; i++)
            mola_buf_print(&out, "%s\"k%u\":%g", i ? "," : "", i,
                           ((double)below(c, 4001) - 2000) / 8);
        mola_buf_add_char(&out, '}');
        break;
    default:
        mola_buf_add_char(&out, '[');
        if (type.elem == MOLA_ELEM_UNKNOWN)
            count = 0;
        count += type.form == MOLA_FORM_MULTI;
        for (uint32_t i = 0; i < count; i++) {
            if (i)
                mola_buf_add_char(&out, ',');
            if (type.form == MOLA_FORM_MULTI) {
                random_vector(c, type);
            } else {
                v = random_value(c, type.elem);
                mola_value_print(&out, &v);
            }
        }
        mola_buf_add_char(&out, ']');
    }
}

/* `rows` rows, each absent with a chance of one in `absent` (0: never). */
__attribute__((unused)) static void random_rows(chance *c, mola_column_builder *b, uint32_t rows,
                                                uint32_t absent)
{
    mola_buf_add_char(&out, '[');
    for (uint32_t r = 0; r < rows; r++) {
        if (r)
            mola_buf_add_char(&out, ',');
        if (absent && below(c, absent) == 0)
            mola_buf_add_str(&out, MOLA_STR("null"));
        else
            random_json(c, b->type);
    }
    mola_buf_add_char(&out, ']');
    mola_json all = json_n(out.data, out.len);
    out.len = 0;
    for (mola_json v = mola_json_first(all); v.doc; v = mola_json_next(all, v)) {
        mola_err err =
            mola_column_add_json(b, MOLA_STR("a"), false, v, &mola_limits_default, &arena, &why);
        ck_assert_msg(err == MOLA_OK, "%s", err ? said() : "");
    }
}

__attribute__((unused)) static void assert_columns_eq(const mola_column *a, uint32_t from_a,
                                                      const mola_column *b, uint32_t from_b,
                                                      uint32_t rows)
{
    for (uint32_t r = 0; r < rows; r++) {
        ck_assert_int_eq(mola_column_has(a, from_a + r), mola_column_has(b, from_b + r));
        ck_assert(mola_column_row_eq(a, from_a + r, b, from_b + r));
        ck_assert_uint_eq(mola_column_row_bytes(a, from_a + r),
                          mola_column_row_bytes(b, from_b + r));
    }
}

/* A state as writes make it: through definitions. Nine of ten attributes are new ones. */
__attribute__((unused)) static mola_state *random_state(chance *c, uint32_t attrs)
{
    mola_state *empty = mola_state_new(&heap);
    mola_state *state = mola_state_copy(&heap, empty, attrs + 1);
    mola_state_unref(empty);
    ck_assert_ptr_nonnull(state);
    uint32_t vectors = 0;
    mola_buf_print(&out, "{\"id\":{\"type\":\"%s\"}", below(c, 2) ? "uint" : "string");
    for (uint32_t i = 0; i < attrs; i++) {
        char text[MOLA_TYPE_TEXT_BYTES];
        mola_type type = random_type(c);
        if (mola_type_is_vector(type) && ++vectors > 3)
            type = type_of("int");
        mola_type_print(type, text);
        mola_buf_print(&out, ",\"a%u\":{\"type\":\"%s\"", i, text);
        if (mola_type_is_vector(type))
            mola_buf_print(&out, ",\"ann\":%s",
                           below(c, 2) ? "true" : "{\"late_interaction\":true}");
        if (type.form == MOLA_FORM_SPARSE && below(c, 2))
            mola_buf_print(&out, ",\"sparse_knn\":{\"distance_metric\":\"dot_product\"}");
        if (type.elem == MOLA_ELEM_STRING && below(c, 2))
            mola_buf_print(&out, ",\"glob\":true,\"full_text_search\":{\"stemming\":%s,\"k1\":%g}",
                           below(c, 2) ? "true" : "false", 0.5 + below(c, 10));
        mola_buf_add_char(&out, '}');
    }
    mola_buf_add_char(&out, '}');
    mola_json definitions = json_n(out.data, out.len);
    out.len = 0;
    mola_err err = mola_schema_apply(state, definitions, NULL, &arena, &why);
    ck_assert_msg(err == MOLA_OK, "%s", err ? said() : "");
    if (below(c, 2))
        mola_state_set_parent(state, MOLA_STR("parent.of_it"));
    state->metric = vectors ? MOLA_METRIC_COSINE : MOLA_METRIC_NONE;
    state->read_only = below(c, 2);
    state->pinned_replicas = below(c, 3);
    state->shards = below(c, 3);
    return state;
}

/* -- running ----------------------------------------------------------------------------------- */

__attribute__((unused)) static int run(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
