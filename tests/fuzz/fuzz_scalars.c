/* Any text as a date, a UUID and base64: what is taken prints as something that is taken as the
 * same. Any bits as floats: what is printed reads back. */
#include "fuzz.h"
#include "mola/codec/base64.h"
#include "mola/codec/datetime.h"
#include "mola/codec/f16.h"
#include "mola/codec/print.h"
#include "mola/codec/uuid.h"
#include <math.h>

static void try_datetime(mola_str text, mola_buf *out)
{
    int64_t ms, again;
    if (!mola_datetime_parse(text, &ms))
        return;
    out->len = 0;
    mola_datetime_print(out, ms);
    FUZZ_CHECK(out->len == sizeof "2024-03-02T00:00:00.000000000Z" - 1);
    FUZZ_CHECK(mola_datetime_parse(mola_buf_str(out), &again) && again == ms);
}

static void try_uuid(mola_str text, mola_buf *out)
{
    uint8_t uuid[16], again[16];
    if (!mola_uuid_parse(text, uuid))
        return;
    out->len = 0;
    mola_uuid_print(out, uuid);
    FUZZ_CHECK(mola_uuid_parse(mola_buf_str(out), again) && memcmp(uuid, again, 16) == 0);
}

/* Strict: no two texts decode to the same bytes. */
static void try_base64(mola_str text, mola_buf *out)
{
    size_t size;
    if (mola_base64_decoded_size(text, &size)) {
        uint8_t *bytes = malloc(size ? size : 1);
        FUZZ_CHECK(bytes != NULL);
        if (mola_base64_decode(text, bytes)) {
            out->len = 0;
            mola_base64_print(out, bytes, size);
            FUZZ_CHECK(mola_str_eq(mola_buf_str(out), text));
        }
        free(bytes);
    }
    out->len = 0;
    mola_base64_print(out, text.data, text.len);
    char *back = malloc(text.len ? text.len : 1);
    FUZZ_CHECK(back != NULL && mola_base64_decode(mola_buf_str(out), back));
    FUZZ_CHECK(mola_str_eq((mola_str){back, text.len}, text));
    free(back);
}

static void try_floats(mola_str bits, mola_buf *out)
{
    double d;
    float f;
    if (bits.len < sizeof d)
        return;
    memcpy(&d, bits.data, sizeof d);
    memcpy(&f, bits.data, sizeof f);
    out->len = 0;
    mola_print_f64(out, d);
    mola_buf_add_char(out, '\0');
    double d_back = strtod(out->data, NULL);
    FUZZ_CHECK(isfinite(d) ? memcmp(&d, &d_back, sizeof d) == 0 : strcmp(out->data, "null") == 0);
    out->len = 0;
    mola_print_f32(out, f);
    mola_buf_add_char(out, '\0');
    float f_back = strtof(out->data, NULL);
    FUZZ_CHECK(isfinite(f) ? memcmp(&f, &f_back, sizeof f) == 0 : strcmp(out->data, "null") == 0);
    uint16_t half = mola_f16_from_f32(f);
    FUZZ_CHECK(mola_f16_from_f32(mola_f16_to_f32(half)) == half);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mola_heap heap;
    mola_heap_init(&heap, 1 << 26);
    mola_buf out;
    mola_buf_init(&out, &heap);
    char *copy = fuzz_copy(data, size, 0, 0);
    mola_str text = {copy, size};
    try_datetime(text, &out);
    try_uuid(text, &out);
    try_base64(text, &out);
    try_floats(text, &out);
    mola_buf_free(&out);
    free(copy);
    return 0;
}
