/* Signatures against those that AWS has published: the suite "aws-sig-v4-test-suite" and the
 * examples of the S3 documentation. */
#include "store/s3.h"
#include <check.h>
#include <stdio.h>

#define EMPTY_HASH "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
static const char suite_id[] = "AKIDEXAMPLE";
static const char suite_secret[] = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
static const char s3_id[] = "AKIAIOSFODNN7EXAMPLE";
static const char s3_secret[] = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

typedef struct {
    const char *name, *method, *path, *query, *payload_hash;
    mola_s3_header headers[8];
    const char *signature;
} vector;

#define H(name, value)                                                                             \
    {                                                                                              \
        name, MOLA_STR_C(value)                                                                    \
    }
#define SUITE_HOST H("host", "example.amazonaws.com")
#define SUITE_DATE H("x-amz-date", "20150830T123600Z")
static const vector suite_vectors[] = {
    {"get-vanilla",
     "GET",
     "/",
     "",
     EMPTY_HASH,
     {SUITE_HOST, SUITE_DATE},
     "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
    {"no path",
     "GET",
     "",
     "",
     EMPTY_HASH,
     {SUITE_HOST, SUITE_DATE},
     "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
    {"post-vanilla",
     "POST",
     "/",
     "",
     EMPTY_HASH,
     {SUITE_HOST, SUITE_DATE},
     "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
    {"get-vanilla-query-order-key-case",
     "GET",
     "/",
     "Param1=value1&Param2=value2",
     EMPTY_HASH,
     {SUITE_HOST, SUITE_DATE},
     "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
    {"get-vanilla-empty-query-key",
     "GET",
     "/",
     "Param1=value1",
     EMPTY_HASH,
     {SUITE_HOST, SUITE_DATE},
     "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb"},
    {"get-unreserved",
     "GET",
     "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
     "",
     EMPTY_HASH,
     {SUITE_HOST, SUITE_DATE},
     "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"},
    {"get-header-value-trim",
     "GET",
     "/",
     "",
     EMPTY_HASH,
     {SUITE_HOST, H("my-header1", "  value1  "), H("my-header2", "\"a   b   c\""), SUITE_DATE},
     "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
};

#define S3_HOST  H("host", "examplebucket.s3.amazonaws.com")
#define S3_DATE  H("x-amz-date", "20130524T000000Z")
#define PUT_HASH "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"
static const vector s3_vectors[] = {
    {"get object",
     "GET",
     "/test.txt",
     "",
     EMPTY_HASH,
     {S3_HOST, H("range", "bytes=0-9"), H("x-amz-content-sha256", EMPTY_HASH), S3_DATE},
     "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
    {"put object",
     "PUT",
     "/test%24file.text",
     "",
     PUT_HASH,
     {H("date", "Fri, 24 May 2013 00:00:00 GMT"), S3_HOST, H("x-amz-content-sha256", PUT_HASH),
      S3_DATE, H("x-amz-storage-class", "REDUCED_REDUNDANCY")},
     "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"},
    {"get bucket lifecycle",
     "GET",
     "/",
     "lifecycle=",
     EMPTY_HASH,
     {S3_HOST, H("x-amz-content-sha256", EMPTY_HASH), S3_DATE},
     "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
    {"list objects",
     "GET",
     "/",
     "max-keys=2&prefix=J",
     EMPTY_HASH,
     {S3_HOST, H("x-amz-content-sha256", EMPTY_HASH), S3_DATE},
     "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
};

static void try_vector(const vector *v, const char *service, const char *date, const char *id,
                       const char *secret)
{
    char expected[512], names[256] = "";
    size_t count = 0;
    for (; count < 8 && v->headers[count].name; count++) {
        size_t used = strlen(names);
        (void)snprintf(names + used, sizeof names - used, "%s%s", count ? ";" : "",
                       v->headers[count].name);
    }
    const mola_s3_signable what = {.method = v->method,
                                   .path = mola_str_of(v->path),
                                   .query = mola_str_of(v->query),
                                   .headers = v->headers,
                                   .header_count = count,
                                   .payload_hash = v->payload_hash,
                                   .region = "us-east-1",
                                   .service = service,
                                   .date = date};
    mola_heap heap;
    mola_buf out;
    mola_heap_init(&heap, 1 << 20);
    mola_buf_init(&out, &heap);
    mola_s3_sign(&what, id, secret, &out);
    (void)snprintf(expected, sizeof expected,
                   "AWS4-HMAC-SHA256 Credential=%s/%.8s/us-east-1/%s/aws4_request, "
                   "SignedHeaders=%s, Signature=%s",
                   id, date, service, names, v->signature);
    ck_assert_msg(mola_str_eq(mola_buf_str(&out), mola_str_of(expected)), "%s: " MOLA_FMT, v->name,
                  MOLA_ARG(mola_buf_str(&out)));
    mola_buf_free(&out);
}

START_TEST(the_published_suite_is_signed_alike)
{
    try_vector(&suite_vectors[_i], "service", "20150830T123600Z", suite_id, suite_secret);
}
END_TEST

START_TEST(the_examples_of_s3_are_signed_alike)
{
    try_vector(&s3_vectors[_i], "s3", "20130524T000000Z", s3_id, s3_secret);
}
END_TEST

START_TEST(hashes_are_sha256)
{
    char hash[MOLA_S3_HASH_HEX];
    mola_s3_hash(MOLA_STR(""), hash);
    ck_assert_str_eq(hash, EMPTY_HASH);
    mola_s3_hash((mola_str){0}, hash);
    ck_assert_str_eq(hash, EMPTY_HASH);
    mola_s3_hash(MOLA_STR("Welcome to Amazon S3."), hash);
    ck_assert_str_eq(hash, PUT_HASH);
}
END_TEST

START_TEST(dates_are_of_the_calendar)
{
    static const struct {
        uint64_t seconds;
        const char *text;
    } cases[] = {
        {0, "19700101T000000Z"},          {951782399, "20000228T235959Z"},
        {951782400, "20000229T000000Z"},  {951868800, "20000301T000000Z"},
        {1369353600, "20130524T000000Z"}, {1440938160, "20150830T123600Z"},
        {1735689599, "20241231T235959Z"}, {4107542400, "21000301T000000Z"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char out[MOLA_S3_DATE_BYTES];
        mola_s3_date(cases[i].seconds, out);
        ck_assert_str_eq(out, cases[i].text);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("s3 signing");
    TCase *c = tcase_create("all");
    tcase_add_loop_test(c, the_published_suite_is_signed_alike, 0,
                        sizeof suite_vectors / sizeof *suite_vectors);
    tcase_add_loop_test(c, the_examples_of_s3_are_signed_alike, 0,
                        sizeof s3_vectors / sizeof *s3_vectors);
    tcase_add_test(c, hashes_are_sha256);
    tcase_add_test(c, dates_are_of_the_calendar);
    suite_add_tcase(suite, c);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
