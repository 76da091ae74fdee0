/* golden.h - images that were written once and must read, and be written, the same for ever.
 *
 * The files lie in the directory that MOLA_GOLDEN_DIR names. A format that changes gets a new file
 * beside the old one, which must go on reading. MOLA_GOLDEN_WRITE=1 writes what is not there yet.
 */
#pragma once
#include "../model/common.h"

/* The file's bytes in the arena. */
__attribute__((unused)) static mola_str golden(const char *name, mola_str made)
{
    char path[512];
    const char *folder = getenv("MOLA_GOLDEN_DIR");
    (void)snprintf(path, sizeof path, "%s/%s", folder ? folder : "tests/golden", name);
    FILE *file = fopen(path, "rb");
    if (!file && getenv("MOLA_GOLDEN_WRITE")) {
        FILE *new = fopen(path, "wb");
        ck_assert_ptr_nonnull(new);
        ck_assert_uint_eq(fwrite(made.data, 1, made.len, new), made.len);
        ck_assert_int_eq(fclose(new), 0);
        file = fopen(path, "rb");
    }
    ck_assert_msg(file != NULL, "%s is missing", path);
    char *bytes = mola_arena_alloc(&arena, 1 << 16, 1, 64);
    ck_assert_ptr_nonnull(bytes);
    size_t len = fread(bytes, 1, 1 << 16, file);
    ck_assert_int_eq(fclose(file), 0);
    return (mola_str){bytes, len};
}
