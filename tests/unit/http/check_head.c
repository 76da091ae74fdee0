#include "http/head.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

/* What a head says, and that no two ways of cutting it into packets can make it say different
 * things. The attack table of tests/api holds the refusals through a socket; here are the limits
 * and the views. */

#define GOOD "Host: a\r\n"

/* Scans in pieces of at most `piece` bytes. */
static int scan_in_pieces(mola_head_scan *scan, mola_str in, size_t piece)
{
    int status = MOLA_SCAN_MORE;
    *scan = (mola_head_scan){0};
    for (size_t end = 0; status == MOLA_SCAN_MORE && end < in.len;) {
        end = in.len - end < piece ? in.len : end + piece;
        status = mola_head_scan_on(scan, (mola_str){in.data, end});
    }
    return status;
}

/* The status of a head that scans; 0 and the head. */
static int parse(const char *text, mola_head *head)
{
    mola_head_scan scan = {0};
    mola_str in = mola_str_of(text);
    ck_assert_int_eq(mola_head_scan_on(&scan, in), MOLA_SCAN_DONE);
    ck_assert_uint_eq(scan.at, in.len);
    return mola_head_parse(head, in);
}

static void assert_is(mola_str view, const char *text)
{
    ck_assert_msg(view.len == strlen(text) && memcmp(view.data, text, view.len) == 0,
                  "%.*s is not %s", (int)view.len, view.data, text);
}

START_TEST(all_fields_that_the_api_reads_are_views)
{
    mola_head h;
    ck_assert_int_eq(
        parse("POST /v2/namespaces/x?stainless_overload=a?b HTTP/1.1\r\nhost: a:80\r\n"
              "AUTHORIZATION:Bearer k\r\nAccept-Encoding: \t gzip \r\nContent-Encoding: gzip\r\n"
              "Prefer: respond-async\r\nX-Request-Id: tpreq_1\r\nContent-Length: 0012\r\n"
              "X-turbopuffer-Client-Telemetry: {}\r\nExpect: 100-Continue\r\n\r\n",
              &h),
        0);
    assert_is(h.api.method, "POST");
    assert_is(h.api.target, "/v2/namespaces/x?stainless_overload=a?b");
    assert_is(h.api.path, "/v2/namespaces/x");
    assert_is(h.api.query, "stainless_overload=a?b");
    assert_is(h.api.host, "a:80");
    assert_is(h.api.authorization, "Bearer k");
    assert_is(h.api.accept_encoding, "gzip");
    assert_is(h.api.content_encoding, "gzip");
    assert_is(h.api.prefer, "respond-async");
    assert_is(h.api.request_id, "tpreq_1");
    ck_assert(h.api.has_telemetry && h.api.has_length && !h.api.is_chunked && !h.api.expects_other);
    ck_assert(h.expects_continue && !h.wants_close && !h.is_http10);
    ck_assert_uint_eq(h.api.content_length, 12);
}
END_TEST

START_TEST(absent_fields_are_null)
{
    mola_head h;
    ck_assert_int_eq(parse("GET /x HTTP/1.1\r\n" GOOD "\r\n", &h), 0);
    ck_assert(!h.api.authorization.data && !h.api.query.data && !h.api.accept_encoding.data);
    ck_assert(!h.api.content_encoding.data && !h.api.prefer.data && !h.api.request_id.data);
    ck_assert(!h.api.has_telemetry && !h.api.has_length && h.api.content_length == 0);
}
END_TEST

START_TEST(a_moved_head_points_into_its_copy)
{
    static const char text[] =
        "GET /x?y HTTP/1.1\r\n" GOOD "X-Request-Id: 7\r\nAuthorization: k\r\n\r\n";
    char copy[sizeof text];
    mola_head h;
    ck_assert_int_eq(parse(text, &h), 0);
    memcpy(copy, text, sizeof text);
    mola_head_move(&h.api, text, copy);
    const mola_str views[] = {h.api.method, h.api.target,     h.api.path,         h.api.query,
                              h.api.host,   h.api.request_id, h.api.authorization};
    for (size_t i = 0; i < sizeof views / sizeof *views; i++)
        ck_assert(views[i].data >= copy && views[i].data + views[i].len <= copy + sizeof copy);
    ck_assert_ptr_null(h.api.prefer.data);
    assert_is(h.api.query, "y");
}
END_TEST

