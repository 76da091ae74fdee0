#include "text/stem_env.h"
#include <stddef.h>

#include "text/stem/french.inc"
#include "text/stem/italian.inc"
#include "text/stem/portuguese.inc"
#include "text/stem/romanian.inc"
#include "text/stem/spanish.inc"

bool mola_stem_french(mola_stem_env *env)
{
    return french_stem(env);
}

bool mola_stem_italian(mola_stem_env *env)
{
    return italian_stem(env);
}

bool mola_stem_portuguese(mola_stem_env *env)
{
    return portuguese_stem(env);
}

bool mola_stem_romanian(mola_stem_env *env)
{
    return romanian_stem(env);
}

bool mola_stem_spanish(mola_stem_env *env)
{
    return spanish_stem(env);
}
