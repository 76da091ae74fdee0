#include "mola/codec/base64.h"
#include <check.h>
#include <stdlib.h>

/* Base64 is how most vectors arrive. A lax reader would store a vector that the client never sent.
 */

static mola_heap heap;
static mola_buf out;

static void set_up(void)
{
    mola_heap_init(&heap, 1 << 24);
    mola_buf_init(&out, &heap);
}

static void tear_down(void)
{
    mola_buf_free(&out);
}

/* Decodes into a block of exactly the promised size, so that a sanitizer sees a byte too many. */
static bool decode(mola_str text, uint8_t **bytes, size_t *size)
{
    *bytes = NULL;
    if (!mola_base64_decoded_size(text, size))
        return false;
    *bytes = malloc(*size ? *size : 1);
    ck_assert_ptr_nonnull(*bytes);
    return mola_base64_decode(text, *bytes);
}

static bool is_base64(mola_str text)
{
    uint8_t *bytes;
    size_t size;
    bool good = decode(text, &bytes, &size);
    free(bytes);
    return good;
}

START_TEST(the_test_vectors_of_the_rfc_go_both_ways)
{
    static const char *const pairs[][2] = {{"", ""},
                                           {"f", "Zg=="},
                                           {"fo", "Zm8="},
                                           {"foo", "Zm9v"},
                                           {"foob", "Zm9vYg=="},
                                           {"fooba", "Zm9vYmE="},
                                           {"foobar", "Zm9vYmFy"}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        out.len = 0;
        mola_base64_print(&out, pairs[i][0], strlen(pairs[i][0]));
        ck_assert(mola_str_eq(mola_buf_str(&out), mola_str_of(pairs[i][1])));
        uint8_t *bytes;
        size_t size;
        ck_assert(decode(mola_str_of(pairs[i][1]), &bytes, &size));
        ck_assert(mola_str_eq((mola_str){(char *)bytes, size}, mola_str_of(pairs[i][0])));
        free(bytes);
    }
}
END_TEST

START_TEST(vectors_of_the_wire_contract_decode)
{
    float v[3];
    ck_assert(mola_base64_decode(MOLA_STR("zczMPc3MTD6amZk+"), v));
    ck_assert(v[0] == 0.1F && v[1] == 0.2F && v[2] == 0.3F);
    ck_assert(mola_base64_decode(MOLA_STR("zczMPgAAAD+amRk/"), v));
    ck_assert(v[0] == 0.4F && v[1] == 0.5F && v[2] == 0.6F);
    float half_one[] = {0.5F, 1.0F};
    mola_base64_print(&out, half_one, sizeof half_one);
    ck_assert(mola_str_eq(mola_buf_str(&out), MOLA_STR("AAAAPwAAgD8=")));
}
END_TEST

START_TEST(what_is_not_strict_base64_is_refused)
{
    static const char *const texts[] = {
        "A",
        "AA",
        "AAA",
        "AAAAA",
        "A===",
        "====",
        "=AAA",
        "A=AA",
        "AA=A",
        "AA=",
        "AAA==",
        "AA==AAAA",
        "AAA=AAAA",
        "AAAA====",
        "AB==",
        "A/==",
        "AAB=",
        "AA+=",
        "AA-A",
        "AA_A",
        "AAA ",
        " AAA",
        "AA\nA",
        "AAAA\n",
        "AAA.",
        "AAA\x80",
        "\xff"
        "AAA",
        "@AAA",
        "[AAA",
        "`AAA",
        "{AAA",
        "AAAAAA*A",
        "AAAA=",
        "AAA,",
        "AAA:",
        "AA A",
        "A\tAA",
        "AAAAA===",
        "//==",
        "///A==",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        ck_assert_msg(!is_base64(mola_str_of(texts[i])), "%s", texts[i]);
    ck_assert(!is_base64((mola_str){"AA\0A", 4}));
}
END_TEST

START_TEST(any_bytes_of_any_length_come_back)
{
    uint8_t plain[256];
    for (size_t i = 0; i < sizeof plain; i++)
        plain[i] = (uint8_t)(i * 167 + 13);
    for (size_t size = 0; size <= sizeof plain; size++) {
        out.len = 0;
        mola_base64_print(&out, plain, size);
        uint8_t *bytes;
        size_t back;
        ck_assert(decode(mola_buf_str(&out), &bytes, &back));
        ck_assert_uint_eq(back, size);
        ck_assert_int_eq(memcmp(bytes, plain, size), 0);
        free(bytes);
    }
}
END_TEST

/* A stray character must be seen wherever it is, not only in the four that are looked at last. */
START_TEST(one_wrong_byte_at_any_place_is_seen)
{
    static const char good[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/AAA=";
    ck_assert(is_base64(MOLA_STR(good)));
    for (size_t at = 0; at < sizeof good - 1; at++)
        for (int byte = 0; byte < 256; byte++) {
            char text[sizeof good];
            memcpy(text, good, sizeof good);
            text[at] = (char)byte;
            bool of_alphabet = byte && strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                              "0123456789+/",
                                              byte);
            bool last = at == sizeof good - 2;
            bool before = at == sizeof good - 3; /* its two lower bits must be zero */
            bool wanted = last     ? of_alphabet || byte == '='
                          : before ? byte && strchr("AEIMQUYcgkosw048=", byte)
                                   : of_alphabet;
            ck_assert_msg(is_base64((mola_str){text, sizeof good - 1}) == wanted, "%zu %d", at,
                          byte);
        }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base64");
    TCase *all = tcase_create("base64");
    tcase_add_checked_fixture(all, set_up, tear_down);
    tcase_add_test(all, the_test_vectors_of_the_rfc_go_both_ways);
    tcase_add_test(all, vectors_of_the_wire_contract_decode);
    tcase_add_test(all, what_is_not_strict_base64_is_refused);
    tcase_add_test(all, any_bytes_of_any_length_come_back);
    tcase_add_test(all, one_wrong_byte_at_any_place_is_seen);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
