#include "../model/common.h"
#include "mola/format/key.h"

/* Keys are for ever: a changed letter would lose a bucket. */

static const uint8_t nsid[16] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
                                 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};
#define NSID "00112233445566778899aabbccddeeff"

static const char *text_of(mola_key key)
{
    static char text[257];
    memcpy(text, key.text, key.len);
    text[key.len] = '\0';
    return text;
}

START_TEST(keys_are_those_of_the_protocol)
{
    mola_str none = {0}, acme = MOLA_STR("acme");
    ck_assert_str_eq(text_of(mola_key_manifest(none, MOLA_STR("a-B_9.x"))), "ns/a-B_9.x");
    ck_assert_str_eq(text_of(mola_key_manifest(acme, MOLA_STR("x"))), "o/acme/ns/x");
    ck_assert_str_eq(text_of(mola_key_entry(none, nsid, 0)), "d/" NSID "/w/7fffffffffffffff");
    ck_assert_str_eq(text_of(mola_key_entry(none, nsid, 1)), "d/" NSID "/w/7ffffffffffffffe");
    ck_assert_str_eq(text_of(mola_key_entry(acme, nsid, INT64_MAX)),
                     "o/acme/d/" NSID "/w/0000000000000000");
    ck_assert_str_eq(text_of(mola_key_payload(none, nsid, 0x12, 0xfedcba9876543210U)),
                     "d/" NSID "/p/0000000000000012.fedcba9876543210");
    ck_assert_str_eq(text_of(mola_key_log_prefix(none, nsid)), "d/" NSID "/w/");
    ck_assert_str_eq(text_of(mola_key_names_prefix(none, none)), "ns/");
    ck_assert_str_eq(text_of(mola_key_names_prefix(acme, MOLA_STR("ab"))), "o/acme/ns/ab");
}
END_TEST

START_TEST(keys_of_segments_and_what_guards_them)
{
    mola_str none = {0}, acme = MOLA_STR("acme");
    ck_assert_str_eq(text_of(mola_key_segment(none, nsid, 0x12, 0xfedcba9876543210U, 'h', 0)),
                     "d/" NSID "/s/0000000000000012.fedcba9876543210/h.00000000");
    ck_assert_str_eq(text_of(mola_key_segment(acme, nsid, 1, 2, 'o', 0xabc12)),
                     "o/acme/d/" NSID "/s/0000000000000001.0000000000000002/o.000abc12");
    ck_assert_str_eq(text_of(mola_key_deletes(none, nsid, 3, 4)),
                     "d/" NSID "/x/0000000000000003.0000000000000004");
    ck_assert_str_eq(text_of(mola_key_holder(none, nsid, MOLA_STR("some-id"))),
                     "d/" NSID "/r/some-id");
    ck_assert_str_eq(text_of(mola_key_hint(acme, nsid)), "o/acme/q/" NSID);
    ck_assert_str_eq(text_of(mola_key_hints(none)), "q/");
    ck_assert_str_eq(text_of(mola_key_pin(acme, MOLA_STR("a.b"))), "o/acme/pin/a.b");
    ck_assert_str_eq(text_of(mola_key_pin(none, none)), "pin/");
    ck_assert_str_eq(text_of(mola_key_operation(none, MOLA_STR("token"))), "op/token");
    ck_assert_str_eq(text_of(mola_key_operation(acme, (mola_str){0})), "o/acme/op/");
    ck_assert_str_eq(text_of(mola_key_incarnations(acme)), "o/acme/d/");
    ck_assert_str_eq(text_of(mola_key_folder(none, nsid, 's')), "d/" NSID "/s/");
    ck_assert_str_eq(text_of(mola_key_folder(none, nsid, 0)), "d/" NSID "/");
}
END_TEST

/* The longest of everything still fits. */
START_TEST(the_longest_keys_fit)
{
    char most[64];
    memset(most, 'x', sizeof most);
    mola_str longest = {most, sizeof most};
    ck_assert_uint_eq(mola_key_segment(longest, nsid, 1, 2, 'h', 0).len, 67 + 37 + 33 + 11);
    ck_assert_uint_eq(mola_key_holder(longest, nsid, longest).len, 67 + 37 + 64);
}
END_TEST

