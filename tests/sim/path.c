/* path.c - how long requests and answers are under way, and what an ill path does to bytes. */
#include "world.h"

uint64_t world_latency(void)
{
    uint64_t r = sim_below(100);
    return MOLA_MILLISECOND * (r < 80   ? 5 + sim_below(20)
                               : r < 98 ? 25 + sim_below(200)
                                        : 500 + sim_below(3000));
}

static void exchange(char *a, char *b)
{
    char kept = *a;
    *a = *b;
    *b = kept;
}

/* Two neighbours in a byte. */
static void exchange_bits(char *byte)
{
    uint64_t i = sim_below(7);
    unsigned value = (unsigned char)*byte, differ = (value >> i ^ value >> (i + 1)) & 1;
    *byte = (char)(value ^ differ << i ^ differ << (i + 1));
}

/* What a plain sum or a count of bits would not notice, too; and a quarter of it near the end,
 * where images have what is small in them. */
size_t world_damage(char *bytes, size_t size)
{
    size_t near = size < 32 ? size : 32;
    char *at = bytes + (sim_below(4) ? sim_below(size) : size - 1 - sim_below(near));
    switch (sim_below(8)) {
    case 0:
        return sim_below(size);
    case 1:
        exchange(at, bytes + sim_below(size));
        break;
    case 2:
    case 3:
    case 4:
        exchange_bits(at);
        break;
    default:
        *at = (char)(*at ^ 1 << sim_below(8));
    }
    return size;
}
