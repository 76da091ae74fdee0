/* A query whose view was outrun by the collector is run again on a newer one; what it cost is said
 * truthfully. mola_query_run is wrapped by the linker: it fails as often as a test wants. */
#include "mola/query/query.h"
#include "server.h"

mola_err __real_mola_query_run(mola_ctx *ctx, const mola_view *view, const mola_kernel *kernel,
                               const mola_query *query, mola_query_result *out);
mola_err __wrap_mola_query_run(mola_ctx *ctx, const mola_view *view, const mola_kernel *kernel,
                               const mola_query *query, mola_query_result *out);

static struct {
    int conflicts; /* to come */
    int runs;
    uint64_t pages_hit, pages_missed;
} fake;

mola_err __wrap_mola_query_run(mola_ctx *ctx, const mola_view *view, const mola_kernel *kernel,
                               const mola_query *query, mola_query_result *out)
{
    fake.runs++;
    ctx->pages_hit = fake.pages_hit;
    ctx->pages_missed = fake.pages_missed;
    if (fake.conflicts-- > 0) {
        *out = (mola_query_result){0};
        mola_buf_init(&out->members, ctx->env->heap);
        return mola_fail(ctx->why, MOLA_CONFLICT, "an object is gone");
    }
    return __real_mola_query_run(ctx, view, kernel, query, out);
}

static void set_up(void)
{
    memset(&fake, 0, sizeof fake);
    open_server();
    ck_assert_int_eq(
        status_of("POST", "/v2/namespaces/a", "{\"upsert_rows\":[{\"id\":1,\"n\":2},{\"id\":3}]}"),
        200);
}

static exchange ask_first(void)
{
    exchange x = {0};
    (void)ask(&x, "POST", "/v2/namespaces/a/query", "{\"limit\":9}");
    return x;
}

START_TEST(a_view_that_was_outrun_is_replaced)
{
    fake.conflicts = _i;
    exchange x = ask_first();
    ck_assert_int_eq(x.status, 200);
    ck_assert_int_eq(fake.runs, _i + 1);
    ck_assert_ptr_nonnull(strstr(x.body, "{\"rows\":[{\"id\":1},{\"id\":3}],"));
    forget(&x);
}
END_TEST

START_TEST(in_the_end_the_client_is_asked_to_try_again)
{
    fake.conflicts = 100;
    exchange x = ask_first();
    ck_assert_int_eq(x.status, 503);
    ck_assert_int_eq(fake.runs, 4);
    ck_assert_ptr_nonnull(strstr(x.fields, "Retry-After: 1\r\n"));
    ck_assert_ptr_nonnull(strstr(x.body, "changes faster"));
    forget(&x);
}
END_TEST

START_TEST(temperature_is_what_pages_say)
{
    static const struct {
        uint64_t hit, missed;
        const char *text;
    } cases[] = {
        {0, 0, "\"cache_hit_ratio\":1.0,\"cache_temperature\":\"hot\""},
        {8, 0, "\"cache_hit_ratio\":1.0,\"cache_temperature\":\"hot\""},
        {3, 1, "\"cache_hit_ratio\":0.75,\"cache_temperature\":\"warm\""},
        {1, 3, "\"cache_hit_ratio\":0.25,\"cache_temperature\":\"cold\""},
        {0, 2, "\"cache_hit_ratio\":0.0,\"cache_temperature\":\"cold\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fake.pages_hit = cases[i].hit;
        fake.pages_missed = cases[i].missed;
        exchange x = ask_first();
        ck_assert_int_eq(x.status, 200);
        ck_assert_msg(strstr(x.body, cases[i].text), "%s", x.body);
        forget(&x);
    }
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("query");
    tcase_add_checked_fixture(cases, set_up, close_server);
    tcase_add_loop_test(cases, a_view_that_was_outrun_is_replaced, 0, 4);
    tcase_add_test(cases, in_the_end_the_client_is_asked_to_try_again);
    tcase_add_test(cases, temperature_is_what_pages_say);
    return run_cases(cases, "query");
}
