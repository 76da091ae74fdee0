/* Documents of the store: taken when they are whole and make sense, refused otherwise. */
#include "store/s3.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

static mola_heap heap;
static mola_arena arena;
static mola_why why;
static mola_s3_listing listing;

static void begin(void)
{
    mola_heap_init(&heap, (size_t)64 << 20);
    mola_arena_init(&arena, &heap, (size_t)32 << 20);
    mola_why_clear(&why);
}

static void end(void)
{
    mola_arena_reset(&arena);
    ck_assert_uint_eq(atomic_load(&heap.used), 0);
}

static mola_err parse(const char *xml)
{
    return mola_s3_listing_parse(mola_str_of(xml), &arena, &listing, &why);
}

#define HEAD           "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
#define LIST           "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
#define DONE           "<IsTruncated>false</IsTruncated>"
#define KEY(key, size) "<Contents><Key>" key "</Key><Size>" size "</Size></Contents>"

START_TEST(a_listing_is_read)
{
    begin();
    ck_assert_int_eq(
        parse(HEAD LIST
              "<Name>b</Name><Prefix>p/</Prefix><KeyCount>3</KeyCount><MaxKeys>1000</MaxKeys>"
              "<Delimiter>/</Delimiter><EncodingType>url</EncodingType>"
              "<IsTruncated>true</IsTruncated><NextContinuationToken>t&amp;1</"
              "NextContinuationToken>\n"
              "  <Contents><Key>p/a%2Bb</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
              "<ETag>&quot;x&quot;</ETag><Size>12</Size><Owner><ID>i</ID><DisplayName>d"
              "</DisplayName></Owner><StorageClass>STANDARD</StorageClass></Contents>\n"
              "  <Contents><Size>18446744073709551615</Size><Key>p/c</Key></Contents>"
              "<CommonPrefixes><Prefix>p/d/</Prefix></CommonPrefixes></ListBucketResult>"),
        MOLA_OK);
    ck_assert_uint_eq(listing.key_count, 2);
    ck_assert(mola_str_eq(listing.keys[0].key, MOLA_STR("p/a%2Bb")));
    ck_assert_uint_eq(listing.keys[0].size, 12);
    ck_assert(mola_str_eq(listing.keys[1].key, MOLA_STR("p/c")));
    ck_assert_uint_eq(listing.keys[1].size, UINT64_MAX);
    ck_assert_uint_eq(listing.prefix_count, 1);
    ck_assert(mola_str_eq(listing.prefixes[0].key, MOLA_STR("p/d/")));
    ck_assert(listing.truncated && listing.encoded);
    ck_assert(mola_str_eq(listing.next, MOLA_STR("t&1")));
    end();
}
END_TEST

START_TEST(an_empty_listing_is_one)
{
    begin();
    ck_assert_int_eq(parse(LIST DONE "</ListBucketResult>"), MOLA_OK);
    ck_assert_uint_eq(listing.key_count + listing.prefix_count, 0);
    ck_assert(!listing.truncated && !listing.encoded);
    end();
}
END_TEST

START_TEST(what_is_no_listing_is_refused)
{
    static const char *const cases[] = {
        "",
        "x",
        "<html></html>",
        "<html>" DONE "</html>",
        LIST "</ListBucketResult>",
        LIST DONE,
        LIST DONE "</ListBucketResult>x",
        LIST DONE DONE "</ListBucketResult>",
        LIST "<IsTruncated>yes</IsTruncated></ListBucketResult>",
        LIST "<IsTruncated/></ListBucketResult>",
        LIST "<IsTruncated>true</IsTruncated></ListBucketResult>", /* and no token */
        LIST DONE "<Contents><Key>a</Key></Contents></ListBucketResult>",
        LIST DONE "<Contents><Size>1</Size></Contents></ListBucketResult>",
        LIST DONE "<Contents><Key></Key><Size>1</Size></Contents></ListBucketResult>",
        LIST DONE "<Contents><Key>a</Key><Key>b</Key><Size>1</Size></Contents></ListBucketResult>",
        LIST DONE KEY("a", "") "</ListBucketResult>",
        LIST DONE KEY("a", "-1") "</ListBucketResult>",
        LIST DONE KEY("a", "1e3") "</ListBucketResult>",
        LIST DONE KEY("a", "18446744073709551616") "</ListBucketResult>",
        LIST DONE "<CommonPrefixes><Prefix/></CommonPrefixes></ListBucketResult>",
        LIST DONE "<EncodingType>base64</EncodingType></ListBucketResult>",
        "<Error><Code>NoSuchBucket</Code></Error>",
        "<!DOCTYPE x [<!ENTITY a \"aaaa\">]>" LIST DONE KEY("&a;", "1") "</ListBucketResult>",
        LIST DONE KEY("&a;", "1") "</ListBucketResult>",
    };
    begin();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mola_why_clear(&why);
        ck_assert_msg(parse(cases[i]) == MOLA_UNAVAILABLE, "'%s' was taken", cases[i]);
        ck_assert_uint_gt(why.len, 0);
    }
    end();
}
END_TEST

