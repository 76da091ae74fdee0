#include "http/chunks.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

/* A chunked body means the same however the network cuts it, and what is not exactly RFC 9112 is
 * refused with the status that the attack table promises. */

enum { ROOM = 1000, OUT_BYTES = 70000 };

typedef struct {
    mola_chunks chunks;
    size_t used, len;
    char out[OUT_BYTES];
} decoded;

/* Feeds `in` in pieces of at most `piece` bytes. */
static void decode(decoded *d, mola_str in, size_t piece)
{
    d->chunks = (mola_chunks){.room = ROOM};
    d->used = d->len = 0;
    while (d->used < in.len && d->chunks.state != MOLA_CHUNKS_DONE && !d->chunks.status) {
        size_t left = in.len - d->used;
        mola_str data, part = {in.data + d->used, left < piece ? left : piece};
        size_t step = mola_chunks_next(&d->chunks, part, &data);
        ck_assert(step > 0 && step <= part.len);
        if (data.len)
            memcpy(d->out + d->len, data.data, data.len);
        d->len += data.len;
        d->used += step;
    }
}

static void assert_same(const decoded *a, const decoded *b)
{
    ck_assert_int_eq(a->chunks.state, b->chunks.state);
    ck_assert_int_eq(a->chunks.status, b->chunks.status);
    ck_assert_uint_eq(a->used, b->used);
    ck_assert_uint_eq(a->len, b->len);
    ck_assert(a->len == 0 || memcmp(a->out, b->out, a->len) == 0);
}

static const struct {
    const char *in, *out; /* out NULL: refused with `status` */
    int status;
} table[] = {
    {"0\r\n\r\n", "", 0},
    {"3\r\nabc\r\n0\r\n\r\n", "abc", 0},
    {"00A\r\n0123456789\r\n000\r\n\r\n", "0123456789", 0},
    {"1\r\na\r\n2\r\nbc\r\n0\r\n\r\n", "abc", 0},
    {"3;a=b;c=\"d\"\r\nabc\r\n0;x\r\n\r\n", "abc", 0},
    {"3\r\nabc\r\n0\r\nX-A: 1\r\nContent-Length: 9\r\n\r\n", "abc", 0},
    {"3\r\n\r\n\n\r\n0\r\n\r\n", "\r\n\n", 0},
    {"3e7\r\n", NULL, 0}, /* 999: fits, and is not over */
    {"3e9\r\n", NULL, 413},
    {"\r\nabc", NULL, 400},
    {"\r\n\r\n", NULL, 400},
    {";a\r\n\r\n", NULL, 400},
    {"0x3\r\n", NULL, 400},
    {"+3\r\n", NULL, 400},
    {"3 \r\n", NULL, 400},
    {" 3\r\n", NULL, 400},
    {"3\nabc", NULL, 400},
    {"3\rX", NULL, 400},
    {"3;\nabc", NULL, 400},
    {"3;\rx", NULL, 400},
    {"3\r\nabcd", NULL, 400},
    {"3\r\nabc\n", NULL, 400},
    {"3\r\nabc\rX", NULL, 400},
    {"10000000000000003\r\n", NULL, 413},
    {"ffffffffffffffff\r\n", NULL, 413},
    {"0\n\n", NULL, 400},
    {"0\r\nX: 1\n", NULL, 400},
    {"0\r\nGET / HTTP/1.1\r\n", NULL, 400},
    {"0\r\nX: 1\r\n Y\r\n", NULL, 400},
    {"0\r\n: 1\r\n", NULL, 400},
};

START_TEST(every_split_of_a_body_gives_the_same_answer)
{
    static decoded whole, pieces;
    mola_str in = mola_str_of(table[_i].in);
    decode(&whole, in, SIZE_MAX);
    ck_assert_int_eq(whole.chunks.status, table[_i].status);
    ck_assert_int_eq(whole.chunks.state == MOLA_CHUNKS_DONE, table[_i].out != NULL);
    if (table[_i].out) {
        ck_assert(whole.len == strlen(table[_i].out) &&
                  memcmp(whole.out, table[_i].out, whole.len) == 0);
    }
    for (size_t piece = 1; piece <= in.len; piece++) {
        decode(&pieces, in, piece);
        assert_same(&whole, &pieces);
    }
}
END_TEST

