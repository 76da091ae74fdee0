#include "codec/structurals.h"
#include <string.h>

enum { LANES = 16, BLOCKS_PER_SUM = 255, /* a lane counts that far */ SHORT_TEXT = 1024 };
typedef uint8_t lanes __attribute__((vector_size(LANES)));

static uint64_t sum(lanes counts)
{
    uint64_t total = 0;
    for (int i = 0; i < LANES; i++)
        total += counts[i];
    return total;
}

/* Counts operators, and first bytes of runs that follow white space, an operator or a quote,
 * without knowing what is inside a string: never less than the structural pass finds, and the same
 * for a text of numbers. Operators are matched as loosely as simdjson does it (0x0c and 0x1a are
 * among them, its callers refuse them later). */
size_t mola_structurals_max(const char *text, size_t size)
{
    if (size <= SHORT_TEXT)
        return size;
    size_t total = 1;
    lanes separator_before = {0};
    separator_before[LANES - 1] = 0xff; /* the text begins as if after a separator */
    for (size_t at = 0; at < size;) {
        lanes counts = {0};
        for (int block = 0; block < BLOCKS_PER_SUM && at < size; block++, at += LANES) {
            lanes c;
            memcpy(&c, text + at, LANES);
            lanes folded = c | 0x20;
            lanes operators = (lanes)(folded == ',') | (lanes)(folded == ':') |
                              (lanes)(folded == '{') | (lanes)(folded == '}');
            lanes space =
                (lanes)(c == ' ') | (lanes)(c == '\n') | (lanes)(c == '\r') | (lanes)(c == '\t');
            lanes separators = operators | space | (lanes)(c == '"');
            lanes after = __builtin_shufflevector(separator_before, separators, 15, 16, 17, 18, 19,
                                                  20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30);
            counts -= operators | (after & ~space);
            separator_before = separators;
        }
        total += sum(counts);
    }
    return total < size ? total : size;
}
