/* dictionary.h - what the reader and the builder of dictionaries share. */
#pragma once
#include "format/postings.h"
#include "format/terms.h"
#include "mola/format/dictionary.h"

enum { MOLA_DICTIONARY_MAGIC = 0x31434454, MOLA_DICTIONARY_HEAD_BYTES = 64 }; /* "TDC1" */

/* Where the search for a term begins. Shards take the upper half of the hash, slots the lower. */
uint64_t mola_dictionary_hash(mola_str term);