START_TEST(object_keys_read_back)
{
    chance c = {3};
    for (int i = 0; i < 1000; i++) {
        mola_str org = i % 2 ? MOLA_STR("acme") : (mola_str){0}, rest, tail;
        uint64_t base = next_u64(&c) >> below(&c, 64), rand = next_u64(&c) >> below(&c, 64), b, r;
        uint32_t number = (uint32_t)next_u64(&c) >> below(&c, 32), n;
        uint8_t id[16];
        char kind = i % 3 ? 'o' : 'h', k;
        mola_key keys[] = {mola_key_segment(org, nsid, base, rand, kind, number),
                           mola_key_deletes(org, nsid, base, rand),
                           mola_key_payload(org, nsid, base, rand)};
        for (int which = 0; which < 3; which++) {
            ck_assert(mola_key_parse_incarnation(org, mola_key_str(&keys[which]), id, &rest));
            ck_assert_mem_eq(id, nsid, 16);
            for (int other = 0; other < 3; other++)
                ck_assert_int_eq(mola_key_parse_object(rest, "sxp"[other], &b, &r, &tail),
                                 which == other);
            ck_assert(mola_key_parse_object(rest, "sxp"[which], &b, &r, &tail));
            ck_assert_uint_eq(b, base);
            ck_assert_uint_eq(r, rand);
            ck_assert_int_eq(mola_key_parse_number(tail, &k, &n), which == 0);
            ck_assert(which != 0 || (k == kind && n == number));
            ck_assert(which == 0 || tail.len == 0);
        }
        mola_key hint = mola_key_hint(org, nsid), folder = mola_key_folder(org, nsid, 0);
        ck_assert(mola_key_parse_hint(org, mola_key_str(&hint), id));
        mola_str name;
        mola_key pin = mola_key_pin(org, MOLA_STR("n"));
        ck_assert(mola_key_parse_pin(org, mola_key_str(&pin), &name) &&
                  mola_str_eq(name, MOLA_STR("n")));
        ck_assert(mola_key_parse_incarnation(org, mola_key_str(&folder), id, &rest));
        ck_assert_uint_eq(rest.len, 0);
    }
}
END_TEST

START_TEST(other_keys_do_not_read_as_objects)
{
    uint8_t id[16];
    uint64_t base, rand;
    uint32_t number;
    char kind;
    mola_str rest, none = {0};
    static const char *const incarnations[] = {"",        "d/",
                                               "d/" NSID, "o/acme/d/" NSID "/",
                                               "q/" NSID, "d/00112233445566778899AABBCCDDEEFF/"};
    static const char *const objects[] = {
        "",
        "s/",
        "s/0000000000000012",
        "s/0000000000000012.fedcba987654321",
        "s/0000000000000012-fedcba9876543210",
        "x/0000000000000012.fedcba9876543210",
        "s0000000000000012.fedcba9876543210",
    };
    static const char *const tails[] = {"",           "/",           "/h",           "/h.0000000",
                                        "h.00000000", "/x.00000000", "/o.000000000", "/o-00000000",
                                        "/o.0000000G"};
    static const char *const hints[] = {"",       "q/",      "q/" NSID "/",
                                        "q/0011", "d/" NSID, "o/acme/q/" NSID};
    for (size_t i = 0; i < sizeof incarnations / sizeof *incarnations; i++)
        ck_assert_msg(!mola_key_parse_incarnation(none, mola_str_of(incarnations[i]), id, &rest),
                      "%s", incarnations[i]);
    for (size_t i = 0; i < sizeof objects / sizeof *objects; i++)
        ck_assert_msg(!mola_key_parse_object(mola_str_of(objects[i]), 's', &base, &rand, &rest),
                      "%s", objects[i]);
    for (size_t i = 0; i < sizeof tails / sizeof *tails; i++)
        ck_assert_msg(!mola_key_parse_number(mola_str_of(tails[i]), &kind, &number), "%s",
                      tails[i]);
    static const char *const pins[] = {"", "pin/", "pin", "pin/a/b", "pin/.", "ns/a", "o/x/pin/a"};
    mola_str name;
    for (size_t i = 0; i < sizeof pins / sizeof *pins; i++)
        ck_assert_msg(!mola_key_parse_pin(none, mola_str_of(pins[i]), &name), "%s", pins[i]);
    for (size_t i = 0; i < sizeof hints / sizeof *hints; i++)
        ck_assert_msg(!mola_key_parse_hint(none, mola_str_of(hints[i]), id), "%s", hints[i]);
}
END_TEST

START_TEST(newer_entries_come_first_in_a_list)
{
    chance c = {1};
    for (int i = 0; i < 1000; i++) {
        uint64_t a = next_u64(&c) >> (1 + below(&c, 63)), b = next_u64(&c) >> (1 + below(&c, 63));
        mola_key first = mola_key_entry((mola_str){0}, nsid, a),
                 second = mola_key_entry((mola_str){0}, nsid, b);
        int order = mola_str_cmp(mola_key_str(&first), mola_key_str(&second));
        ck_assert_int_eq((order > 0) - (order < 0), (a < b) - (a > b));
    }
}
END_TEST

