/* Any bytes: accepted or refused as a slow reader does it, and read as the same value. */
#include "../unit/codec/naive_json.h"
#include "fuzz.h"
#include "mola/codec/print.h"
#include <math.h>

enum { FLOATS = 64 };

/* What the fast path for vectors says must be what the C library says. */
static void compare_floats(mola_json array, const float *floats)
{
    for (mola_json v = mola_json_first(array); v.doc; v = mola_json_next(array, v), floats++) {
        char copy[512];
        mola_str text = mola_json_number_text(v);
        if (text.len >= sizeof copy)
            continue;
        memcpy(copy, text.data, text.len);
        copy[text.len] = '\0';
        float wanted = strtof(copy, NULL);
        FUZZ_CHECK(memcmp(&wanted, floats, sizeof wanted) == 0);
    }
}

/* Every question that callers ask of a value. */
static void ask(mola_json v, mola_heap *heap, mola_arena *arena)
{
    mola_str raw = mola_json_raw(v);
    mola_str text = v.doc->text;
    FUZZ_CHECK(raw.len > 0 && raw.data >= text.data && raw.data + raw.len <= text.data + text.len);
    float floats[FLOATS];
    size_t count;
    bool fits = mola_json_f32_array(v, floats, FLOATS, &count);
    FUZZ_CHECK(!fits || (count <= FLOATS && count == mola_json_count(v)));
    if (fits)
        compare_floats(v, floats);
    if (mola_json_kind_of(v) == MOLA_JSON_NUMBER) {
        int64_t i = 0;
        uint64_t u = 0;
        double d = 0;
        bool is_i = mola_json_i64(v, &i), is_u = mola_json_u64(v, &u), is_d = mola_json_f64(v, &d);
        FUZZ_CHECK(!(is_i && is_u) || (uint64_t)i == u);
        FUZZ_CHECK(!(is_i || is_u) || mola_json_is_integer(v));
        char copy[512];
        if (raw.len < sizeof copy) {
            memcpy(copy, raw.data, raw.len);
            copy[raw.len] = '\0';
            double wanted = strtod(copy, NULL);
            FUZZ_CHECK(is_d == (isfinite(wanted) != 0));
            FUZZ_CHECK(!is_d || memcmp(&wanted, &d, sizeof d) == 0);
        }
    }
    if (mola_json_kind_of(v) == MOLA_JSON_STRING) { /* printed, it reads as the same string */
        mola_str s, back;
        FUZZ_CHECK(mola_json_string(v, arena, &s) && mola_json_string_is(v, s));
        mola_buf out;
        mola_buf_init(&out, heap);
        mola_print_string(&out, s);
        size_t size = out.len;
        mola_buf_add_zeros(&out, MOLA_JSON_PADDING);
        mola_json_doc doc;
        FUZZ_CHECK(mola_json_parse(heap, (mola_str){out.data, size}, &doc, NULL) == MOLA_OK);
        FUZZ_CHECK(mola_json_string(mola_json_root(&doc), arena, &back) && mola_str_eq(s, back));
        mola_json_free(&doc);
        mola_buf_free(&out);
    }
    for (mola_json m = mola_json_first(v); m.doc; m = mola_json_next(v, m)) {
        ask(m, heap, arena);
        mola_str key;
        if (mola_json_kind_of(v) == MOLA_JSON_OBJECT) {
            FUZZ_CHECK(mola_json_key(m, arena, &key));
            FUZZ_CHECK(mola_json_get(v, key).at == m.at);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mola_heap heap;
    mola_heap_init(&heap, (size_t)1 << 30);
    mola_arena arena;
    mola_arena_init(&arena, &heap, (size_t)1 << 29);
    char *copy = fuzz_copy(data, size, MOLA_JSON_PADDING, size ? (char)data[size / 2] : '1');
    mola_str text = {copy, size};
    naive_text wanted = {0}, got = {0};
    bool good = naive_json(text, &wanted);
    mola_json_doc doc;
    mola_why why = {0};
    mola_err err = mola_json_parse(&heap, text, &doc, &why);
    FUZZ_CHECK(err == (good ? MOLA_OK : MOLA_INVALID));
    FUZZ_CHECK((why.len > 0) == !good);
    if (good) {
        FUZZ_CHECK(naive_render(mola_json_root(&doc), &arena, &got));
        FUZZ_CHECK(got.len == wanted.len && memcmp(got.data, wanted.data, got.len) == 0);
        ask(mola_json_root(&doc), &heap, &arena);
        mola_json_free(&doc);
    }
    mola_arena_reset(&arena);
    FUZZ_CHECK(atomic_load(&heap.used) == 0);
    free(wanted.data);
    free(got.data);
    free(copy);
    return 0;
}
