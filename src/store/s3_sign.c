/* s3_sign.c - AWS Signature Version 4. */
#include "mola/base/check.h"
#include "s3.h"
#include <openssl/evp.h>
#include <sodium.h>
#include <stdio.h>

enum { HASH_BYTES = crypto_hash_sha256_BYTES, DAY_BYTES = 8 };

static void to_hex(const unsigned char hash[HASH_BYTES], char out[MOLA_S3_HASH_HEX])
{
    (void)sodium_bin2hex(out, MOLA_S3_HASH_HEX, hash, HASH_BYTES);
}

/* libcrypto here, libsodium for the small ones: it hashes with the CPU's own instructions, at
 * 2.0 GB/s against 0.5, and bodies are what there is much of. */
void mola_s3_hash(mola_str bytes, char out[MOLA_S3_HASH_HEX])
{
    unsigned char hash[HASH_BYTES];
    unsigned size = 0;
    int ok = EVP_Digest(bytes.data, bytes.len, hash, &size, EVP_sha256(), NULL);
    MOLA_ASSERT(ok == 1 && size == HASH_BYTES);
    to_hex(hash, out);
}

static void hmac(unsigned char out[HASH_BYTES], const void *key, size_t key_bytes, mola_str text)
{
    crypto_auth_hmacsha256_state state;
    (void)crypto_auth_hmacsha256_init(&state, key, key_bytes);
    (void)crypto_auth_hmacsha256_update(&state, (const unsigned char *)text.data, text.len);
    (void)crypto_auth_hmacsha256_final(&state, out);
}

/* Days since 1970 to a date, after H. Hinnant's "chrono-compatible low-level date algorithms". */
void mola_s3_date(uint64_t wall_s, char out[MOLA_S3_DATE_BYTES])
{
    uint32_t days = (uint32_t)(wall_s / 86400) + 719468, second = (uint32_t)(wall_s % 86400);
    uint32_t era = days / 146097, of_era = days % 146097;
    uint32_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    uint32_t of_year = of_era - (365 * year + year / 4 - year / 100);
    uint32_t shifted = (5 * of_year + 2) / 153;
    uint32_t day = of_year - (153 * shifted + 2) / 5 + 1;
    uint32_t month = shifted < 10 ? shifted + 3 : shifted - 9;
    year += era * 400 + (month <= 2);
    char text[80];
    (void)snprintf(text, sizeof text, "%04u%02u%02uT%02u%02u%02uZ", year % 10000, month, day,
                   second / 3600, second / 60 % 60, second % 60);
    memcpy(out, text, MOLA_S3_DATE_BYTES - 1);
    out[MOLA_S3_DATE_BYTES - 1] = '\0';
}

/* --- The pieces --- */

/* Runs of spaces count as one, outer ones not at all. */
typedef struct {
    crypto_hash_sha256_state hash;
} digest;

static void feed(digest *d, mola_str text)
{
    if (text.len)
        (void)crypto_hash_sha256_update(&d->hash, (const unsigned char *)text.data, text.len);
}

static void feed_value(digest *d, mola_str value)
{
    bool space = false, any = false;
    for (size_t i = 0; i < value.len; i++) {
        if (value.data[i] == ' ' || value.data[i] == '\t') {
            space = any;
            continue;
        }
        if (space)
            feed(d, MOLA_STR(" "));
        feed(d, (mola_str){value.data + i, 1});
        space = false;
        any = true;
    }
}

static void feed_names(digest *d, const mola_s3_signable *what)
{
    for (size_t i = 0; i < what->header_count; i++) {
        feed(d, i ? MOLA_STR(";") : MOLA_STR(""));
        feed(d, mola_str_of(what->headers[i].name));
    }
}

static void hash_request(const mola_s3_signable *what, char out[MOLA_S3_HASH_HEX])
{
    digest d;
    (void)crypto_hash_sha256_init(&d.hash);
    feed(&d, mola_str_of(what->method));
    feed(&d, MOLA_STR("\n"));
    feed(&d, what->path.len ? what->path : MOLA_STR("/"));
    feed(&d, MOLA_STR("\n"));
    feed(&d, what->query);
    feed(&d, MOLA_STR("\n"));
    for (size_t i = 0; i < what->header_count; i++) {
        MOLA_IMPLIES(i > 0, strcmp(what->headers[i - 1].name, what->headers[i].name) < 0);
        feed(&d, mola_str_of(what->headers[i].name));
        feed(&d, MOLA_STR(":"));
        feed_value(&d, what->headers[i].value);
        feed(&d, MOLA_STR("\n"));
    }
    feed(&d, MOLA_STR("\n"));
    feed_names(&d, what);
    feed(&d, MOLA_STR("\n"));
    feed(&d, mola_str_of(what->payload_hash));
    unsigned char hash[HASH_BYTES];
    (void)crypto_hash_sha256_final(&d.hash, hash);
    to_hex(hash, out);
}

static void sign_text(const mola_s3_signable *what, const char *secret, mola_str text,
                      char out[MOLA_S3_HASH_HEX])
{
    unsigned char key[HASH_BYTES];
    char first[4 + MOLA_S3_KEY_BYTES];
    int size = snprintf(first, sizeof first, "AWS4%s", secret);
    MOLA_ASSERT(size < (int)sizeof first);
    hmac(key, first, (size_t)size, (mola_str){what->date, DAY_BYTES});
    hmac(key, key, sizeof key, mola_str_of(what->region));
    hmac(key, key, sizeof key, mola_str_of(what->service));
    hmac(key, key, sizeof key, MOLA_STR("aws4_request"));
    hmac(key, key, sizeof key, text);
    to_hex(key, out);
    sodium_memzero(first, sizeof first);
    sodium_memzero(key, sizeof key);
}

void mola_s3_sign(const mola_s3_signable *what, const char *key_id, const char *secret,
                  mola_buf *out)
{
    char request[MOLA_S3_HASH_HEX], signature[MOLA_S3_HASH_HEX];
    char scope[DAY_BYTES + 2 * MOLA_S3_NAME_BYTES + 32], text[sizeof scope + 160];
    MOLA_ASSERT(strlen(what->date) == MOLA_S3_DATE_BYTES - 1);
    int size = snprintf(scope, sizeof scope, "%.8s/%s/%s/aws4_request", what->date, what->region,
                        what->service);
    MOLA_ASSERT(size < (int)sizeof scope);
    hash_request(what, request);
    size = snprintf(text, sizeof text, "AWS4-HMAC-SHA256\n%s\n%s\n%s", what->date, scope, request);
    MOLA_ASSERT(size < (int)sizeof text);
    sign_text(what, secret, (mola_str){text, (size_t)size}, signature);
    mola_buf_print(out, "AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=", key_id, scope);
    for (size_t i = 0; i < what->header_count; i++)
        mola_buf_print(out, "%s%s", i ? ";" : "", what->headers[i].name);
    mola_buf_print(out, ", Signature=%s", signature);
}
