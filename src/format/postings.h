/* postings.h - what the images of postings and of their dictionaries share. */
#pragma once
#include "mola/codec/bytes.h"
#include "mola/text/text.h"

/* Which attribute an image is of, and how its texts were analysed: 12 bytes. */
void mola_add_text_identity(mola_buf *out, uint32_t attr, const mola_analysis *analysis);
/* Takes them; false: they say something else. */
bool mola_take_text_identity(mola_cursor *c, uint32_t attr, const mola_analysis *analysis);
