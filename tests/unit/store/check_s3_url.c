/* s3:// URLs, the addresses that follow from them, and percent encoding. */
#include "store/s3.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

static mola_s3_settings s;
static mola_why why;

static void forget_environment(void)
{
    static const char *const names[] = {
        "MOLA_S3_ENDPOINT", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "MOLA_S3_REGION",
        "AWS_REGION",       "AWS_DEFAULT_REGION",  "MOLA_S3_CA_FILE",  "AWS_CA_BUNDLE"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        (void)unsetenv(names[i]);
}

static mola_err settle(const char *place)
{
    mola_why_clear(&why);
    mola_err err = mola_s3_url_parse(mola_str_of(place), &s, &why);
    return err ? err : mola_s3_settings_settle(&s, &why);
}

START_TEST(a_bucket_and_a_prefix)
{
    static const struct {
        const char *place, *bucket, *prefix;
    } cases[] = {
        {"//bucket", "bucket", ""},
        {"//bucket/", "bucket", ""},
        {"//bucket/a", "bucket", "a"},
        {"//bucket/a/", "bucket", "a"},
        {"//bucket/a/b c", "bucket", "a/b c"},
        {"//my-bucket.x1/p", "my-bucket.x1", "p"},
        {"//b-0?region=r", "b-0", ""},
        {"//b-0/x/y?region=r&style=path", "b-0", "x/y"},
    };
    forget_environment();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ck_assert_msg(settle(cases[i].place) == MOLA_OK, "%s: %s", cases[i].place, why.text);
        ck_assert_str_eq(s.bucket, cases[i].bucket);
        ck_assert_str_eq(s.prefix, cases[i].prefix);
    }
}
END_TEST

START_TEST(options_are_decoded)
{
    forget_environment();
    ck_assert_int_eq(settle("//bucket?secret_access_key=a%2Bb/c%3D%25+&access_key_id=K&ca=/tmp/"
                            "c%20a.pem&profile=p"),
                     MOLA_OK);
    ck_assert_str_eq(s.secret_access_key, "a+b/c=%+");
    ck_assert_str_eq(s.access_key_id, "K");
    ck_assert_str_eq(s.ca_file, "/tmp/c a.pem");
    ck_assert_str_eq(s.profile, "p");
}
END_TEST

START_TEST(what_is_no_url_is_refused_with_words)
{
    static const char *const cases[] = {
        "",
        "bucket",
        "/bucket",
        "//",
        "//ab",
        "//Bucket",
        "//under_score",
        "//-bucket",
        "//bucket-",
        "//a..b",
        "//buck?et",
        "//bucket//a",
        "//bucket/a//b",
        "//bucket/../a",
        "//bucket/a/.",
        "//bucket/\x01",
        "//bucket?",
        "//bucket?nothing",
        "//bucket?unknown=1",
        "//bucket?region",
        "//bucket?region=",
        "//bucket?region=a&region=b",
        "//bucket?region=a&",
        "//bucket?region=a%2",
        "//bucket?region=a%zz",
        "//bucket?region=a%00",
        "//bucket?region=a%0a",
        "//bucket?region=a.b",
        "//bucket?style=both",
        "//bucket?style=path&style=path",
        "//bucket?endpoint=host",
        "//bucket?endpoint=ftp://host",
        "//bucket?endpoint=http://",
        "//bucket?endpoint=http://:80",
        "//bucket?endpoint=http://host:",
        "//bucket?endpoint=http://user@host",
        "//bucket?endpoint=http://host/a//b",
        "//bucket?endpoint=http://host/a%20b",
        "//bucket?access_key_id=only",
        "//bucket?secret_access_key=only",
    };
    forget_environment();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ck_assert_msg(settle(cases[i]) == MOLA_INVALID, "'%s' was taken", cases[i]);
        ck_assert_uint_gt(why.len, 0);
    }
}
END_TEST

START_TEST(words_never_hold_a_secret)
{
    static const char *const cases[] = {
        "//bucket?secret_access_key=hunter2%zz",
        "//bucket?secret_access_key=hunter2",
        "//bucket?access_key_id=a&secret_access_key=hunter2&secret_access_key=hunter2",
        "//Bucket?secret_access_key=hunter2",
        "//bucket?secret=hunter2",
    };
    forget_environment();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ck_assert_int_eq(settle(cases[i]), MOLA_INVALID);
        ck_assert_ptr_null(strstr(why.text, "hunter2"));
    }
}
END_TEST

