#include "provider/private.h"
#include <check.h>
#include <stdlib.h>

/* The settings of models: what an operator writes, and what is told when it cannot be. */

static mola_heap heap;
static mola_arena arena;
static mola_why why;
static mola_model_table table;

static void set_up(void)
{
    mola_heap_init(&heap, 1 << 24);
    mola_arena_init(&arena, &heap, 1 << 23);
}

static void tear_down(void)
{
    mola_arena_reset(&arena);
}

static mola_err read(const char *urls, const char *keys, const char *models)
{
    mola_provider_settings settings = {.urls = &urls,
                                       .url_count = 1,
                                       .keys = &keys,
                                       .key_count = 1,
                                       .models = &models,
                                       .model_count = 1};
    mola_why_clear(&why);
    table = (mola_model_table){
        .what = "embedding", .setting = "--embedding-url", .path = "/embeddings"};
    return mola_model_table_read(&table, &settings, &arena, &why);
}

static const mola_remote_model *model(const char *name)
{
    return mola_model_table_find(&table, mola_str_of(name));
}

static bool is(mola_str text, const char *expected)
{
    return mola_str_eq(text, mola_str_of(expected));
}

START_TEST(models_find_the_endpoint_of_their_provider)
{
    ck_assert_int_eq(
        read("http://127.0.0.1:1/v1/; voyage=https://v.example/v1\nwhole/name=http://w",
             "common=key=\nvoyage=other", "a=b;voyage/small = v-3-s ,dims=512\nwhole/name=n"),
        MOLA_OK);
    ck_assert_uint_eq(table.endpoint_count, 3);
    ck_assert_str_eq(model("a")->at->url, "http://127.0.0.1:1/v1/embeddings");
    ck_assert(is(model("a")->remote, "b") && is(model("a")->at->key, "common=key="));
    ck_assert_str_eq(model("voyage/small")->at->url, "https://v.example/v1/embeddings");
    ck_assert(is(model("voyage/small")->at->key, "other"));
    ck_assert(is(model("voyage/small")->remote, "v-3-s") && model("voyage/small")->dims == 512);
    ck_assert_ptr_null(model("b"));
}
END_TEST

START_TEST(options_of_a_model_are_read)
{
    ck_assert_int_eq(read("http://h", "",
                          "m=r,dims=8,dtype=f32,document={\"a\":\"},;\",\"b\":[1,{}]},"
                          "query={ },bound=top_k"),
                     MOLA_OK);
    const mola_remote_model *m = model("m");
    ck_assert(m->dims == 8 && m->elem == MOLA_ELEM_VEC_F32 && is(m->bound, "top_k"));
    ck_assert(is(m->document, "\"a\":\"},;\",\"b\":[1,{}]"));
    ck_assert(is(m->query, ""));
    ck_assert_int_eq(read("http://h", "", "m=r"), MOLA_OK);
    ck_assert(model("m")->dims == 0 && model("m")->elem == MOLA_ELEM_VEC_F16 &&
              is(model("m")->bound, "top_n"));
    ck_assert_int_eq(read("", "", ""), MOLA_OK);
    ck_assert_uint_eq(table.endpoint_count + table.model_count, 0);
}
END_TEST

START_TEST(settings_that_cannot_be_are_named)
{
    static const struct {
        const char *urls, *keys, *models, *words;
    } cases[] = {
        {"ftp://h", "", "", "\"ftp://h\" is not http://"},
        {"h:80", "", "", "\"h:80\" is not http://"},
        {"http://user:word@h", "", "", "is not http://"},
        {"http://h?a=b", "", "", "is not http://"},
        {"http://a;http://b", "", "", "more than one for a provider"},
        {"x=http://a;x=http://b", "", "", "more than one for a provider"},
        {"http://h", "two words", "", "characters that no key has"},
        {"", "k-e-y", "", "a key for a provider without a URL"},
        {"x=http://h", "k-e-y", "", "a key for a provider without a URL"},
        {"", "", "m=r", "has no URL for the model \"m\""},
        {"x=http://h", "", "y/m=r", "has no URL for the model \"y/m\""},
        {"http://h", "", "m", "is not NAME=REMOTE"},
        {"http://h", "", "m=", "is not NAME=REMOTE"},
        {"http://h", "", "=r", "is not NAME=REMOTE"},
        {"http://h", "", "m=r;m=s", "\"m\" is there twice"},
        {"http://h", "", "m=r,dims=0", "is not NAME=REMOTE"},
        {"http://h", "", "m=r,dims=10753", "is not NAME=REMOTE"},
        {"http://h", "", "m=r,dims=99999999999999999999", "is not NAME=REMOTE"},
        {"http://h", "", "m=r,dims=8x", "is not NAME=REMOTE"},
        {"http://h", "", "m=r,dtype=i8", "is not NAME=REMOTE"},
        {"http://h", "", "m=r,bound=top", "is not NAME=REMOTE"},
        {"http://h", "", "m=r,document=[1]", "is not NAME=REMOTE"},
        {"http://h", "", "m=r,document={\"a\"}", "is not NAME=REMOTE"},
        {"http://h", "", "m=r,document={\"a\":1", "is not NAME=REMOTE"},
        {"http://h", "", "m=r,nonsense=1", "is not NAME=REMOTE"},
        {"http://h", "", "m=r,nonsense", "is not NAME=REMOTE"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ck_assert_int_eq(read(cases[i].urls, cases[i].keys, cases[i].models), MOLA_INVALID);
        ck_assert_msg(strstr(why.text, cases[i].words), "%s: %s", cases[i].models, why.text);
        ck_assert(!cases[i].keys[0] || !strstr(why.text, cases[i].keys));
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("table of models");
    TCase *tests = tcase_create("settings");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, models_find_the_endpoint_of_their_provider);
    tcase_add_test(tests, options_of_a_model_are_read);
    tcase_add_test(tests, settings_that_cannot_be_are_named);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
