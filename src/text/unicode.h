/* unicode.h - what is known of a character: tables made by make_unicode.mjs, two stages each. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

typedef enum { /* Word_Break */
               MOLA_WB_OTHER,
               MOLA_WB_CR,
               MOLA_WB_LF,
               MOLA_WB_NEWLINE,
               MOLA_WB_EXTEND,
               MOLA_WB_ZWJ,
               MOLA_WB_FORMAT,
               MOLA_WB_REGIONAL,
               MOLA_WB_KATAKANA,
               MOLA_WB_HEBREW,
               MOLA_WB_LETTER,
               MOLA_WB_SINGLE_QUOTE,
               MOLA_WB_DOUBLE_QUOTE,
               MOLA_WB_MID_NUM_LET,
               MOLA_WB_MID_LETTER,
               MOLA_WB_MID_NUM,
               MOLA_WB_NUMERIC,
               MOLA_WB_EXTEND_NUM_LET,
               MOLA_WB_SPACE,
} mola_word_break;

typedef enum { /* Sentence_Break */
               MOLA_SB_OTHER,
               MOLA_SB_CR,
               MOLA_SB_LF,
               MOLA_SB_SEP,
               MOLA_SB_EXTEND,
               MOLA_SB_FORMAT,
               MOLA_SB_SPACE,
               MOLA_SB_LOWER,
               MOLA_SB_UPPER,
               MOLA_SB_LETTER,
               MOLA_SB_NUMERIC,
               MOLA_SB_ATERM,
               MOLA_SB_CONTINUE,
               MOLA_SB_STERM,
               MOLA_SB_CLOSE,
} mola_sentence_break;

enum { /* the other bits of a property */
       MOLA_IS_PICTOGRAPH = 1 << 9,
       MOLA_IS_WORDLIKE = 1 << 10,
       MOLA_IS_ALNUM_16 = 1 << 11, /* letter or number in Unicode 16 */
       MOLA_IS_IDEOGRAPH_16 = 1 << 12,
       MOLA_IS_ALNUM_10 = 1 << 13,
       MOLA_IS_SPACE = 1 << 14,
};

extern const uint16_t mola_property_values[];
extern const uint8_t mola_property_pages[];
extern const uint16_t mola_property_page_of[];

/* `c` is below 0x110000. */
static inline uint16_t mola_property(uint32_t c)
{
    return mola_property_values[mola_property_pages[mola_property_page_of[c >> 6] * 64U +
                                                    (c & 63)]];
}
static inline mola_word_break mola_word_break_of(uint16_t property)
{
    return (mola_word_break)(property & 31);
}
static inline mola_sentence_break mola_sentence_break_of(uint16_t property)
{
    return (mola_sentence_break)(property >> 5 & 15);
}

/* The simple lower case of a character. */
uint32_t mola_lower_of(uint32_t c);