START_TEST(the_address_follows)
{
    static const struct {
        const char *place, *origin, *host, *base_path;
    } cases[] = {
        {"//bucket", "https://bucket.s3.us-east-1.amazonaws.com",
         "bucket.s3.us-east-1.amazonaws.com", ""},
        {"//bucket?region=eu-west-1", "https://bucket.s3.eu-west-1.amazonaws.com",
         "bucket.s3.eu-west-1.amazonaws.com", ""},
        {"//bucket?region=cn-north-1&style=path", "https://s3.cn-north-1.amazonaws.com.cn",
         "s3.cn-north-1.amazonaws.com.cn", "/bucket"},
        {"//dotted.bucket", "https://s3.us-east-1.amazonaws.com", "s3.us-east-1.amazonaws.com",
         "/dotted.bucket"},
        {"//bucket?endpoint=http://127.0.0.1:9000", "http://127.0.0.1:9000", "127.0.0.1:9000",
         "/bucket"},
        {"//bucket?endpoint=https://Minio.Local/", "https://minio.local", "minio.local", "/bucket"},
        {"//bucket?endpoint=https://host:443", "https://host", "host", "/bucket"},
        {"//bucket?endpoint=http://host:443", "http://host:443", "host:443", "/bucket"},
        {"//bucket?endpoint=http://host:80", "http://host", "host", "/bucket"},
        {"//bucket?endpoint=http://host:80&style=virtual", "http://bucket.host", "bucket.host", ""},
        {"//bucket?endpoint=https://host/storage/v1/s3", "https://host", "host",
         "/storage/v1/s3/bucket"},
        {"//bucket?endpoint=http://[::1]:9000", "http://[::1]:9000", "[::1]:9000", "/bucket"},
    };
    forget_environment();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ck_assert_msg(settle(cases[i].place) == MOLA_OK, "%s: %s", cases[i].place, why.text);
        ck_assert_str_eq(s.origin, cases[i].origin);
        ck_assert_str_eq(s.host, cases[i].host);
        ck_assert_str_eq(s.base_path, cases[i].base_path);
    }
}
END_TEST

START_TEST(the_environment_fills_in_where_the_url_is_silent)
{
    forget_environment();
    ck_assert_int_eq(setenv("AWS_REGION", "ap-south-1", 1), 0);
    ck_assert_int_eq(setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1", 1), 0);
    ck_assert_int_eq(settle("//bucket"), MOLA_OK);
    ck_assert_str_eq(s.region, "ap-south-1");
    ck_assert_str_eq(s.origin, "http://127.0.0.1:1");
    ck_assert_int_eq(settle("//bucket?region=r&endpoint=http://h"), MOLA_OK);
    ck_assert_str_eq(s.region, "r");
    ck_assert_str_eq(s.origin, "http://h");
    ck_assert_int_eq(setenv("MOLA_S3_REGION", "mine", 1), 0);
    ck_assert_int_eq(settle("//bucket"), MOLA_OK);
    ck_assert_str_eq(s.region, "mine");
}
END_TEST

START_TEST(every_byte_survives_encoding)
{
    char bytes[256], back[256];
    mola_heap heap;
    mola_buf out;
    mola_heap_init(&heap, 1 << 20);
    mola_buf_init(&out, &heap);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)i;
    for (int how = 0; how < 2; how++) {
        size_t size = 0;
        out.len = 0;
        mola_s3_encode(&out, (mola_str){bytes, sizeof bytes}, (mola_s3_encoding)how);
        ck_assert(mola_s3_decode(mola_buf_str(&out), true, back, sizeof back, &size));
        ck_assert_uint_eq(size, sizeof bytes);
        ck_assert_mem_eq(back, bytes, sizeof bytes);
        ck_assert(!mola_s3_decode(mola_buf_str(&out), true, back, sizeof back - 1, &size));
    }
    out.len = 0;
    mola_s3_encode(&out, MOLA_STR("a/b+c d~"), MOLA_S3_ENCODE_PATH);
    ck_assert(mola_str_eq(mola_buf_str(&out), MOLA_STR("a/b%2Bc%20d~")));
    out.len = 0;
    mola_s3_encode(&out, MOLA_STR("a/b"), MOLA_S3_ENCODE_VALUE);
    ck_assert(mola_str_eq(mola_buf_str(&out), MOLA_STR("a%2Fb")));
    mola_buf_free(&out);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("s3 urls");
    TCase *c = tcase_create("all");
    tcase_add_test(c, a_bucket_and_a_prefix);
    tcase_add_test(c, options_are_decoded);
    tcase_add_test(c, what_is_no_url_is_refused_with_words);
    tcase_add_test(c, words_never_hold_a_secret);
    tcase_add_test(c, the_address_follows);
    tcase_add_test(c, the_environment_fills_in_where_the_url_is_silent);
    tcase_add_test(c, every_byte_survives_encoding);
    suite_add_tcase(suite, c);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
