#include "text/stem_env.h"
#include <stddef.h>

#include "text/stem/danish.inc"
#include "text/stem/dutch.inc"
#include "text/stem/english.inc"
#include "text/stem/finnish.inc"
#include "text/stem/german.inc"
#include "text/stem/norwegian.inc"
#include "text/stem/swedish.inc"

bool mola_stem_danish(mola_stem_env *env)
{
    return danish_stem(env);
}

bool mola_stem_dutch(mola_stem_env *env)
{
    return dutch_stem(env);
}

bool mola_stem_english(mola_stem_env *env)
{
    return english_stem(env);
}

bool mola_stem_finnish(mola_stem_env *env)
{
    return finnish_stem(env);
}

bool mola_stem_german(mola_stem_env *env)
{
    return german_stem(env);
}

bool mola_stem_norwegian(mola_stem_env *env)
{
    return norwegian_stem(env);
}

bool mola_stem_swedish(mola_stem_env *env)
{
    return swedish_stem(env);
}
