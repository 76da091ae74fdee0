/* The listing of namespaces: pages, cursors and prefixes, and what is refused. */
#include "mola/codec/base64.h"
#include "server.h"

static const char row[] = "{\"upsert_rows\":[{\"id\":1}]}";

static void make_namespaces(void)
{
    static const char *const names[] = {"a", "b.1", "b.2", "b.3", "c"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[64];
        (void)snprintf(path, sizeof path, "/v2/namespaces/%s", names[i]);
        ck_assert_int_eq(status_of("POST", path, row), 200);
    }
}

/* Asks for a page, which must begin with `want`. The cursor of the next one, percent-encoded. */
static void must_list(const char *parameters, const char *want, char cursor[256])
{
    char target[512];
    (void)snprintf(target, sizeof target, "/v1/namespaces?%s", parameters);
    exchange x = {0};
    ck_assert_int_eq(ask(&x, "GET", target, NULL), 200);
    ck_assert_msg(strncmp(x.body, want, strlen(want)) == 0, "%s: %s", parameters, x.body);
    cursor[0] = 0;
    const char *next = strstr(x.body, "\"next_cursor\":") + 14;
    if (*next == '"') {
        size_t len = 0;
        for (next++; *next != '"'; next++)
            len += (size_t)sprintf(cursor + len, "%%%02X", (unsigned char)*next);
    } else {
        ck_assert_str_eq(next, "null}");
    }
    forget(&x);
}

START_TEST(pages_follow_each_other_without_gaps)
{
    char cursor[256], query[400];
    make_namespaces();
    must_list("",
              "{\"namespaces\":[{\"id\":\"a\"},{\"id\":\"b.1\"},{\"id\":\"b.2\"},"
              "{\"id\":\"b.3\"},{\"id\":\"c\"}],\"next_cursor\":null}",
              cursor);
    must_list("page_size=2", "{\"namespaces\":[{\"id\":\"a\"},{\"id\":\"b.1\"}],", cursor);
    ck_assert_int_ne(cursor[0], 0);
    (void)snprintf(query, sizeof query, "cursor=%s&page_size=2", cursor);
    must_list(query, "{\"namespaces\":[{\"id\":\"b.2\"},{\"id\":\"b.3\"}],", cursor);
    (void)snprintf(query, sizeof query, "page_size=2&cursor=%s", cursor);
    must_list(query, "{\"namespaces\":[{\"id\":\"c\"}],\"next_cursor\":null}", cursor);
    must_list("prefix=b&page_size=1000",
              "{\"namespaces\":[{\"id\":\"b.1\"},{\"id\":\"b.2\"},{\"id\":\"b.3\"}],"
              "\"next_cursor\":null}",
              cursor);
    must_list("prefix=%62%2E2", "{\"namespaces\":[{\"id\":\"b.2\"}],", cursor);
    must_list("prefix=zz", "{\"namespaces\":[],\"next_cursor\":null}", cursor);
    must_list("cursor=", "{\"namespaces\":[{\"id\":\"a\"},", cursor);
}
END_TEST

START_TEST(page_sizes_outside_1_to_1000_are_refused)
{
    static const char *const bad[] = {"",
                                      "0",
                                      "1001",
                                      "-1",
                                      "1.0",
                                      "1e2",
                                      "x",
                                      "%20",
                                      "%zz",
                                      "4294967297",
                                      "18446744073709551617"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char target[128];
        (void)snprintf(target, sizeof target, "/v1/namespaces?page_size=%s", bad[i]);
        ck_assert_msg(status_of("GET", target, NULL) == 400, "%s", bad[i]);
    }
    static const char *const good[] = {"1", "1000", "0007"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        char target[128];
        (void)snprintf(target, sizeof target, "/v1/namespaces?page_size=%s", good[i]);
        ck_assert_msg(status_of("GET", target, NULL) == 200, "%s", good[i]);
    }
}
END_TEST

/* Never an empty listing or one from the start: a client that pages would lose names or not end. */
START_TEST(malformed_cursors_are_refused)
{
    static const char *const texts[] = {"x",
                                        "[]",
                                        "{}",
                                        "null",
                                        "\"a\"",
                                        "{\"start_after\":1}",
                                        "{\"start_after\":null}",
                                        "{\"start_after\":\"a\"} x",
                                        "{\"start_after\":\"\\ud800\"}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        mola_buf target;
        mola_buf_init(&target, &s.heap);
        mola_buf_add_str(&target, MOLA_STR("/v1/namespaces?cursor="));
        mola_base64_print(&target, texts[i], strlen(texts[i]));
        mola_buf_add_char(&target, 0);
        ck_assert_msg(status_of("GET", target.data, NULL) == 400, "%s", texts[i]);
        mola_buf_free(&target);
    }
    ck_assert_int_eq(status_of("GET", "/v1/namespaces?cursor=!", NULL), 400);
    ck_assert_int_eq(status_of("GET", "/v1/namespaces?cursor=a", NULL), 400);
    ck_assert_int_eq(status_of("GET", "/v1/namespaces?cursor=%zz", NULL), 400);
    ck_assert_int_eq(status_of("GET", "/v1/namespaces?prefix=%zz", NULL), 400);
}
END_TEST

/* Any text may be a cursor's place, also one that no name can have. */
START_TEST(a_cursor_may_stand_between_names)
{
    char cursor[256];
    make_namespaces();
    static const struct {
        const char *after, *want;
    } table[] = {{"", "{\"namespaces\":[{\"id\":\"a\"},"},
                 {"b", "{\"namespaces\":[{\"id\":\"b.1\"},"},
                 {"b.2/../x", "{\"namespaces\":[{\"id\":\"b.3\"},"},
                 {"zzz", "{\"namespaces\":[],\"next_cursor\":null}"}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        mola_buf query;
        char text[100];
        mola_buf_init(&query, &s.heap);
        mola_buf_add_str(&query, MOLA_STR("cursor="));
        int len = snprintf(text, sizeof text, "{\"start_after\":\"%s\"}", table[i].after);
        mola_base64_print(&query, text, (size_t)len);
        mola_buf_add_char(&query, 0);
        must_list(query.data, table[i].want, cursor);
        mola_buf_free(&query);
    }
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("list");
    tcase_add_checked_fixture(cases, open_server, close_server);
    tcase_add_test(cases, pages_follow_each_other_without_gaps);
    tcase_add_test(cases, page_sizes_outside_1_to_1000_are_refused);
    tcase_add_test(cases, malformed_cursors_are_refused);
    tcase_add_test(cases, a_cursor_may_stand_between_names);
    return run_cases(cases, "list");
}
