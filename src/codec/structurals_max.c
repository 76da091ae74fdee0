#include "codec/structurals.h"
#include <string.h>

enum { LANES = 16, BLOCKS = 255 /* a lane counts that far */, SHORT_TEXT = 1024 };
typedef uint8_t lanes __attribute__((vector_size(LANES)));

static size_t sum(lanes counts)
{
    size_t total = 0;
    for (int i = 0; i < LANES; i++)
        total += counts[i];
    return total;
}

/* The structural pass finds operators, and runs of other bytes that begin the text or follow an
 * operator, white space or a quote. So each operator counts for two, and each quote and white space
 * for one: a text of numbers has just that many, and no text has more, whatever is inside its
 * strings. Bytes are matched loosely, since more is safe: simdjson takes 0x0c and 0x1a for
 * operators (which its callers refuse later), and other control characters count as white space. */
size_t mola_structurals_max(const char *text, size_t size)
{
    if (size <= SHORT_TEXT)
        return size;
    size_t total = 1;
    for (size_t at = 0; at < size;) {
        lanes operators = {0}, others = {0};
        for (int block = 0; block < BLOCKS && at < size; block++, at += LANES) {
            lanes c;
            memcpy(&c, text + at, LANES);
            lanes folded = c | 0x20; /* [ ] are { } then */
            operators -= (lanes)(folded == ',') | (lanes)(folded == ':') | (lanes)(folded == '{') |
                         (lanes)(folded == '}');
            others -= (lanes)(c <= ' ') | (lanes)(c == '"');
        }
        total += 2 * sum(operators) + sum(others);
    }
    return total < size ? total : size;
}
