/* What an answer says beside its body: ids, retry fields, compression, statuses of refused bodies.
 */
#include "server.h"

static bool has_field(const exchange *x, const char *line)
{
    const char *hit = strstr(x->fields, line);
    return hit && (hit == x->fields || hit[-1] == '\n');
}

START_TEST(a_printable_request_id_comes_back)
{
    char longest[130];
    memset(longest, 'x', sizeof longest);
    longest[128] = 0;
    const char *const good[] = {"a", "tpreq_0123456789abcdefghjkmnpqrstvwxyz", "a b=\"c\"",
                                longest};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        char want[200];
        (void)snprintf(want, sizeof want, "X-Request-Id: %s\r\n", good[i]);
        static const char *const paths[] = {"/health", "/v1/namespaces", "/nowhere"};
        for (size_t p = 0; p < sizeof paths / sizeof *paths; p++) {
            exchange x = {.head.request_id = mola_str_of(good[i])};
            (void)ask(&x, "GET", paths[p], NULL);
            ck_assert_msg(has_field(&x, want), "%s in %s", want, x.fields);
            forget(&x);
        }
    }
}
END_TEST

START_TEST(any_other_request_id_is_replaced)
{
    char too_long[130];
    memset(too_long, 'x', sizeof too_long);
    too_long[129] = 0;
    const char *const bad[] = {"", too_long, "a\x7f", "a\tb", "a\r\nInjected: 1", "\xc3\xa9"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        exchange x = {.head.request_id = mola_str_of(bad[i])};
        ck_assert_int_eq(ask(&x, "GET", "/v1/namespaces", NULL), 200);
        ck_assert(has_field(&x, "X-Request-Id: mola_"));
        ck_assert_ptr_null(strstr(x.fields, "Injected"));
        forget(&x);
    }
    exchange one = {0}, two = {0};
    (void)ask(&one, "GET", "/health", NULL);
    (void)ask(&two, "GET", "/health", NULL);
    ck_assert_str_ne(one.fields, two.fields);
    forget(&one);
    forget(&two);
}
END_TEST

START_TEST(the_id_for_the_log_cannot_write_fields)
{
    mola_api_head head = {.request_id = MOLA_STR("a status=200 \"b\"")};
    mola_api_reply reply = {0};
    char id[129];
    mola_reply_common(s.api, &head, &reply, id);
    ck_assert_str_eq(id, "a_status_200__b_");
}
END_TEST

START_TEST(statuses_bring_the_fields_that_steer_retries)
{
    static const struct {
        int status;
        const char *field; /* NULL: none */
    } table[] = {{400, NULL}, {401, "WWW-Authenticate: Bearer\r\n"},
                 {404, NULL}, {409, "x-should-retry: false\r\n"},
                 {413, NULL}, {429, "Retry-After: 1\r\n"},
                 {500, NULL}, {503, "Retry-After: 1\r\n"}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        exchange x = {0};
        mola_api_reply reply;
        mola_api_refuse(s.api, NULL, table[i].status, "words with \"quotes\"", &reply);
        ck_assert_int_eq(reply.status, table[i].status);
        take_reply(&x, &reply);
        ck_assert_str_eq(x.body, "{\"status\":\"error\",\"error\":\"words with \\\"quotes\\\"\"}");
        const char *rest = strchr(x.fields, '\n') + 1; /* behind X-Request-Id */
        ck_assert_str_eq(rest, table[i].field ? table[i].field : "");
        forget(&x);
    }
}
END_TEST

START_TEST(a_wrong_method_is_told_all_the_right_ones)
{
    exchange x = {0};
    ck_assert_int_eq(ask(&x, "PUT", "/v1/namespaces/a/schema", NULL), 405);
    ck_assert(has_field(&x, "Allow: GET, HEAD, POST\r\n"));
    forget(&x);
}
END_TEST

START_TEST(telemetry_is_switched_off)
{
    exchange with = {.head.has_telemetry = true}, without = {0};
    (void)ask(&with, "GET", "/v1/namespaces", NULL);
    (void)ask(&without, "GET", "/v1/namespaces", NULL);
    ck_assert(has_field(&with, "X-turbopuffer-Client-Telemetry-Sample-Rate: 0\r\n"));
    ck_assert_ptr_null(strstr(without.fields, "elemetry"));
    forget(&with);
    forget(&without);
}
END_TEST

START_TEST(fields_that_do_not_fit_are_left_out_whole)
{
    mola_api_reply reply = {0};
    for (int i = 0; i < 100; i++)
        mola_reply_field(&reply, "Name-%02d: value\r\n", i);
    ck_assert_uint_le(reply.fields_len, sizeof reply.fields);
    ck_assert_uint_gt(reply.fields_len, sizeof reply.fields - 20);
    ck_assert_int_eq(memcmp(reply.fields + reply.fields_len - 2, "\r\n", 2), 0);
}
END_TEST

