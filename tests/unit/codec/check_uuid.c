#include "mola/codec/uuid.h"
#include <check.h>

/* One id has four spellings; two rows must never come of them. */

static const uint8_t wanted[16] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef,
                                   0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54, 0x32, 0x10};

START_TEST(all_four_spellings_are_the_same_id)
{
    static const char *const texts[] = {
        "01234567-89ab-cdef-fedc-ba9876543210",
        "01234567-89AB-CDEF-FEDC-BA9876543210",
        "01234567-89aB-CdEf-fEdC-bA9876543210",
        "0123456789abcdeffedcba9876543210",
        "0123456789ABCDEFFEDCBA9876543210",
        "{01234567-89ab-cdef-fedc-ba9876543210}",
        "urn:uuid:01234567-89ab-cdef-fedc-ba9876543210",
        "urn:uuid:01234567-89AB-CDEF-FEDC-BA9876543210",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        uint8_t uuid[16] = {0};
        ck_assert_msg(mola_uuid_parse(mola_str_of(texts[i]), uuid), "%s", texts[i]);
        ck_assert_int_eq(memcmp(uuid, wanted, sizeof uuid), 0);
    }
}
END_TEST

START_TEST(other_spellings_are_refused)
{
    static const char *const texts[] = {
        "",
        "0",
        "01234567-89ab-cdef-fedc-ba987654321",
        "01234567-89ab-cdef-fedc-ba98765432100",
        "01234567-89ab-cdef-fedcba98765432100",
        "0123456789abcdeffedcba987654321",
        "0123456789abcdeffedcba98765432100",
        "0123456-789ab-cdef-fedc-ba9876543210",
        "01234567_89ab_cdef_fedc_ba9876543210",
        "01234567-89ab-cdef-fedc-ba987654321g",
        "g1234567-89ab-cdef-fedc-ba9876543210",
        "0123456789abcdeffedcba987654321G",
        "@123456789abcdeffedcba9876543210",
        "`123456789abcdeffedcba9876543210",
        "{0123456789abcdeffedcba9876543210}",
        "{01234567-89ab-cdef-fedc-ba9876543210",
        "01234567-89ab-cdef-fedc-ba9876543210}",
        "(01234567-89ab-cdef-fedc-ba9876543210)",
        "{{01234567-89ab-cdef-fedc-ba987654321}}",
        "urn:uuid:0123456789abcdeffedcba9876543210",
        "URN:UUID:01234567-89ab-cdef-fedc-ba9876543210",
        "urn:uuid:{01234567-89ab-cdef-fedc-ba9876543210}",
        "{urn:uuid:01234567-89ab-cdef-fedc-ba9876543210}",
        "urn:uuid:urn:uuid:01234567-89ab-cdef-fedc-ba9876543210",
        "urn:uuid:",
        "urn:uuid:77777777777777777777700",
        "uuid:01234567-89ab-cdef-fedc-ba9876543210",
        " 01234567-89ab-cdef-fedc-ba9876543210",
        "01234567-89ab-cdef-fedc-ba9876543210 ",
        "01234567--89ab-cdef-fedc-a9876543210",
        "--------------------------------",
        "\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x10\x11\x12\x13\x14\x15"
        "\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x10\x11\x12\x13\x14\x15",
    };
    uint8_t uuid[16];
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        ck_assert_msg(!mola_uuid_parse(mola_str_of(texts[i]), uuid), "%s", texts[i]);
}
END_TEST

START_TEST(ids_print_lower_case_with_hyphens)
{
    mola_heap heap;
    mola_heap_init(&heap, 4096);
    mola_buf out;
    mola_buf_init(&out, &heap);
    mola_uuid_print(&out, wanted);
    ck_assert(mola_str_eq(mola_buf_str(&out), MOLA_STR("01234567-89ab-cdef-fedc-ba9876543210")));
    mola_buf_free(&out);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("uuid");
    TCase *all = tcase_create("uuid");
    tcase_add_test(all, all_four_spellings_are_the_same_id);
    tcase_add_test(all, other_spellings_are_refused);
    tcase_add_test(all, ids_print_lower_case_with_hyphens);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
