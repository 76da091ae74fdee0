#include "provider/answer.h"
#include "mola/codec/base64.h"
#include <math.h>

static mola_err no_memory(mola_why *why)
{
    return mola_fail(why, MOLA_NO_MEMORY, "not enough memory for the answer of a model");
}

static mola_err parse(mola_arena *arena, mola_str text, mola_json_doc *doc, mola_why *why)
{
    mola_err err = mola_json_parse(arena->heap, text, doc, NULL);
    return err == MOLA_NO_MEMORY ? no_memory(why)
           : err                 ? mola_fail(why, MOLA_INVALID, "it is not JSON")
                                 : MOLA_OK;
}

/* The index of an element, which has not been there before. */
static mola_err take_index(mola_json element, uint32_t count, bool *seen, uint32_t *out,
                           mola_why *why)
{
    uint64_t index;
    if (!mola_json_u64(mola_json_get(element, MOLA_STR("index")), &index))
        return mola_fail(why, MOLA_INVALID, "an element has no index");
    if (index >= count || seen[index]) {
        return mola_fail(why, MOLA_INVALID, "index %llu is %s", (unsigned long long)index,
                         index < count ? "there twice" : "beyond what was sent");
    }
    seen[index] = true;
    *out = (uint32_t)index;
    return MOLA_OK;
}

static mola_err check_list(mola_json list, const char *name, uint32_t count, mola_why *why)
{
    if (mola_json_kind_of(list) != MOLA_JSON_ARRAY)
        return mola_fail(why, MOLA_INVALID, "it has no list `%s`", name);
    if (mola_json_count(list) != count) {
        return mola_fail(why, MOLA_INVALID, "it has %u elements for %u texts",
                         mola_json_count(list), count);
    }
    return MOLA_OK;
}

/* ---- embeddings ---- */

static mola_err wrong_dims(size_t got, uint32_t dims, mola_why *why)
{
    return mola_fail(why, MOLA_INVALID, "it returned %zu dimensions, the attribute has %u", got,
                     dims);
}

static mola_err not_a_vector(mola_why *why)
{
    return mola_fail(why, MOLA_INVALID, "an embedding is not a list of finite numbers");
}

static mola_err take_base64(mola_arena *arena, mola_json json, uint32_t dims, float *out,
                            mola_why *why)
{
    mola_str text;
    size_t size;
    if (!mola_json_string(json, arena, &text))
        return no_memory(why);
    if (!mola_base64_decoded_size(text, &size) || size % sizeof *out)
        return not_a_vector(why);
    if (size / sizeof *out != dims)
        return wrong_dims(size / sizeof *out, dims, why);
    return mola_base64_decode_f32(text, out) ? MOLA_OK : not_a_vector(why);
}

static mola_err take_vector(mola_arena *arena, mola_json json, uint32_t dims, float *out,
                            mola_why *why)
{
    size_t count;
    if (mola_json_kind_of(json) == MOLA_JSON_STRING)
        return take_base64(arena, json, dims, out, why);
    if (mola_json_kind_of(json) != MOLA_JSON_ARRAY)
        return not_a_vector(why);
    if (mola_json_count(json) != dims)
        return wrong_dims(mola_json_count(json), dims, why);
    return mola_json_f32_array(json, out, dims, &count) ? MOLA_OK : not_a_vector(why);
}

static mola_err take_embeddings(mola_arena *arena, mola_json root, uint32_t count, uint32_t dims,
                                float *out, mola_why *why)
{
    mola_json data = mola_json_get(root, MOLA_STR("data"));
    bool *seen = mola_new(arena, bool, count);
    mola_err err = seen ? check_list(data, "data", count, why) : no_memory(why);
    for (mola_json e = err ? (mola_json){0} : mola_json_first(data); e.doc && !err;
         e = mola_json_next(data, e)) {
        uint32_t index = 0;
        err = take_index(e, count, seen, &index, why);
        if (!err) {
            err = take_vector(arena, mola_json_get(e, MOLA_STR("embedding")), dims,
                              out + (size_t)index * dims, why);
        }
    }
    return err;
}

