/* Any bytes as what comes from outside to the s3: driver: documents of a store, its URL, a shared
 * credentials file, the answer of a credentials service. */
#include "fuzz.h"
#include "store/s3.h"

enum { HEAP_BYTES = 64 << 20 };

static void try_documents(mola_str text, mola_heap *heap)
{
    mola_arena arena;
    mola_s3_listing l;
    mola_s3_error e;
    mola_why why = {.len = 0};
    char id[64];
    mola_arena_init(&arena, heap, HEAP_BYTES / 2);
    mola_err err = mola_s3_listing_parse(text, &arena, &l, &why);
    FUZZ_CHECK(err == MOLA_OK || why.len > 0);
    for (uint32_t i = 0; !err && i < l.key_count; i++)
        FUZZ_CHECK(l.keys[i].key.len > 0 && l.keys[i].key.len <= text.len);
    FUZZ_CHECK(err || !l.truncated || l.next.len > 0);
    mola_arena_reset(&arena);
    mola_s3_error_parse(text, &e);
    FUZZ_CHECK(strlen(e.code) < sizeof e.code && strlen(e.message) < sizeof e.message);
    if (mola_s3_element(text, "UploadId", id, sizeof id))
        FUZZ_CHECK(strlen(id) > 0 && strlen(id) < sizeof id);
}

static void try_url(mola_str text, mola_heap *heap)
{
    mola_s3_settings s;
    mola_why why = {.len = 0};
    if (mola_s3_url_parse(text, &s, &why) == MOLA_OK) {
        FUZZ_CHECK(strlen(s.bucket) >= 3);
        FUZZ_CHECK(!s.prefix[0] || mola_store_key_ok(mola_str_of(s.prefix)));
        if (mola_s3_settings_settle(&s, &why) == MOLA_OK)
            FUZZ_CHECK(strncmp(s.origin, "http", 4) == 0 && s.host[0]);
    }
    FUZZ_CHECK(why.len == 0 || why.text[0]);
    size_t size;
    char *back = malloc(text.len ? text.len : 1);
    mola_buf out;
    mola_buf_init(&out, heap);
    mola_s3_encode(&out, text, MOLA_S3_ENCODE_VALUE);
    FUZZ_CHECK(mola_s3_decode(mola_buf_str(&out), true, back, text.len, &size));
    FUZZ_CHECK(mola_str_eq((mola_str){back, size}, text));
    mola_buf_free(&out);
    free(back);
}

static void try_credentials(mola_str text, mola_env *env)
{
    static mola_s3_keys keys;
    mola_why why = {.len = 0};
    memset(&keys, 0, sizeof keys);
    if (mola_s3_profile_parse(text, MOLA_STR("default"), &keys, &why) == MOLA_OK)
        FUZZ_CHECK(keys.access_key_id[0] && keys.secret_access_key[0]);
    memset(&keys, 0, sizeof keys);
    if (mola_s3_keys_parse_json(env, text, &keys, &why) == MOLA_OK)
        FUZZ_CHECK(keys.access_key_id[0] && keys.session_token[0] && keys.expires_s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mola_heap heap;
    mola_heap_init(&heap, HEAP_BYTES);
    mola_env env = {.heap = &heap};
    char *copy = fuzz_copy(data, size, 0, 0);
    mola_str text = {copy, size};
    try_documents(text, &heap);
    try_url(text, &heap);
    try_credentials(text, &env);
    free(copy);
    FUZZ_CHECK(atomic_load(&heap.used) == 0);
    return 0;
}
