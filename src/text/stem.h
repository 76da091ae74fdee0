/* stem.h - the stem of one word. */
#pragma once
#include "mola/base/str.h"
#include "text/stem_env.h"

/* `language` counts mola_text_language. The stem stands in `env` until the next call, or is `word`
 * itself: one that is too long, or that the algorithm stumbles over. */
mola_str mola_stem(mola_stem_env *env, uint8_t language, mola_str word);
