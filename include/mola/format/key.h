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
/* d/{nsid}/s/{base16}.{rand16}/{kind}.{number8}: kind 'h' or 'o' */
mola_key mola_key_segment(mola_str org, const uint8_t nsid[16], uint64_t base, uint64_t rand,
                          char kind, uint32_t number);
/* d/{nsid}/x/{base16}.{rand16} */
mola_key mola_key_deletes(mola_str org, const uint8_t nsid[16], uint64_t base, uint64_t rand);
/* d/{nsid}/r/{id}; id: 1 to 64 bytes, in the alphabet of names */
mola_key mola_key_holder(mola_str org, const uint8_t nsid[16], mola_str id);
mola_key mola_key_hint(mola_str org, const uint8_t nsid[16]); /* q/{nsid} */
/* op/{token}; token: 1 to 64 bytes, in the alphabet of names; empty: the prefix of them all */
mola_key mola_key_operation(mola_str org, mola_str token);
/* d/{nsid}/{folder}/, for LIST; folder: w, p, s, x, r. folder 0: d/{nsid}/ */
mola_key mola_key_folder(mola_str org, const uint8_t nsid[16], char folder);
mola_key mola_key_incarnations(mola_str org);       /* d/ */
mola_key mola_key_hints(mola_str org);              /* q/ */
mola_key mola_key_pin(mola_str org, mola_str name); /* pin/{name}; pin/ when it is empty */
/* The reverse. false: not such a key. */
/* d/{nsid}/ as a LIST with delimiter gives it, or any key below it: *rest is what follows. */
bool mola_key_parse_incarnation(mola_str org, mola_str key, uint8_t nsid[16], mola_str *rest);
/* What stands behind d/{nsid}/ for p/, s/ and x/: base and rand, and what follows them. */
bool mola_key_parse_object(mola_str rest, char folder, uint64_t *base, uint64_t *rand,
                           mola_str *tail);
/* The tail of a segment's object: /{kind}.{number8} */
bool mola_key_parse_number(mola_str tail, char *kind, uint32_t *number);
bool mola_key_parse_pin(mola_str org, mola_str key, mola_str *name);
bool mola_key_parse_hint(mola_str org, mola_str key, uint8_t nsid[16]);
bool mola_key_parse_manifest(mola_str org, mola_str key, mola_str *name);
bool mola_key_parse_entry(mola_str org, mola_str key, uint8_t nsid[16], uint64_t *seq);
/* [A-Za-z0-9-_.]{1,128}, not "." or "..". */
bool mola_name_ok(mola_str name);
