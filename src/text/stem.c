#include "text/stem.h"
#include "mola/text/text.h"

static bool (*const stemmers[])(mola_stem_env *) = {
    mola_stem_arabic,    mola_stem_danish,  mola_stem_dutch,     mola_stem_english,
    mola_stem_finnish,   mola_stem_french,  mola_stem_german,    mola_stem_greek,
    mola_stem_hungarian, mola_stem_italian, mola_stem_norwegian, mola_stem_portuguese,
    mola_stem_romanian,  mola_stem_russian, mola_stem_spanish,   mola_stem_swedish,
    mola_stem_tamil,     mola_stem_turkish,
};
_Static_assert(sizeof stemmers / sizeof *stemmers == MOLA_TEXT_LANGUAGES, "one for each language");

static void begin(mola_stem_env *env, mola_str word)
{
    memcpy(env->text, word.data, word.len);
    env->cursor = env->bra = env->limit_backward = 0;
    env->limit = env->ket = (int32_t)word.len;
    env->broken = false;
    env->i_length = env->i_p1 = env->i_p2 = env->i_pV = env->i_strlen = env->i_word_len = env->i_x =
        0;
    env->b_Y_found = env->b_continue_stemming_noun_suffixes = env->b_e_found =
        env->b_ending_removed = env->b_found_a_match = env->b_found_vetrumai_urupu =
            env->b_found_wrong_ending = env->b_is_defined = env->b_is_noun = env->b_is_verb =
                env->b_standard_suffix_removed = env->b_test1 = false;
    env->kept_len = 0;
}

mola_str mola_stem(mola_stem_env *env, uint8_t language, mola_str word)
{
    MOLA_ASSERT(language < MOLA_TEXT_LANGUAGES);
    if (word.len > MOLA_STEM_WORD_BYTES)
        return word;
    begin(env, word);
    (void)stemmers[language](env); /* no: nothing more was to be cut */
    return env->broken ? word : (mola_str){(const char *)env->text, (size_t)env->limit};
}
