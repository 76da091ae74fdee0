#include "text/stem_env.h"
#include <stddef.h>

#include "text/stem/arabic.inc"
#include "text/stem/greek.inc"
#include "text/stem/hungarian.inc"
#include "text/stem/russian.inc"
#include "text/stem/tamil.inc"
#include "text/stem/turkish.inc"

bool mola_stem_arabic(mola_stem_env *env)
{
    return arabic_stem(env);
}

bool mola_stem_greek(mola_stem_env *env)
{
    return greek_stem(env);
}

bool mola_stem_hungarian(mola_stem_env *env)
{
    return hungarian_stem(env);
}

bool mola_stem_russian(mola_stem_env *env)
{
    return russian_stem(env);
}

bool mola_stem_tamil(mola_stem_env *env)
{
    return tamil_stem(env);
}

bool mola_stem_turkish(mola_stem_env *env)
{
    return turkish_stem(env);
}