START_TEST(every_cut_of_a_listing_is_refused)
{
    static const char whole[] = HEAD LIST DONE KEY("a", "1") KEY("b", "2") "</ListBucketResult>";
    begin();
    ck_assert_int_eq(parse(whole), MOLA_OK);
    for (size_t len = 0; len < sizeof whole - 1; len++) {
        mola_str cut = {whole, len};
        ck_assert_int_eq(mola_s3_listing_parse(cut, &arena, &listing, &why), MOLA_UNAVAILABLE);
    }
    end();
}
END_TEST

START_TEST(a_listing_that_does_not_fit_is_no_memory)
{
    begin();
    mola_arena small;
    mola_arena_init(&small, &heap, 256);
    mola_str xml = MOLA_STR(LIST DONE KEY("a", "1") "</ListBucketResult>");
    ck_assert_int_eq(mola_s3_listing_parse(xml, &small, &listing, &why), MOLA_NO_MEMORY);
    mola_arena_reset(&small);
    end();
}
END_TEST

START_TEST(an_error_is_read_as_far_as_it_goes)
{
    mola_s3_error e;
    mola_s3_error_parse(
        MOLA_STR(HEAD "<Error><Code>NoSuchKey</Code><Message>The key\ndoes not exist.</Message>"
                      "<Region>eu-west-1</Region><Key>a</Key></Error>"),
        &e);
    ck_assert_str_eq(e.code, "NoSuchKey");
    ck_assert_str_eq(e.message, "The key?does not exist.");
    ck_assert_str_eq(e.region, "eu-west-1");
    mola_s3_error_parse(MOLA_STR("<ErrorResponse><Error><Code>AccessDenied</Code></Error>"
                                 "<RequestId>1</RequestId></ErrorResponse>"),
                        &e);
    ck_assert_str_eq(e.code, "AccessDenied");
    static const char *const none[] = {"", "<html>NoSuchKey</html>", "<Code>NoSuchKey</Code>",
                                       "<Error><Code>NoSuchKey</Code>",
                                       "<A><Code>NoSuchKey</Code></A>"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        mola_s3_error_parse(mola_str_of(none[i]), &e);
        ck_assert_str_eq(e.code, "");
    }
}
END_TEST

START_TEST(long_texts_are_cut_or_refused)
{
    mola_s3_error e;
    char text[600], out[8];
    (void)snprintf(text, sizeof text, "<Error><Code>%0100d</Code><Message>%0400d</Message></Error>",
                   1, 2);
    mola_s3_error_parse(mola_str_of(text), &e);
    ck_assert_uint_eq(strlen(e.code), MOLA_S3_CODE_BYTES - 1);
    ck_assert_uint_eq(strlen(e.message), MOLA_S3_MESSAGE_BYTES - 1);
    ck_assert(mola_s3_element(MOLA_STR("<A><B>1234567</B></A>"), "B", out, sizeof out));
    ck_assert_str_eq(out, "1234567");
    ck_assert(!mola_s3_element(MOLA_STR("<A><B>12345678</B></A>"), "B", out, sizeof out));
    ck_assert(!mola_s3_element(MOLA_STR("<A><B>1</B><B>2</B></A>"), "B", out, sizeof out));
    ck_assert(!mola_s3_element(MOLA_STR("<A><B></B></A>"), "B", out, sizeof out));
    ck_assert(!mola_s3_element(MOLA_STR("<A></A>"), "B", out, sizeof out));
}
END_TEST

START_TEST(depth_has_an_end)
{
    char text[4000] = "";
    begin();
    for (size_t i = 0; i < 500; i++)
        strcat(text, "<a>");
    ck_assert_int_eq(parse(text), MOLA_UNAVAILABLE);
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("s3 documents");
    TCase *c = tcase_create("all");
    tcase_add_test(c, a_listing_is_read);
    tcase_add_test(c, an_empty_listing_is_one);
    tcase_add_test(c, what_is_no_listing_is_refused);
    tcase_add_test(c, every_cut_of_a_listing_is_refused);
    tcase_add_test(c, a_listing_that_does_not_fit_is_no_memory);
    tcase_add_test(c, an_error_is_read_as_far_as_it_goes);
    tcase_add_test(c, long_texts_are_cut_or_refused);
    tcase_add_test(c, depth_has_an_end);
    suite_add_tcase(suite, c);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
