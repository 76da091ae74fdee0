#include "text/unicode.h"
#include "text/unicode_tables.inc"

uint32_t mola_lower_of(uint32_t c)
{
    return c + (uint32_t)
                   mola_lower_values[mola_lower_pages[mola_lower_page_of[c >> 6] * 64U + (c & 63)]];
}