START_TEST(the_absolute_form_names_its_host)
{
    mola_head h;
    ck_assert_int_eq(parse("GET http://A:1/x?y HTTP/1.1\r\nHost: a:1\r\n\r\n", &h), 0);
    assert_is(h.api.path, "/x");
    assert_is(h.api.query, "y");
    ck_assert_int_eq(parse("GET http://b/x HTTP/1.1\r\nHost: a\r\n\r\n", &h), 400);
    ck_assert_int_eq(parse("GET http:///x HTTP/1.0\r\n\r\n", &h), 400);
    ck_assert_int_eq(parse("GET http://a HTTP/1.1\r\nHost: a\r\n\r\n", &h), 400);
}
END_TEST

START_TEST(http_1_0_closes_unless_it_asks_not_to)
{
    mola_head h;
    ck_assert_int_eq(parse("GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n", &h), 0);
    ck_assert(h.is_http10 && h.wants_close && !h.expects_continue);
    ck_assert_int_eq(parse("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", &h), 0);
    ck_assert(h.is_http10 && !h.wants_close);
    ck_assert_int_eq(parse("GET / HTTP/1.1\r\n" GOOD "Connection: a, Close ,b\r\n\r\n", &h), 0);
    ck_assert(h.wants_close);
}
END_TEST

static const struct {
    int status;
    const char *text;
} refusals[] = {
    {400, "GET / HTTP/1.1\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\n" GOOD GOOD "\r\n"},
    {400, "GET / HTTP/1.1\r\n" GOOD "Content-Length: 1\r\nContent-Length: 1\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\n" GOOD "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"},
    {400,
     "GET / HTTP/1.1\r\n" GOOD "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\n" GOOD "Transfer-Encoding: chunked, chunked\r\n\r\n"},
    {501, "GET / HTTP/1.1\r\n" GOOD "Transfer-Encoding: identity\r\n\r\n"},
    {400, "GET / HTTP/1.0\r\n" GOOD "Transfer-Encoding: chunked\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\n" GOOD "Content-Length: +1\r\n\r\n"},
    {413, "GET / HTTP/1.1\r\n" GOOD "Content-Length: 18446744073709551616\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\n" GOOD "Content-Encoding: gzip\r\nContent-Encoding: gzip\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\n" GOOD "Authorization: a\r\nAuthorization: a\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\n" GOOD " X: folded\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\n" GOOD "X : y\r\n\r\n"},
    {400, "GET /a b HTTP/1.1\r\n" GOOD "\r\n"},
    {400, "GET  HTTP/1.1\r\n" GOOD "\r\n"},
    {400, "GET /%4 HTTP/1.1\r\n" GOOD "\r\n"},
    {400, "GET / http/1.1\r\n" GOOD "\r\n"},
    {400, "GET /\r\n\r\n"},
    {400, "\r\n"},
    {505, "GET / HTTP/1.2\r\n" GOOD "\r\n"},
    {505, "GET / HTTP/3.0\r\n" GOOD "\r\n"},
    {501, "ABCDEFGHIJKLMNOPQ / HTTP/1.1\r\n" GOOD "\r\n"},
    {400, "GET * HTTP/1.1\r\n" GOOD "\r\n"},
};

START_TEST(an_ambiguous_head_is_refused)
{
    mola_head h;
    ck_assert_int_eq(parse(refusals[_i].text, &h), refusals[_i].status);
    ck_assert(h.why && *h.why);
    for (const char *c = h.why; *c; c++) /* goes into a JSON string as it is */
        ck_assert(*c >= ' ' && *c != '"' && *c != '\\');
}
END_TEST

START_TEST(a_length_of_64_bits_is_exact)
{
    mola_head h;
    ck_assert_int_eq(
        parse("GET / HTTP/1.1\r\n" GOOD "Content-Length: 1844674407370955160\r\n\r\n", &h), 0);
    ck_assert_uint_eq(h.api.content_length, 1844674407370955160u);
}
END_TEST

/* A head with one header line of `size` bytes in all. */
static size_t head_with_line(char *out, const char *name, size_t size)
{
    size_t len = (size_t)snprintf(out, 256, "GET / HTTP/1.1\r\n" GOOD "%s: ", name);
    size_t rest = size - strlen(name) - 2;
    memset(out + len, 'a', rest);
    memcpy(out + len + rest, "\r\n\r\n", 4);
    return len + rest + 4;
}