mola_err mola_embedding_answer(mola_arena *arena, mola_str text, uint32_t count, uint32_t dims,
                               float *out, uint64_t *tokens, mola_why *why)
{
    mola_json_doc doc;
    mola_err err = parse(arena, text, &doc, why);
    if (err)
        return err;
    mola_json root = mola_json_root(&doc);
    mola_json usage = mola_json_get(root, MOLA_STR("usage"));
    if (!mola_json_u64(mola_json_get(usage, MOLA_STR("total_tokens")), tokens))
        *tokens = 0;
    err = take_embeddings(arena, root, count, dims, out, why);
    mola_json_free(&doc);
    return err;
}

/* ---- scores ---- */

static mola_err take_score(mola_json element, float *out, mola_why *why)
{
    double score;
    mola_json json = mola_json_get(element, MOLA_STR("relevance_score"));
    if (!json.doc)
        json = mola_json_get(element, MOLA_STR("score"));
    if (!mola_json_f64(json, &score) || !isfinite((float)score))
        return mola_fail(why, MOLA_INVALID, "a score is not a finite number");
    *out = (float)score;
    return MOLA_OK;
}

static mola_err take_scores(mola_arena *arena, mola_json root, uint32_t count, float *scores,
                            mola_why *why)
{
    mola_json results = mola_json_get(root, MOLA_STR("results"));
    if (!results.doc)
        results = mola_json_get(root, MOLA_STR("data"));
    bool *seen = mola_new(arena, bool, count);
    mola_err err = seen ? check_list(results, "results", count, why) : no_memory(why);
    for (mola_json e = err ? (mola_json){0} : mola_json_first(results); e.doc && !err;
         e = mola_json_next(results, e)) {
        uint32_t index = 0;
        err = take_index(e, count, seen, &index, why);
        if (!err)
            err = take_score(e, &scores[index], why);
    }
    return err;
}

mola_err mola_rerank_answer(mola_arena *arena, mola_str text, uint32_t count, float *scores,
                            mola_why *why)
{
    mola_json_doc doc;
    mola_err err = parse(arena, text, &doc, why);
    if (err)
        return err;
    err = take_scores(arena, mola_json_root(&doc), count, scores, why);
    mola_json_free(&doc);
    return err;
}

/* ---- errors ---- */

/* {"error": {"message": ..}}, {"error": ..}, {"message": ..} or {"detail": ..}. */
static mola_json find_words(mola_json root)
{
    static const char *const names[] = {"error", "message", "detail"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        mola_json found = mola_json_get(root, mola_str_of(names[i]));
        if (mola_json_kind_of(found) == MOLA_JSON_OBJECT)
            found = mola_json_get(found, MOLA_STR("message"));
        if (mola_json_kind_of(found) == MOLA_JSON_STRING)
            return found;
    }
    return (mola_json){0};
}

/* Without what a terminal or a log would stumble over; whole characters. */
static size_t clean(mola_str words, char *out, size_t room)
{
    size_t size = words.len < room ? words.len : room;
    while (size < words.len && size > 0 && ((unsigned char)words.data[size] & 0xc0) == 0x80)
        size--;
    for (size_t i = 0; i < size; i++)
        out[i] = words.data[i];
    for (size_t i = 0; i < size; i++) {
        if ((unsigned char)out[i] < ' ' || out[i] == 127)
            out[i] = ' ';
    }
    return size;
}

size_t mola_answer_words(mola_arena *arena, mola_str text, char *out, size_t room)
{
    mola_json_doc doc;
    if (mola_json_parse(arena->heap, text, &doc, NULL))
        return 0; /* a page for people, most likely */
    mola_str words;
    mola_json found = find_words(mola_json_root(&doc));
    size_t size = found.doc && mola_json_string(found, arena, &words) ? clean(words, out, room) : 0;
    mola_json_free(&doc);
    return size;
}
