#include "common.h"

/* Texts that become vectors: what a definition may ask for (reference 5.6), and that it is kept. */

static mola_state *state;
static const mola_embedding_model list[] = {
    {MOLA_STR_C("a/x"), 8, MOLA_ELEM_VEC_F16},
    {MOLA_STR_C("a/y"), 0, MOLA_ELEM_VEC_F32},
};
static const mola_embedding_models models = {list, 2};

static void begin(void)
{
    set_up();
    state = mola_state_new(&heap);
}

static void end(void)
{
    mola_state_unref(state);
    tear_down();
}

/* "" or the words; single quotes stand for double ones. A definition that fails changes nothing. */
static const char *apply(const char *definitions)
{
    char text[1024];
    size_t len = strlen(definitions);
    ck_assert_uint_lt(len, sizeof text);
    for (size_t i = 0; i <= len; i++)
        text[i] = definitions[i];
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\'')
            text[i] = '"';
    }
    mola_json d = json_n(text, len);
    mola_state *copy = mola_state_copy(&heap, state, mola_json_count(d) + MOLA_EMBEDS_MAX);
    mola_why_clear(&why);
    mola_err err = mola_schema_check_shape(d, "schema", &arena, &why);
    if (!err)
        err = mola_schema_apply(copy, d, &models, &arena, &why);
    mola_state_unref(err ? copy : state);
    state = err ? state : copy;
    return why.text;
}

static mola_type type_named(const char *name)
{
    const mola_attr *a = mola_state_find(state, mola_str_of(name));
    ck_assert_ptr_nonnull(a);
    return a->type;
}

START_TEST(vectors_are_made_or_taken)
{
    ck_assert_str_eq(apply("{'t':{'type':'string','embed':'a/x'},"
                           "'u':{'type':'string','embed':{'model':'a/y','attribute':'v'}},"
                           "'v':{'type':'[3]f32','ann':true},"
                           "'w':{'type':'string','embed':{'model':'a/y','dims':5,'attribute':'z'}},"
                           "'x':{'type':'string','embed':{'model':'a/x','dtype':'f32'}}}"),
                     "");
    ck_assert_uint_eq(state->embed_count, 4);
    mola_type made = type_named("embed_t");
    ck_assert(made.form == MOLA_FORM_DENSE && made.elem == MOLA_ELEM_VEC_F16 && made.dims == 8);
    made = type_named("z");
    ck_assert(made.elem == MOLA_ELEM_VEC_F32 && made.dims == 5);
    ck_assert_int_eq(type_named("embed_x").elem, MOLA_ELEM_VEC_F32);
    ck_assert_uint_eq(type_named("v").dims, 3);
    const mola_attr *t = mola_state_find(state, MOLA_STR("t"));
    const mola_embed *e = mola_state_embed_of(state, t->id);
    ck_assert(mola_str_eq((mola_str){e->model, e->model_bytes}, MOLA_STR("a/x")));
    ck_assert_ptr_eq(mola_state_embed_into(state, e->target), e);
    ck_assert_ptr_null(mola_state_embed_into(state, t->id));
    ck_assert_str_eq(apply("{'f':{'type':'string','embed':'a/x'}}"),
                     "a namespace can have at most 4 embedded attributes");
    ck_assert_uint_eq(state->embed_count, 4);
}
END_TEST

START_TEST(what_is_there_may_be_repeated_and_removed_and_not_changed)
{
    ck_assert_str_eq(apply("{'t':{'type':'string','embed':'a/x'}}"), "");
    uint32_t next = state->next_attr;
    ck_assert_str_eq(apply("{'t':{'type':'string','embed':'a/x'}}"), "");
    ck_assert_str_eq(apply("{'t':'string'}"), "");
    ck_assert_str_eq(apply("{'t':{'type':'string','embed':{'model':'a/x','attribute':'embed_t',"
                           "'dims':8,'dtype':'f16'}}}"),
                     "");
    static const char *const changes[] = {
        "'a/y'",
        "{'model':'a/x','attribute':'v'}",
        "{'model':'a/x','dims':9}",
        "{'model':'a/x','dtype':'f32'}",
    };
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        char text[256];
        (void)snprintf(text, sizeof text, "{'t':{'type':'string','embed':%s}}", changes[i]);
        ck_assert_str_eq(apply(text), "attribute 't': its embedding cannot be changed; remove it "
                                      "first, with \"embed\": null");
    }
    ck_assert(state->embed_count == 1 && state->next_attr == next);
    ck_assert_ptr_nonnull(strstr(apply("{'t':{'drop':true}}"), "cannot be dropped"));
    ck_assert_str_eq(apply("{'t':{'type':'string','embed':null}}"), "");
    ck_assert_uint_eq(state->embed_count, 0);
    ck_assert_str_eq(apply("{'t':{'type':'string','embed':null}}"), "");
    ck_assert_str_eq(apply("{'u':{'type':'string','embed':{'model':'a/y','attribute':'embed_t'}}}"),
                     "");
    ck_assert_str_eq(apply("{'t':{'drop':true}}"), "");
    ck_assert(state->embed_count == 1 && mola_state_find(state, MOLA_STR("embed_t")));
}
END_TEST

/* Byte after byte, as check_state does: a changed byte is another valid state or none, and what
 * reads writes the same bytes again. */
START_TEST(images_keep_it_and_notice_damage)
{
    ck_assert_str_eq(apply("{'t':{'type':'string','embed':'a/x'},"
                           "'u':{'type':'string','embed':{'model':'a/y','dims':2}}}"),
                     "");
    mola_state *back = NULL;
    mola_buf again;
    mola_buf_init(&again, &heap);
    for (int branch = 0; branch < 2; branch++) {
        mola_state_set_parent(state, branch ? MOLA_STR("parent") : (mola_str){0});
        out.len = 0;
        mola_state_encode(&out, state);
        ck_assert_int_eq(mola_state_decode(&heap, mola_buf_str(&out), &back), MOLA_OK);
        ck_assert(mola_state_eq(state, back) && back->embed_count == 2);
        mola_state_unref(back);
        for (size_t len = 0; len < out.len; len++) {
            ck_assert_int_eq(mola_state_decode(&heap, (mola_str){out.data, len}, &back),
                             MOLA_CORRUPT);
        }
        for (size_t bit = 0; bit < out.len * 8; bit++) {
            out.data[bit / 8] ^= (char)(1 << bit % 8);
            if (mola_state_decode(&heap, mola_buf_str(&out), &back) == MOLA_OK) {
                ck_assert_msg(!mola_state_eq(state, back), "bit %zu", bit);
                again.len = 0;
                mola_state_encode(&again, back);
                ck_assert(mola_str_eq(mola_buf_str(&again), mola_buf_str(&out)));
                mola_state_unref(back);
            }
            out.data[bit / 8] ^= (char)(1 << bit % 8);
        }
    }
    mola_buf_free(&again);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("embed");
    TCase *tests = tcase_create("definitions");
    tcase_add_checked_fixture(tests, begin, end);
    tcase_add_test(tests, vectors_are_made_or_taken);
    tcase_add_test(tests, what_is_there_may_be_repeated_and_removed_and_not_changed);
    tcase_add_test(tests, images_keep_it_and_notice_damage);
    suite_add_tcase(suite, tests);
    return run(suite);
}