START_TEST(gzip_is_taken_where_the_list_has_it_with_a_weight)
{
    static const char *const yes[] = {"gzip",
                                      "GZip",
                                      "gzip, deflate, br",
                                      "br;q=1.0,gzip;q=0.8",
                                      " br ,\tgzip ",
                                      "gzip;q=0.05",
                                      "gzip ; Q=0.001",
                                      "gzip;q=",
                                      "gzip;x=0",
                                      "identity, gzip;q=0, gzip"};
    static const char *const no[] = {"",
                                     "identity",
                                     "*",
                                     "gzips",
                                     "xgzip",
                                     "gzip;q=0",
                                     "gzip; q=0.0",
                                     "gzip ;q=0.000",
                                     "gzip;x=1;Q = 0",
                                     "deflate;gzip",
                                     ",,;,"};
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
        ck_assert_msg(mola_accepts_gzip(mola_str_of(yes[i])), "%s", yes[i]);
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        ck_assert_msg(!mola_accepts_gzip(mola_str_of(no[i])), "%s", no[i]);
}
END_TEST

/* Writes a namespace whose export is a few KB, and asks for it. */
START_TEST(large_answers_are_packed_when_asked_for_and_small_ones_never)
{
    char *body = calloc(1, 9000);
    size_t len = (size_t)sprintf(body, "{\"upsert_rows\":[");
    for (int i = 0; i < 100; i++)
        len += (size_t)sprintf(body + len, "%s{\"id\":%d,\"text\":\"the same words again\"}",
                               i ? "," : "", i);
    strcpy(body + len, "]}");
    ck_assert_int_eq(status_of("POST", "/v2/namespaces/many", body), 200);
    static const char query[] = "{\"rank_by\":[\"id\",\"asc\"],\"limit\":100,"
                                "\"include_attributes\":true}";
    exchange plain = {0}, packed = {.head.accept_encoding = MOLA_STR("gzip")};
    ck_assert_int_eq(ask(&plain, "POST", "/v2/namespaces/many/query", query), 200);
    ck_assert_int_eq(ask(&packed, "POST", "/v2/namespaces/many/query", query), 200);
    ck_assert_ptr_null(strstr(plain.fields, "Content-Encoding"));
    ck_assert(has_field(&packed, "Content-Encoding: gzip\r\n"));
    ck_assert(has_field(&packed, "mola-seq: "));
    ck_assert_uint_lt(packed.body_len, plain.body_len);
    mola_buf text;
    mola_buf_init(&text, &s.heap);
    ck_assert_int_eq(mola_gzip_inflate((mola_str){packed.body, packed.body_len}, 1 << 20, &text),
                     MOLA_OK);
    ck_assert_int_eq(strncmp(text.data, "{\"rows\":[{\"id\":0,", 17), 0);
    mola_buf_free(&text);
    forget(&plain);
    forget(&packed);
    exchange little = {.head.accept_encoding = MOLA_STR("gzip")};
    ck_assert_int_eq(ask(&little, "GET", "/v1/namespaces", NULL), 200);
    ck_assert_ptr_null(strstr(little.fields, "Content-Encoding"));
    forget(&little);
    free(body);
}
END_TEST

static int send_packed(mola_str text, const char *coding, exchange *x)
{
    mola_buf packed;
    mola_buf_init(&packed, &s.heap);
    ck_assert_int_eq(mola_gzip_deflate(text, &packed), MOLA_OK);
    *x = (exchange){.head.content_encoding = mola_str_of(coding)};
    int status = ask_bytes(x, "POST", "/v2/namespaces/packed", packed.data, packed.len);
    mola_buf_free(&packed);
    return status;
}

START_TEST(packed_bodies_are_read_up_to_the_limit_of_plain_ones)
{
    exchange x;
    mola_str good = MOLA_STR("{\"upsert_rows\":[{\"id\":1}]}");
    ck_assert_int_eq(send_packed(good, "gzip", &x), 200);
    forget(&x);
    ck_assert_int_eq(send_packed(good, "GZIP", &x), 200);
    forget(&x);
    ck_assert_int_eq(send_packed(good, "identity", &x), 400);
    forget(&x);
    ck_assert_int_eq(send_packed(good, "br", &x), 415);
    ck_assert_ptr_null(strstr(x.fields, "Retry-After"));
    forget(&x);
    size_t size = (2 << 20);
    char *bomb = malloc(size);
    memset(bomb, ' ', size);
    ck_assert_int_eq(send_packed((mola_str){bomb, size}, "gzip", &x), 413);
    ck_assert_ptr_null(strstr(x.fields, "Retry-After"));
    ck_assert_ptr_nonnull(strstr(x.body, "1048576 bytes"));
    forget(&x);
    free(bomb);
    x = (exchange){.head.content_encoding = MOLA_STR("gzip")};
    ck_assert_int_eq(ask(&x, "POST", "/v2/namespaces/packed", "{\"upsert_rows\":[]}"), 400);
    ck_assert_ptr_nonnull(strstr(x.body, "not valid gzip"));
    forget(&x);
}
END_TEST

