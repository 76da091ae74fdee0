/* A pattern up to the first NUL byte, and a value behind it: refused with words, or both automata
 * say the same; a value matches the pattern of itself; Glob and Fuzzy take anything, too. */
#include "fuzz.h"
#include "mola/model/value.h"
#include "scan/fuzzy.h"
#include "scan/glob.h"
#include "scan/regex.h"

static void try_glob(mola_arena *arena, mola_str pattern, mola_str value)
{
    for (int how = MOLA_GLOB_CASE_EXACT; how <= MOLA_GLOB_CASE_FOLDED; how++) {
        const mola_glob *glob;
        mola_glob_result result = mola_glob_compile(arena, pattern, (mola_glob_case)how, &glob);
        FUZZ_CHECK(result != MOLA_GLOB_NO_MEMORY);
        if (result == MOLA_GLOB_OK)
            (void)mola_glob_matches(glob, value, NULL);
    }
}

static void try_fuzzy(mola_arena *arena, mola_str text, mola_str value)
{
    size_t chars = mola_fuzzy_chars(text);
    bool before = false;
    for (uint32_t edits = 0; edits <= MOLA_FUZZY_EDITS_MAX; edits++) {
        if (chars <= edits || chars > MOLA_FUZZY_CHARS_MAX)
            return;
        const mola_fuzzy *fuzzy = mola_fuzzy_make(arena, text, edits, MOLA_FUZZY_CASE_FREE);
        FUZZ_CHECK(fuzzy != NULL);
        FUZZ_CHECK(mola_fuzzy_matches(fuzzy, text));
        bool found = mola_fuzzy_matches(fuzzy, value);
        FUZZ_CHECK(found || !before); /* more edits find no less */
        before = found;
    }
}

/* With a branch that the value does not have, and for which no table is small enough, the steps are
 * walked: the answer stays. */
static void try_regex(mola_arena *arena, mola_str pattern, mola_str value)
{
    const mola_regex *plain, *wide;
    const char *why;
    mola_str text;
    mola_regex_result result = mola_regex_compile(arena, pattern, &plain, &why);
    FUZZ_CHECK(result != MOLA_REGEX_NO_MEMORY);
    FUZZ_CHECK(result != MOLA_REGEX_INVALID || (why && *why));
    if (result != MOLA_REGEX_OK)
        return;
    bool found = mola_regex_matches(plain, value, NULL);
    mola_arena little;
    mola_arena_init(&little, arena->heap, pattern.len * 37 % 4096);
    result = mola_regex_compile(&little, pattern, &wide, &why);
    FUZZ_CHECK(result == MOLA_REGEX_OK || result == MOLA_REGEX_NO_MEMORY);
    mola_arena_reset(&little);
    if (value.len && memmem(value.data, value.len, "\xf4\x8f\xbf\xbf", 4))
        return;
    FUZZ_CHECK(mola_arena_print(arena, &text, "(?:" MOLA_FMT ")|\\x{10ffff}[^b]*a[^b]{12}b",
                                MOLA_ARG(pattern)));
    if (mola_regex_compile(arena, text, &wide, &why) == MOLA_REGEX_OK)
        FUZZ_CHECK(mola_regex_matches(wide, value, NULL) == found);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { SIZE_LIMIT = 600 };
    const uint8_t *nul = size ? memchr(data, 0, size) : NULL;
    size_t head = nul ? (size_t)(nul - data) : size;
    size_t tail = nul ? size - head - 1 : 0;
    mola_heap heap;
    mola_arena arena;
    mola_heap_init(&heap, (size_t)1 << 28);
    mola_arena_init(&arena, &heap, (size_t)1 << 28);
    char *first = fuzz_copy(data, head, 0, 0), *second = fuzz_copy(data + size - tail, tail, 0, 0);
    mola_str pattern = {first, head}, value = {second, tail};
    if (size < SIZE_LIMIT && mola_utf8_ok(pattern) && mola_utf8_ok(value)) {
        try_regex(&arena, pattern, value);
        try_glob(&arena, pattern, value);
        try_fuzzy(&arena, pattern, value);
    }
    free(first);
    free(second);
    mola_arena_reset(&arena);
    FUZZ_CHECK(atomic_load(&heap.used) == 0);
    return 0;
}
