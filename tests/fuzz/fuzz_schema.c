/* Any JSON as the definitions of a schema, applied to a new namespace and to one that has
 * attributes: refused with words, or a state whose image and whose own view say the same again. */
#include "../unit/scan/views.h"
#include "fuzz.h"

static const char existing[] = "{\"id\":\"uint\",\"s\":\"string\",\"n\":{\"type\":\"int\","
                               "\"filterable\":false},\"e\":\"[]unknown\","
                               "\"t\":{\"type\":\"string\",\"full_text_search\":true},"
                               "\"rx\":{\"type\":\"string\",\"regex\":true,\"glob\":true},"
                               "\"vector\":{\"type\":\"[2]f32\",\"ann\":true}}";

static void check_view(fixture *f, const mola_state *state)
{
    mola_buf text;
    mola_buf_init(&text, &f->heap);
    mola_schema_print(&text, state);
    FUZZ_CHECK(!text.failed);
    mola_json_free(parse_text(f, text.data, text.len));
    text.len = 0;
    mola_schema_print_metadata(&text, state);
    FUZZ_CHECK(!text.failed);
    mola_json_free(parse_text(f, text.data, text.len));
    text.len = 0;
    mola_state_encode(&text, state);
    mola_state *again;
    FUZZ_CHECK(!text.failed);
    FUZZ_CHECK(!mola_state_decode(&f->heap, mola_buf_str(&text), &again));
    size_t size = text.len;
    mola_state_encode(&text, again);
    FUZZ_CHECK(text.len == 2 * size && memcmp(text.data, text.data + size, size) == 0);
    mola_state_unref(again);
    mola_buf_free(&text);
}

static const mola_embedding_model model = {MOLA_STR_C("m"), 2, MOLA_ELEM_VEC_F16};
static const mola_embedding_models models = {&model, 1};

/* `before`: NULL for a new namespace. */
static void apply(fixture *f, const mola_state *before, mola_json definitions)
{
    mola_state *empty = mola_state_new(&f->heap);
    FUZZ_CHECK(empty != NULL);
    mola_state *state = mola_state_copy(&f->heap, before ? before : empty,
                                        mola_json_count(definitions) + MOLA_EMBEDS_MAX);
    mola_state_unref(empty);
    FUZZ_CHECK(state != NULL);
    mola_why_clear(&f->why);
    mola_err err = mola_schema_apply(state, definitions, &models, &f->arena, &f->why);
    mola_json none = {0};
    if (!err && !before && state->embed_count) /* as a request would that brings one */
        state->metric = MOLA_METRIC_COSINE;
    if (!err)
        err = mola_schema_settle_metric(state, before, none, &f->why);
    FUZZ_CHECK(err == MOLA_OK || err == MOLA_INVALID || err == MOLA_SHAPE);
    FUZZ_CHECK(!err || f->why.len);
    if (!err) {
        if (state->id_type == MOLA_ELEM_NONE) /* as the first write makes it */
            state->id_type = MOLA_ELEM_UINT;
        check_view(f, state);
    }
    mola_state_unref(state);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fixture f;
    mola_json_doc doc;
    char *text = fuzz_copy(data, size, MOLA_JSON_PADDING, '\0');
    fixture_open(&f);
    if (mola_json_parse(&f.heap, (mola_str){text, size}, &doc, NULL) == MOLA_OK) {
        mola_json root = mola_json_root(&doc);
        mola_err err = mola_schema_check_shape(root, "schema", &f.arena, &f.why);
        FUZZ_CHECK(err == MOLA_OK || err == MOLA_INVALID || err == MOLA_SHAPE);
        FUZZ_CHECK(!err || f.why.len);
        if (!err) {
            mola_json_doc *definitions = parse_text(&f, existing, sizeof existing - 1);
            mola_state *before = make_state(&f, mola_json_root(definitions), MOLA_METRIC_COSINE);
            apply(&f, NULL, root);
            apply(&f, before, root);
            mola_state_unref(before);
            mola_json_free(definitions);
        }
        mola_json_free(&doc);
    }
    fixture_close(&f);
    free(text);
    return 0;
}