START_TEST(a_body_that_the_budget_has_no_room_for_may_be_sent_again)
{
    size_t size = 512 << 10;
    char *text = malloc(size);
    memset(text, ' ', size);
    s.bodies.limit = 64 << 10;
    exchange x;
    ck_assert_int_eq(send_packed((mola_str){text, size}, "gzip", &x), 503);
    ck_assert(has_field(&x, "Retry-After: 1\r\n"));
    forget(&x);
    free(text);
}
END_TEST

static int judge(const mola_api_head *head)
{
    mola_api_verdict verdict;
    const char *why;
    return mola_api_judge(s.api, head, &verdict, &why);
}

START_TEST(heads_are_judged_before_a_byte_of_the_body)
{
    mola_api_head write = {.method = MOLA_STR("POST"), .path = MOLA_STR("/v2/namespaces/a")};
    ck_assert_int_eq(judge(&write), 411);
    write.is_chunked = true;
    ck_assert_int_eq(judge(&write), 0);
    write.expects_other = true;
    ck_assert_int_eq(judge(&write), 417);
    write = (mola_api_head){.method = MOLA_STR("POST"),
                            .path = MOLA_STR("/v2/namespaces/a"),
                            .has_length = true,
                            .content_length = 1 << 20};
    ck_assert_int_eq(judge(&write), 0);
    write.content_length++;
    ck_assert_int_eq(judge(&write), 413);
    write.content_length = UINT64_MAX;
    ck_assert_int_eq(judge(&write), 413);
    write.content_length = (64 << 10) + 1;
    write.path = MOLA_STR("/v2/namespaces/a/query");
    ck_assert_int_eq(judge(&write), 413);
    write.method = MOLA_STR("BREW");
    ck_assert_int_eq(judge(&write), 501);
    mola_api_head read = {
        .method = MOLA_STR("GET"), .path = MOLA_STR("/v1/namespaces"), .has_length = true};
    ck_assert_int_eq(judge(&read), 0); /* some clients send Content-Length: 0 */
    read.content_length = 1;
    ck_assert_int_eq(judge(&read), 413);
    read = (mola_api_head){
        .method = MOLA_STR("GET"), .path = MOLA_STR("/v1/namespaces"), .is_chunked = true};
    ck_assert_int_eq(judge(&read), 413);
}
END_TEST

START_TEST(draining_shows_in_readiness_alone)
{
    static const char *const ready[] = {"/ready", "/readyz"}, *const alive[] = {"/health",
                                                                                "/healthz"};
    for (int draining = 0; draining <= 1; draining++) {
        for (size_t i = 0; i < 2; i++) {
            ck_assert_int_eq(status_of("GET", ready[i], NULL), draining ? 503 : 200);
            ck_assert_int_eq(status_of("GET", alive[i], NULL), 200);
        }
        ck_assert_int_eq(status_of("GET", "/metrics", NULL), 200);
        mola_api_drain(s.api);
    }
}
END_TEST

/* Half a document would be worse than none, above all in a cache. */
START_TEST(the_document_comes_whole_or_not_at_all)
{
    exchange whole = {0}, none = {0};
    ck_assert_int_eq(ask(&whole, "GET", "/openapi.yaml", NULL), 200);
    ck_assert(mola_str_eq((mola_str){whole.body, whole.body_len}, mola_openapi_text));
    ck_assert(has_field(&whole, "ETag: \"") && has_field(&whole, "Cache-Control: "));
    size_t limit = s.heap.limit;
    s.heap.limit = atomic_load(&s.heap.used) + mola_openapi_text.len / 2;
    ck_assert_int_eq(ask(&none, "GET", "/openapi.yaml", NULL), 503);
    s.heap.limit = limit;
    ck_assert(!has_field(&none, "Cache-Control: ") && strstr(none.body, "out of memory"));
    forget(&whole);
    forget(&none);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("reply");
    tcase_add_checked_fixture(cases, open_server, close_server);
    tcase_add_test(cases, a_printable_request_id_comes_back);
    tcase_add_test(cases, any_other_request_id_is_replaced);
    tcase_add_test(cases, the_id_for_the_log_cannot_write_fields);
    tcase_add_test(cases, statuses_bring_the_fields_that_steer_retries);
    tcase_add_test(cases, a_wrong_method_is_told_all_the_right_ones);
    tcase_add_test(cases, telemetry_is_switched_off);
    tcase_add_test(cases, fields_that_do_not_fit_are_left_out_whole);
    tcase_add_test(cases, gzip_is_taken_where_the_list_has_it_with_a_weight);
    tcase_add_test(cases, large_answers_are_packed_when_asked_for_and_small_ones_never);
    tcase_add_test(cases, packed_bodies_are_read_up_to_the_limit_of_plain_ones);
    tcase_add_test(cases, a_body_that_the_budget_has_no_room_for_may_be_sent_again);
    tcase_add_test(cases, heads_are_judged_before_a_byte_of_the_body);
    tcase_add_test(cases, draining_shows_in_readiness_alone);
    tcase_add_test(cases, the_document_comes_whole_or_not_at_all);
    return run_cases(cases, "reply");
}
