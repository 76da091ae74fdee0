#include "scan/fold.h"

/* Made by make_fold.py; rising in `from`. */
static const mola_fold_pair pairs[] = {
#include "scan/fold_pairs.inc"
};
enum { PAIRS = sizeof pairs / sizeof *pairs };

uint32_t mola_fold_count(void)
{
    return PAIRS;
}

mola_fold_pair mola_fold_at(uint32_t index)
{
    return pairs[index];
}

uint32_t mola_fold(uint32_t c)
{
    if (c < 0x80)
        return c >= 'A' && c <= 'Z' ? c + 0x20 : c;
    uint32_t from = 0, until = PAIRS;
    while (from < until) {
        uint32_t middle = (from + until) / 2;
        if (pairs[middle].from == c)
            return pairs[middle].to;
        if (pairs[middle].from < c) {
            from = middle + 1;
        } else {
            until = middle;
        }
    }
    return c;
}
