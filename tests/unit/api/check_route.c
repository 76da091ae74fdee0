/* Routes, names and parameters: what a client may write in a request line. */
#include "api/private.h"
#include "mola/base/check.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct {
    const char *method, *path;
    int status; /* 0: there is a route */
    const char *name;
    int version;
    const char *allow;
} expectation;

static const expectation table[] = {
    /* without a name */
    {"GET", "/health", 0, "", 0, ""},
    {"HEAD", "/healthz", 0, "", 0, ""},
    {"GET", "/ready", 0, "", 0, ""},
    {"GET", "/readyz", 0, "", 0, ""},
    {"GET", "/metrics", 0, "", 0, ""},
    {"GET", "/openapi.yaml", 0, "", 0, ""},
    {"POST", "/health", 405, "", 0, "GET, HEAD"},
    {"GET", "/health/", 404, "", 0, ""},
    {"GET", "/", 404, "", 0, ""},
    {"GET", "", 404, "", 0, ""},
    {"GET", "health", 404, "", 0, ""},
    {"GET", "/v1/namespaces", 0, "", 1, ""},
    {"GET", "/v2/namespaces/", 0, "", 2, ""},
    {"GET", "/v3/namespaces", 404, "", 0, ""},
    {"GET", "/v1", 404, "", 1, ""},
    {"GET", "/v1/names", 404, "", 1, ""},
    {"POST", "/v1/namespaces", 405, "", 1, "GET, HEAD"},
    /* a leading region is ignored, one and no more */
    {"GET", "/gcp-us-central1/v1/namespaces", 0, "", 1, ""},
    {"POST", "/gcp-us-central1/v2/namespaces/a/query", 0, "a", 2, ""},
    {"POST", "/one/two/v2/namespaces/a/query", 404, "", 0, ""},
    {"GET", "/gcp-us-central1/health", 404, "", 0, ""},
    /* with a name */
    {"POST", "/v2/namespaces/a", 0, "a", 2, ""},
    {"POST", "/v2/namespaces/a/", 0, "a", 2, ""},
    {"DELETE", "/v1/namespaces/a", 0, "a", 1, ""},
    {"PUT", "/v2/namespaces/a", 405, "a", 2, "POST, GET, HEAD, DELETE"},
    {"GET", "/v2/namespaces/a/metadata", 0, "a", 2, ""},
    {"HEAD", "/v1/namespaces/a/metadata", 0, "a", 1, ""},
    {"PATCH", "/v1/namespaces/a/metadata", 0, "a", 1, ""},
    {"DELETE", "/v1/namespaces/a/metadata", 405, "a", 1, "GET, HEAD, PATCH"},
    {"DELETE", "/v1/namespaces/a/schema", 405, "a", 1, "GET, HEAD, POST"},
    {"HEAD", "/v2/namespaces/a/query", 405, "a", 2, "POST"},
    {"GET", "/v1/namespaces/a/hint_cache_warm", 0, "a", 1, ""},
    {"POST", "/v2/namespaces/a/read_only_optimize", 0, "a", 2, ""},
    {"GET", "/v2/namespaces/a/read_only_optimize", 405, "a", 2, "POST"},
    {"GET", "/v1/namespaces/a/_debug/warm_cache", 0, "a", 1, ""},
    {"POST", "/v1/namespaces/a/_debug/recall", 0, "a", 1, ""},
    {"GET", "/v1/namespaces/a/_debug/purge_cache", 0, "a", 1, ""},
    {"GET", "/v1/namespaces/a/operations/0123abc", 0, "a", 1, ""},
    {"GET", "/v1/namespaces/a/operations", 404, "a", 1, ""},
    {"GET", "/v1/namespaces/a/operations/", 404, "a", 1, ""},
    {"GET", "/v1/namespaces/a/operations/x/y", 404, "a", 1, ""},
    {"POST", "/v1/namespaces/a/operations/x", 405, "a", 1, "GET, HEAD"},
    /* as it was called in 2024 */
    {"POST", "/v1/vectors/a", 0, "a", 1, ""},
    {"POST", "/v1/vectors/a/query", 0, "a", 1, ""},
    {"GET", "/v1/vectors", 0, "", 1, ""},
    {"GET", "/v2/vectors", 404, "", 2, ""},
    {"POST", "/v2/namespaces/a//query", 404, "a", 2, ""},
    {"POST", "/v2/namespaces/a/query/more", 404, "a", 2, ""},
    {"POST", "/v2/namespaces/a/Query", 404, "a", 2, ""},
    {"post", "/v2/namespaces/a/query", 405, "a", 2, "POST"},
    /* names */
    {"POST", "/v2/namespaces/A-b_c.9", 0, "A-b_c.9", 2, ""},
    {"POST", "/v2/namespaces/%41%2db%5Fc%2e9", 0, "A-b_c.9", 2, ""},
    {"POST", "/v2/namespaces/...", 0, "...", 2, ""},
    {"POST", "/v2/namespaces/.", 400, "", 2, ""},
    {"POST", "/v2/namespaces/..", 400, "", 2, ""},
    {"POST", "/v2/namespaces/%2e%2E", 400, "", 2, ""},
    {"POST", "/v2/namespaces/a%2Fb", 400, "", 2, ""},
    {"POST", "/v2/namespaces/a%252Fb", 400, "", 2, ""},
    {"POST", "/v2/namespaces/a%00", 400, "", 2, ""},
    {"POST", "/v2/namespaces/a%", 400, "", 2, ""},
    {"POST", "/v2/namespaces/a%4", 400, "", 2, ""},
    {"POST", "/v2/namespaces/a%4g", 400, "", 2, ""},
    {"POST", "/v2/namespaces/a%g4", 400, "", 2, ""},
    {"POST", "/v2/namespaces/a%C3%A9", 400, "", 2, ""},
    {"POST", "/v2/namespaces/a\xc3\xa9", 400, "", 2, ""},
    {"POST", "/v2/namespaces/a@b", 400, "", 2, ""},
    {"POST", "/v2/namespaces/a[b", 400, "", 2, ""},
    {"POST", "/v2/namespaces/a`b", 400, "", 2, ""},
    {"POST", "/v2/namespaces//query", 400, "", 2, ""},
};

