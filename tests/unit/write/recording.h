/* recording.h - reads golden.json: scenarios of requests and what the model server answered to them
 * (record.py). Shared by the tests that replay it, each in its own way. */
#pragma once
#include "node.h"

static mola_arena arena;
static mola_json_doc recording;
static char *recording_text;

static inline void read_recording(void)
{
    open_world();
    mola_arena_init(&arena, &heap, (size_t)1 << 30);
    FILE *file = fopen(GOLDEN_JSON, "rb");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fseek(file, 0, SEEK_END), 0);
    size_t size = (size_t)ftell(file);
    rewind(file);
    recording_text = calloc(1, size + MOLA_JSON_PADDING);
    ck_assert_uint_eq(fread(recording_text, 1, size, file), size);
    (void)fclose(file);
    mola_why why = {0};
    ck_assert_msg(mola_json_parse(&heap, (mola_str){recording_text, size}, &recording, &why) ==
                      MOLA_OK,
                  "%s", why.text);
}

static inline void drop_recording(void)
{
    mola_json_free(&recording);
    free(recording_text);
    mola_arena_reset(&arena);
    close_world();
}

static inline mola_json member(mola_json object, const char *name)
{
    return mola_json_get(object, mola_str_of(name));
}

static inline mola_str text_of(mola_json value)
{
    mola_str text;
    MOLA_ASSERT(mola_json_string(value, &arena, &text));
    return text;
}

static inline uint64_t number_of(mola_json value)
{
    uint64_t number = 0;
    MOLA_ASSERT(!value.doc || mola_json_u64(value, &number));
    return number;
}

static inline bool same_number(mola_json a, mola_json b)
{
    double x, y;
    if (mola_json_is_integer(a) && mola_json_is_integer(b))
        return mola_str_eq(mola_json_number_text(a), mola_json_number_text(b));
    return mola_json_f64(a, &x) && mola_json_f64(b, &y) && x == y;
}

/* Equal values; members of objects in any order, 1.0 equals 1. */
static inline bool same(mola_json a, mola_json b)
{
    if (mola_json_kind_of(a) != mola_json_kind_of(b))
        return false;
    mola_json x = mola_json_first(a), y = mola_json_first(b);
    switch (mola_json_kind_of(a)) {
    case MOLA_JSON_BOOL:
        return mola_json_bool(a) == mola_json_bool(b);
    case MOLA_JSON_NUMBER:
        return same_number(a, b);
    case MOLA_JSON_STRING:
        return mola_str_eq(text_of(a), text_of(b));
    case MOLA_JSON_ARRAY:
        for (; x.doc && y.doc && same(x, y); x = mola_json_next(a, x), y = mola_json_next(b, y))
            ;
        return !x.doc && !y.doc;
    case MOLA_JSON_OBJECT:
        if (mola_json_count(a) != mola_json_count(b))
            return false;
        for (; x.doc; x = mola_json_next(a, x)) {
            mola_str key;
            MOLA_ASSERT(mola_json_key(x, &arena, &key));
            if (!same(x, mola_json_get(b, key)))
                return false;
        }
        return true;
    default:
        return true;
    }
}

/* `out`, printed by us, is the JSON value `expected`. */
static inline void check_same(const mola_buf *out, mola_json expected, const char *what,
                              uint32_t scenario, uint32_t step)
{
    mola_buf padded;
    mola_buf_init(&padded, &heap);
    mola_buf_add(&padded, out->data, out->len);
    mola_buf_add_zeros(&padded, MOLA_JSON_PADDING);
    mola_json_doc doc;
    mola_why why = {0};
    mola_err err = mola_json_parse(&heap, (mola_str){padded.data, out->len}, &doc, &why);
    ck_assert_msg(err == MOLA_OK, "scenario %u step %u %s: %s in " MOLA_FMT, scenario, step, what,
                  why.text, (int)out->len, out->data);
    mola_str raw = mola_json_raw(expected);
    ck_assert_msg(same(mola_json_root(&doc), expected),
                  "scenario %u step %u %s: got " MOLA_FMT ", expected " MOLA_FMT, scenario, step,
                  what, (int)out->len, out->data, MOLA_ARG(raw));
    mola_json_free(&doc);
    mola_buf_free(&padded);
}

/* -- one step ---------------------------------------------------------------------------------- */

static inline mola_write_kind kind_of(mola_json step)
{
    static const char *const kinds[] = {"rows", "schema", "settings", "delete"};
    for (int i = 0; i < 4; i++)
        if (mola_json_string_is(member(step, "kind"), mola_str_of(kinds[i])))
            return (mola_write_kind)i;
    MOLA_ASSERT(!"a kind of write");
    return MOLA_WRITE_ROWS;
}

static inline int status_of(mola_err err)
{
    switch (err) {
    case MOLA_OK:
        return 200;
    case MOLA_NOT_FOUND:
        return 404;
    case MOLA_SHAPE:
        return 422;
    case MOLA_INVALID:
        return 400;
    default:
        return 500;
    }
}

static inline void check_ids(const mola_buf *ids, mola_json expected, const char *what,
                             uint32_t scenario, uint32_t step)
{
    if (ids->len || expected.doc)
        check_same(ids, expected, what, scenario, step);
}

/* The answer is the recorded one: status, words, counts, ids, bytes. */
static inline void check_answer(const mola_write_answer *answer, mola_json step, uint32_t scenario,
                                uint32_t at)
{
    mola_str body = mola_json_raw(member(step, "body"));
    int expected = (int)number_of(member(step, "status"));
    ck_assert_msg(status_of(answer->err) == expected,
                  "scenario %u step %u: %s (%s), expected %d, for " MOLA_FMT, scenario, at,
                  mola_err_name(answer->err), answer->why.text, expected, MOLA_ARG(body));
    if (answer->err) {
        mola_str words = text_of(member(step, "error")), got = mola_why_text(&answer->why);
        if (words.len > MOLA_WHY_BYTES - 64) /* long lists of ids are cut */
            words.len = got.len = 300;
        ck_assert_msg(mola_str_eq(words, got),
                      "scenario %u step %u: \"" MOLA_FMT "\", expected \"" MOLA_FMT "\"", scenario,
                      at, MOLA_ARG(got), MOLA_ARG(words));
        mola_json attribute = member(step, "attribute");
        ck_assert_uint_eq(answer->why.attribute_len, attribute.doc ? text_of(attribute).len : 0);
        return;
    }
    ck_assert_uint_eq(answer->rows_upserted, number_of(member(step, "rows_upserted")));
    ck_assert_uint_eq(answer->rows_patched, number_of(member(step, "rows_patched")));
    ck_assert_uint_eq(answer->rows_deleted, number_of(member(step, "rows_deleted")));
    ck_assert(answer->had_upserts == (member(step, "rows_upserted").doc != NULL) ||
              answer->rows_upserted == 0);
    check_ids(&answer->upserted_ids, member(step, "upserted_ids"), "upserted", scenario, at);
    check_ids(&answer->patched_ids, member(step, "patched_ids"), "patched", scenario, at);
    check_ids(&answer->deleted_ids, member(step, "deleted_ids"), "deleted", scenario, at);
    if (member(step, "bytes").doc)
        ck_assert_msg(answer->bytes_written == number_of(member(step, "bytes")),
                      "scenario %u step %u: %llu bytes, for " MOLA_FMT, scenario, at,
                      (unsigned long long)answer->bytes_written, MOLA_ARG(body));
}