START_TEST(a_line_that_is_read_may_have_16_kib_and_others_add_up_to_64)
{
    static char text[2 * MOLA_HEAD_BYTES_MAX];
    static const struct {
        const char *name;
        size_t size;
        int status;
    } lines[] = {{"X-Turbopuffer-Client-Telemetry", MOLA_HEAD_FIELD_MAX, 0},
                 {"X-Turbopuffer-Client-Telemetry", MOLA_HEAD_FIELD_MAX + 1, 431},
                 {"X-Request-Id", MOLA_HEAD_FIELD_MAX + 1, 431},
                 {"X-Unknown", MOLA_HEAD_BYTES_MAX - 100, 0}};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        mola_head_scan scan = {0};
        mola_head h;
        mola_str in = {text, head_with_line(text, lines[i].name, lines[i].size)};
        ck_assert_int_eq(mola_head_scan_on(&scan, in), MOLA_SCAN_DONE);
        ck_assert_int_eq(mola_head_parse(&h, in), lines[i].status);
    }
    mola_head_scan scan = {0};
    mola_str in = {text, head_with_line(text, "X-Unknown", MOLA_HEAD_BYTES_MAX)};
    ck_assert_int_eq(mola_head_scan_on(&scan, in), 431);
}
END_TEST

START_TEST(the_scan_stops_at_the_first_byte_that_no_head_can_contain)
{
    static const struct {
        const char *text;
        size_t len;
        int status;
        uint32_t at;
    } bad[] = {{"GET / HTTP/1.1\n", 15, 400, 14},
               {"GET / HTTP/1.1\rX", 16, 400, 15},
               {"G\0T", 3, 400, 1},
               {"GET / HTTP/1.1\r\nX: \x7f", 20, 400, 19},
               {"GET / HTTP/1.1\r\nX: \x1f", 20, 400, 19},
               {"\x16\x03\x01", 3, 400, 0}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        mola_head_scan scan = {0};
        ck_assert_int_eq(mola_head_scan_on(&scan, (mola_str){bad[i].text, bad[i].len}),
                         bad[i].status);
        ck_assert_uint_eq(scan.at, bad[i].at);
    }
}
END_TEST

/* Random bytes from an alphabet that makes heads likely: any cutting gives what the whole gives. */
START_TEST(every_split_of_a_head_gives_the_same_answer)
{
    static const char *const words[] = {
        "GET", " ",  "/x",   " HTTP/1.1",         "\r\n", "\r\n",     "Host: a",
        "\r",  "\n", "X: y", "Content-Length: 3", "\t",   "\r\n\r\n", "aaaaaaaaaaaaaaaa"};
    unsigned seed = (unsigned)_i + 1;
    printf("seed %u\n", seed);
    srandom(seed);
    for (int round = 0; round < 300; round++) {
        char text[512];
        size_t len = 0;
        while (len < 400 && random() % 40) {
            const char *word = words[(size_t)random() % (sizeof words / sizeof *words)];
            memcpy(text + len, word, strlen(word));
            len += strlen(word);
        }
        mola_head_scan whole = {0}, pieces;
        mola_str in = {text, len};
        int status = mola_head_scan_on(&whole, in);
        for (size_t piece = 1; piece <= len; piece += 1 + piece / 8) {
            ck_assert_int_eq(scan_in_pieces(&pieces, in, piece), status);
            ck_assert_uint_eq(pieces.at, whole.at);
            ck_assert_uint_eq(pieces.lines, whole.lines);
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("head");
    TCase *all = tcase_create("all");
    tcase_add_test(all, all_fields_that_the_api_reads_are_views);
    tcase_add_test(all, absent_fields_are_null);
    tcase_add_test(all, a_moved_head_points_into_its_copy);
    tcase_add_test(all, the_absolute_form_names_its_host);
    tcase_add_test(all, http_1_0_closes_unless_it_asks_not_to);
    tcase_add_loop_test(all, an_ambiguous_head_is_refused, 0, sizeof refusals / sizeof *refusals);
    tcase_add_test(all, a_length_of_64_bits_is_exact);
    tcase_add_test(all, a_line_that_is_read_may_have_16_kib_and_others_add_up_to_64);
    tcase_add_test(all, the_scan_stops_at_the_first_byte_that_no_head_can_contain);
    tcase_add_loop_test(all, every_split_of_a_head_gives_the_same_answer, 0, 10);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
