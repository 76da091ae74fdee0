/* key.h - the names of objects: one function builds every key (protocol section 1). */
#pragma once
#include "mola/base/arena.h"

typedef struct {
    char text[256];
    size_t len;
} mola_key;
static inline mola_str mola_key_str(const mola_key *key)
{
    return (mola_str){key->text, key->len};
}
/* `org` is empty for the default organisation, else keys lie under o/{org}/ (org: up to 64 bytes).
 */
mola_key mola_key_manifest(mola_str org, mola_str name); /* ns/{name} */
/* d/{nsid}/w/{inv16}: newest first in LIST; seq < 2^63 */
mola_key mola_key_entry(mola_str org, const uint8_t nsid[16], uint64_t seq);
/* d/{nsid}/p/{base16}.{rand16} */
mola_key mola_key_payload(mola_str org, const uint8_t nsid[16], uint64_t base, uint64_t rand);
mola_key mola_key_log_prefix(mola_str org, const uint8_t nsid[16]); /* d/{nsid}/w/ */
mola_key mola_key_names_prefix(mola_str org, mola_str name_prefix); /* ns/{prefix} */
/* The reverse. false: not such a key. */
bool mola_key_parse_manifest(mola_str org, mola_str key, mola_str *name);
bool mola_key_parse_entry(mola_str org, mola_str key, uint8_t nsid[16], uint64_t *seq);
/* [A-Za-z0-9-_.]{1,128}, not "." or "..". */
bool mola_name_ok(mola_str name);