START_TEST(bytes_after_the_body_are_left_alone)
{
    static decoded d;
    decode(&d, MOLA_STR("1\r\na\r\n0\r\n\r\nGET / HTTP/1.1"), SIZE_MAX);
    ck_assert_int_eq(d.chunks.state, MOLA_CHUNKS_DONE);
    ck_assert_uint_eq(d.used, 11);
}
END_TEST

START_TEST(a_nul_in_an_extension_is_refused)
{
    static decoded d;
    decode(&d, MOLA_STR("3;a\0b\r\nabc\r\n"), SIZE_MAX);
    ck_assert_int_eq(d.chunks.status, 400);
}
END_TEST

START_TEST(extensions_and_trailers_are_limited_together)
{
    static char in[2 * MOLA_CHUNKS_EXTRA_MAX];
    static decoded d;
    size_t len = 0;
    for (int i = 0; i < 12; i++) {
        len += (size_t)snprintf(in + len, sizeof in - len, "1;");
        memset(in + len, 'a', 1000);
        len += 1000;
        len += (size_t)snprintf(in + len, sizeof in - len, "\r\nx\r\n");
    }
    len += (size_t)snprintf(in + len, sizeof in - len, "0\r\nX:");
    size_t short_of = MOLA_CHUNKS_EXTRA_MAX - 12 * 1001 - 8;
    memset(in + len, 'a', short_of);
    memcpy(in + len + short_of, "\r\n\r\n", 4);
    decode(&d, (mola_str){in, len + short_of + 4}, SIZE_MAX);
    ck_assert_int_eq(d.chunks.status, 0);
    ck_assert_int_eq(d.chunks.state, MOLA_CHUNKS_DONE);
    memset(in + len, 'a', short_of + 100);
    decode(&d, (mola_str){in, len + short_of + 100}, SIZE_MAX);
    ck_assert_int_eq(d.chunks.status, 400);
}
END_TEST

/* Random bodies, framed at random: what comes out is what went in, in any pieces. */
START_TEST(random_bodies_come_back)
{
    unsigned seed = (unsigned)_i + 1;
    printf("seed %u\n", seed);
    srandom(seed);
    static char in[4 * ROOM + 4096], body[ROOM];
    static decoded d;
    size_t len = 0, body_len = 0;
    while (random() % 16 && len < 2048) {
        size_t size = 1 + (size_t)random() % 40;
        if (body_len + size > ROOM)
            break;
        len +=
            (size_t)snprintf(in + len, sizeof in - len, random() % 2 ? "%zx%s\r\n" : "00%zX%s\r\n",
                             size, random() % 4 ? "" : ";name=\"value\"");
        for (size_t i = 0; i < size; i++)
            body[body_len++] = in[len++] = (char)random();
        memcpy(in + len, "\r\n", 2);
        len += 2;
    }
    len +=
        (size_t)snprintf(in + len, sizeof in - len, "0\r\n%s\r\n", random() % 2 ? "" : "X: y\r\n");
    for (size_t piece = 1; piece < 50; piece++) {
        decode(&d, (mola_str){in, len}, piece);
        ck_assert_int_eq(d.chunks.state, MOLA_CHUNKS_DONE);
        ck_assert(d.used == len && d.len == body_len && memcmp(d.out, body, body_len) == 0);
        ck_assert_uint_eq(d.chunks.room, ROOM - body_len);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("chunks");
    TCase *all = tcase_create("all");
    tcase_add_loop_test(all, every_split_of_a_body_gives_the_same_answer, 0,
                        sizeof table / sizeof *table);
    tcase_add_test(all, bytes_after_the_body_are_left_alone);
    tcase_add_test(all, a_nul_in_an_extension_is_refused);
    tcase_add_test(all, extensions_and_trailers_are_limited_together);
    tcase_add_loop_test(all, random_bodies_come_back, 0, 50);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