START_TEST(entry_keys_read_back_and_others_do_not)
{
    static const char *const others[] = {
        "",
        "d/",
        "ns/x",
        "d/" NSID "/w/",
        "d/" NSID "/w/7ffffffffffffff",
        "d/" NSID "/w/7fffffffffffffff0",
        "d/" NSID "/w/8000000000000000",
        "d/" NSID "/w/7FFFFFFFFFFFFFFF",
        "d/" NSID "/p/7fffffffffffffff",
        "d/0011/w/7fffffffffffffff",
        "o/acme/d/" NSID "/w/7fffffffffffffff",
        "d/" NSID "/w/7ffffffffffffff/",
        "d/0011223344556677 899aabbccddeeff/w/7fffffffffffffff",
    };
    chance c = {2};
    uint8_t id[16];
    uint64_t seq;
    for (int i = 0; i < 1000; i++) {
        uint64_t want = next_u64(&c) >> (1 + below(&c, 63));
        mola_str org = i % 2 ? MOLA_STR("acme") : (mola_str){0};
        mola_key key = mola_key_entry(org, nsid, want);
        ck_assert(mola_key_parse_entry(org, mola_key_str(&key), id, &seq));
        ck_assert_uint_eq(seq, want);
        ck_assert_mem_eq(id, nsid, 16);
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        ck_assert_msg(!mola_key_parse_entry((mola_str){0}, mola_str_of(others[i]), id, &seq), "%s",
                      others[i]);
}
END_TEST

START_TEST(manifest_keys_read_back_and_others_do_not)
{
    mola_str name;
    ck_assert(mola_key_parse_manifest((mola_str){0}, MOLA_STR("ns/a.b"), &name));
    ck_assert(mola_str_eq(name, MOLA_STR("a.b")));
    ck_assert(mola_key_parse_manifest(MOLA_STR("acme"), MOLA_STR("o/acme/ns/x"), &name));
    ck_assert(mola_str_eq(name, MOLA_STR("x")));
    static const char *const others[] = {"",       "ns/", "ns/a/b",      "ns/..",
                                         "ns/a b", "d/x", "o/acme/ns/x", "NS/x"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        ck_assert_msg(!mola_key_parse_manifest((mola_str){0}, mola_str_of(others[i]), &name), "%s",
                      others[i]);
}
END_TEST

START_TEST(names_are_letters_digits_and_three_marks)
{
    char name[129];
    memset(name, 'n', sizeof name);
    ck_assert(mola_name_ok((mola_str){name, 128}));
    ck_assert(!mola_name_ok((mola_str){name, 129}));
    ck_assert(mola_name_ok(MOLA_STR("...")) && mola_name_ok(MOLA_STR("-")));
    ck_assert(!mola_name_ok((mola_str){0}) && !mola_name_ok(MOLA_STR(".")) &&
              !mola_name_ok(MOLA_STR("..")));
    for (int byte = 0; byte < 256; byte++) {
        char one = (char)byte;
        bool good = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                    (byte >= '0' && byte <= '9') || byte == '-' || byte == '_';
        ck_assert_msg(mola_name_ok((mola_str){&one, 1}) == good, "byte %d", byte);
    }
}
END_TEST

/* A prefix comes from a client: however long, it makes a key, and one that no name starts with. */
START_TEST(overlong_prefixes_match_no_name)
{
    char prefix[1000];
    memset(prefix, 'n', sizeof prefix);
    mola_key key = mola_key_names_prefix(MOLA_STR("acme"), (mola_str){prefix, sizeof prefix});
    ck_assert_uint_eq(key.len, strlen("o/acme/ns/") + 129);
    key = mola_key_names_prefix((mola_str){0}, (mola_str){prefix, 128});
    ck_assert_uint_eq(key.len, 3 + 128);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("key");
    TCase *keys = tcase_create("keys");
    tcase_add_test(keys, keys_are_those_of_the_protocol);
    tcase_add_test(keys, keys_of_segments_and_what_guards_them);
    tcase_add_test(keys, the_longest_keys_fit);
    tcase_add_test(keys, object_keys_read_back);
    tcase_add_test(keys, other_keys_do_not_read_as_objects);
    tcase_add_test(keys, newer_entries_come_first_in_a_list);
    tcase_add_test(keys, entry_keys_read_back_and_others_do_not);
    tcase_add_test(keys, manifest_keys_read_back_and_others_do_not);
    tcase_add_test(keys, names_are_letters_digits_and_three_marks);
    tcase_add_test(keys, overlong_prefixes_match_no_name);
    suite_add_tcase(suite, keys);
    return run(suite);
}