START_TEST(each_path_has_its_route_or_its_refusal)
{
    const expectation *want = &table[_i];
    route_match got;
    mola_route_match(mola_str_of(want->method), mola_str_of(want->path), &got);
    ck_assert_msg((got.route != NULL) == (want->status == 0), "%s %s", want->method, want->path);
    if (!got.route)
        ck_assert_msg(got.status == want->status, "%s %s: %d", want->method, want->path,
                      got.status);
    ck_assert_msg(mola_str_eq((mola_str){got.name, got.name_len}, mola_str_of(want->name)),
                  "%s %s: name " MOLA_FMT, want->method, want->path, (int)got.name_len, got.name);
    ck_assert_msg(got.version == want->version, "%s %s: %d", want->method, want->path, got.version);
    ck_assert_str_eq(got.allow, want->allow);
    ck_assert(got.route || got.why[0]);
}
END_TEST

START_TEST(names_have_up_to_128_bytes)
{
    char path[512];
    for (int size = 1; size <= 140; size++) {
        for (int escaped = 0; escaped <= 1; escaped++) {
            size_t len = (size_t)sprintf(path, "/v2/namespaces/");
            for (int i = 0; i < size; i++)
                len += (size_t)sprintf(path + len, "%s", escaped ? "%61" : "a");
            memcpy(path + len, "/query", 7);
            route_match got;
            mola_route_match(MOLA_STR("POST"), mola_str_of(path), &got);
            ck_assert_int_eq(got.route != NULL, size <= 128);
            ck_assert_uint_eq(got.name_len, size <= 128 ? (size_t)size : 0);
            if (!got.route) {
                ck_assert_int_eq(got.status, 400);
                ck_assert_ptr_nonnull(strstr(got.why, "too long"));
            }
        }
    }
}
END_TEST

typedef struct {
    const char *query, *value; /* NULL: not there; "!": malformed */
} parameter;
static const parameter parameters[] = {
    {"", NULL},
    {"cursor", ""},
    {"cursor=", ""},
    {"cursor=a", "a"},
    {"x=1&cursor=a&y=2", "a"},
    {"cursor=a&cursor=b", "b"},
    {"cursor=a=b", "a=b"},
    {"cursor=a%3Db%26%25", "a=b&%"},
    {"cursor=a+b", "a+b"}, /* base64 has it */
    {"cursors=a&curso=b&Cursor=c", NULL},
    {"&&cursor=a&&", "a"},
    {"cursor=%", "!"},
    {"cursor=a%zz", "!"},
    {"cursor=%zz&cursor=a", "a"},
};

START_TEST(parameters_are_decoded_once)
{
    mola_heap heap;
    mola_arena arena;
    mola_heap_init(&heap, SIZE_MAX);
    mola_arena_init(&arena, &heap, SIZE_MAX);
    mola_str got = {0};
    bool found;
    const parameter *want = &parameters[_i];
    ck_assert(
        mola_query_parameter(mola_str_of(want->query), MOLA_STR("cursor"), &arena, &got, &found));
    ck_assert_int_eq(found, want->value != NULL);
    if (found && want->value[0] == '!')
        ck_assert_ptr_null(got.data);
    else if (found)
        ck_assert(got.data && mola_str_eq(got, mola_str_of(want->value)));
    mola_arena_reset(&arena);
}
END_TEST

START_TEST(a_parameter_over_the_budget_is_out_of_memory)
{
    mola_heap heap;
    mola_arena arena;
    mola_heap_init(&heap, SIZE_MAX);
    mola_arena_init(&arena, &heap, 0);
    mola_str got;
    bool found;
    ck_assert(!mola_query_parameter(MOLA_STR("a=b"), MOLA_STR("a"), &arena, &got, &found));
    mola_arena_reset(&arena);
}
END_TEST

START_TEST(methods_that_nobody_knows_are_told_apart)
{
    static const char *const known[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        ck_assert(mola_method_known(mola_str_of(known[i])));
    static const char *const unknown[] = {"", "get", "GE", "GETS", "BREW", "TRACE"};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
        ck_assert(!mola_method_known(mola_str_of(unknown[i])));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("route");
    TCase *cases = tcase_create("route");
    tcase_add_loop_test(cases, each_path_has_its_route_or_its_refusal, 0,
                        (int)(sizeof table / sizeof *table));
    tcase_add_test(cases, names_have_up_to_128_bytes);
    tcase_add_loop_test(cases, parameters_are_decoded_once, 0,
                        (int)(sizeof parameters / sizeof *parameters));
    tcase_add_test(cases, a_parameter_over_the_budget_is_out_of_memory);
    tcase_add_test(cases, methods_that_nobody_knows_are_told_apart);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
