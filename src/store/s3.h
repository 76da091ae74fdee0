/* s3.h - the s3: driver: an operation becomes a signed HTTP request, its answer an outcome.
 * Private to store/.
 *
 *   s3.c              open, run, close
 *   s3_url.c          the URL, percent encoding     s3_settings.c     what the environment adds
 *   s3_sign.c         AWS Signature Version 4       s3_xml.c          answers of the store
 *   s3_call.c         one operation as a request    s3_outcome.c      what an answer means
 *   s3_list.c         pages                         s3_multipart.c    large plain PUTs
 *   s3_credentials.c  keys, and when they end       s3_provider.c     where they come from
 *
 * A request is signed when it is sent, with the clock of that moment. Signing is ours, not
 * libcurl's: the library's needs the query sorted and the payload hash given anyway, signs other
 * headers in every version, and forbids to sign the conditions. We sign them, so that nothing on
 * the way can drop an If-None-Match unseen. */
#pragma once
#include "mola/base/ref.h"
#include "mola/store/http_client.h"
#include "mola/store/preflight.h"

/* --- Settings --- */

enum {
    MOLA_S3_NAME_BYTES = 64,   /* bucket, region */
    MOLA_S3_TEXT_BYTES = 512,  /* prefix, endpoint, profile */
    MOLA_S3_PATH_BYTES = 1024, /* of files */
    MOLA_S3_KEY_BYTES = 256,   /* ids and secrets */
    MOLA_S3_TOKEN_BYTES = 8192
};
typedef enum { MOLA_S3_STYLE_AUTO, MOLA_S3_STYLE_PATH, MOLA_S3_STYLE_VIRTUAL } mola_s3_style;
typedef struct {
    char bucket[MOLA_S3_NAME_BYTES], region[MOLA_S3_NAME_BYTES];
    char prefix[MOLA_S3_TEXT_BYTES]; /* without slashes at its ends */
    char endpoint[MOLA_S3_TEXT_BYTES];
    char profile[MOLA_S3_NAME_BYTES];
    char ca_file[MOLA_S3_PATH_BYTES];
    char access_key_id[MOLA_S3_KEY_BYTES], secret_access_key[MOLA_S3_KEY_BYTES];
    mola_s3_style style;

    /* Made of the above by mola_s3_settings_settle. */
    char origin[MOLA_S3_TEXT_BYTES + MOLA_S3_NAME_BYTES]; /* scheme://host[:port] */
    const char *host;                                     /* in origin: for the Host header */
    char base_path[MOLA_S3_TEXT_BYTES];                   /* "", "/bucket", "/some/where/bucket" */
} mola_s3_settings;

/* `place`: what follows "s3:". MOLA_INVALID with words, which never contain a secret. */
mola_err mola_s3_url_parse(mola_str place, mola_s3_settings *out, mola_why *why) MOLA_NODISCARD;
/* Adds what the environment says where the URL is silent, and makes the origin. */
mola_err mola_s3_settings_settle(mola_s3_settings *s, mola_why *why) MOLA_NODISCARD;
/* Of the environment, or "" (never NULL). */
const char *mola_s3_environment(const char *name);
/* Everything but A-Za-z0-9-_.~ (and '/' in paths) as %XX. */
typedef enum { MOLA_S3_ENCODE_PATH, MOLA_S3_ENCODE_VALUE } mola_s3_encoding;
void mola_s3_encode(mola_buf *out, mola_str text, mola_s3_encoding how);
/* %XX and, in the URLs that stores encode keys with, '+'. false: not well-formed, or no room. */
bool mola_s3_decode(mola_str text, bool plus_is_space, char *out, size_t room, size_t *size);

/* --- Credentials --- */

typedef struct {
    mola_ref ref;
    char access_key_id[MOLA_S3_KEY_BYTES], secret_access_key[MOLA_S3_KEY_BYTES];
    char session_token[MOLA_S3_TOKEN_BYTES];
    uint64_t expires_s; /* seconds since 1970 in the store's time; 0: never */
} mola_s3_keys;

/* Which of the sources it is, is settled once, by what is configured. */
typedef enum {
    MOLA_S3_FROM_SETTINGS,     /* URL or MOLA_S3_ACCESS_KEY_ID[_FILE] ... */
    MOLA_S3_FROM_ENVIRONMENT,  /* AWS_ACCESS_KEY_ID ... */
    MOLA_S3_FROM_WEB_IDENTITY, /* AWS_ROLE_ARN, AWS_WEB_IDENTITY_TOKEN_FILE: Kubernetes */
    MOLA_S3_FROM_PROFILE,      /* the shared credentials file */
    MOLA_S3_FROM_CONTAINER,    /* AWS_CONTAINER_CREDENTIALS_...: ECS, pod identity */
    MOLA_S3_FROM_MACHINE,      /* the metadata service of an EC2 machine, version 2 */
} mola_s3_source;

typedef struct mola_s3 mola_s3;
mola_err mola_s3_source_choose(const mola_s3_settings *s, mola_s3_source *out,
                               mola_why *why) MOLA_NODISCARD;
/* Asks the source, with the time that ctx has. Fills *out. */
mola_err mola_s3_source_ask(mola_s3 *s3, mola_ctx *ctx, mola_s3_keys *out) MOLA_NODISCARD;
/* One profile of a shared credentials file. MOLA_NOT_FOUND: no such profile. */
mola_err mola_s3_profile_parse(mola_str text, mola_str profile, mola_s3_keys *out,
                               mola_why *why) MOLA_NODISCARD;
/* The JSON of the container and machine endpoints. */
mola_err mola_s3_keys_parse_json(mola_env *env, mola_str text, mola_s3_keys *out,
                                 mola_why *why) MOLA_NODISCARD;

typedef struct {
    mola_s3_source source;
    mola_lock lock;     /* guards all below */
    mola_event changed; /* asking has ended */
    mola_s3_keys *keys; /* NULL: none yet */
    uint64_t until_ns;  /* boot clock: they are good this long; MOLA_NEVER */
    uint64_t renew_ns;  /* boot clock: from here on new ones are asked for */
    uint64_t asked_ns;  /* boot clock: the last time */
    bool asking;
} mola_s3_credentials;
void mola_s3_credentials_init(mola_s3_credentials *c, mola_env *env, mola_s3_source source);
void mola_s3_credentials_free(mola_s3_credentials *c, mola_env *env);
/* A reference to good keys; waits for new ones only when the old ones are over. */
mola_err mola_s3_credentials_take(mola_s3 *s3, mola_ctx *ctx, mola_s3_keys **out) MOLA_NODISCARD;
void mola_s3_keys_drop(mola_env *env, mola_s3_keys *keys);
/* The store does not know these: ask again before the next use. */
void mola_s3_credentials_refused(mola_s3 *s3, const mola_s3_keys *keys);

/* --- Signing --- */

enum { MOLA_S3_HASH_HEX = 65, MOLA_S3_DATE_BYTES = 17, MOLA_S3_SIGNED_HEADERS = 12 };
typedef struct {
    const char *name; /* in lower case */
    mola_str value;
} mola_s3_header;
typedef struct {
    const char *method;
    mola_str path, query; /* as they go over the wire; parameters sorted */
    const mola_s3_header *headers;
    size_t header_count; /* sorted by name, "host" and "x-amz-date" included */
    const char *payload_hash;
    const char *region, *service;
    const char *date; /* YYYYMMDDTHHMMSSZ */
} mola_s3_signable;
/* Appends the value of the Authorization header. */
void mola_s3_sign(const mola_s3_signable *what, const char *key_id, const char *secret,
                  mola_buf *out);
void mola_s3_date(uint64_t wall_s, char out[MOLA_S3_DATE_BYTES]);
void mola_s3_hash(mola_str bytes, char out[MOLA_S3_HASH_HEX]);

/* --- XML --- */

enum { MOLA_S3_CODE_BYTES = 64, MOLA_S3_MESSAGE_BYTES = 256, MOLA_S3_UPLOAD_ID_BYTES = 1024 };
typedef struct {
    char code[MOLA_S3_CODE_BYTES]; /* "": the answer was no error document */
    char message[MOLA_S3_MESSAGE_BYTES];
    char region[MOLA_S3_NAME_BYTES];
} mola_s3_error;
void mola_s3_error_parse(mola_str xml, mola_s3_error *out);

typedef struct {
    mola_str key; /* as the store sent it */
    uint64_t size;
} mola_s3_listed;
typedef struct {
    mola_s3_listed *keys, *prefixes;
    uint32_t key_count, prefix_count;
    bool truncated, encoded;
    mola_str next; /* continuation token */
} mola_s3_listing;
/* MOLA_UNAVAILABLE with words: not such a document. MOLA_NO_MEMORY. Everything is in the arena. */
mola_err mola_s3_listing_parse(mola_str xml, mola_arena *arena, mola_s3_listing *out,
                               mola_why *why) MOLA_NODISCARD;
/* The text of the only element of this name, anywhere in the document. false: there is none, it is
 * not the only one, or the document is none. */
bool mola_s3_element(mola_str xml, const char *name, char *out, size_t room);

/* --- The driver --- */

struct mola_s3 {
    mola_store store;
    mola_env *env;
    mola_http_client *client;
    mola_s3_settings settings;
    mola_s3_credentials credentials;
    mola_lock lock;   /* guards the next two */
    int64_t skew_s;   /* the store's clock minus ours */
    mola_why failure; /* the last one, in words */
};

typedef enum { MOLA_S3_AS_ASKED, MOLA_S3_FIRST_BYTE, MOLA_S3_WHOLE } mola_s3_range;
/* One request on its way. */
typedef struct {
    mola_http_exchange http; /* the first member */
    mola_s3 *s3;
    mola_ctx *ctx;
    mola_store_op *op; /* NULL: none of the contract's operations */
    mola_s3_keys *keys;
    mola_buf url;                     /* ends in NUL */
    mola_buf source;                  /* COPY: /bucket/key, encoded */
    mola_str path, query;             /* in url */
    mola_s3_range range;              /* GET */
    uint64_t range_first, range_last; /* what was asked last; last UINT64_MAX: to the end */
    char payload_hash[MOLA_S3_HASH_HEX];
} mola_s3_call;

/* A call of `method` for the object of this key ("" = the bucket) with these parameters, sorted
 * and encoded. false: no memory. Freed by mola_s3_call_free in any case. */
bool mola_s3_call_make(mola_s3 *s3, mola_ctx *ctx, mola_s3_call *call, const char *method,
                       mola_str key, mola_str query) MOLA_NODISCARD;
/* The call of a GET, PUT, DELETE or COPY of the contract. */
bool mola_s3_call_of(mola_s3 *s3, mola_ctx *ctx, mola_s3_call *call,
                     mola_store_op *op) MOLA_NODISCARD;
/* The call of a LIST, from where `token` says when it is not empty. */
bool mola_s3_call_list(mola_s3 *s3, mola_ctx *ctx, mola_s3_call *call, mola_store_op *op,
                       mola_str token) MOLA_NODISCARD;
void mola_s3_call_free(mola_s3_call *call);
/* Gives all of them keys and runs them. MOLA_OK, or none was sent and nothing happened. */
mola_err mola_s3_calls_run(mola_s3 *s3, mola_ctx *ctx, mola_s3_call **calls,
                           size_t count) MOLA_NODISCARD;
/* Follows a LIST to the end of its page, from the answer of its first call on. */
void mola_s3_list_finish(mola_s3 *s3, mola_ctx *ctx, mola_s3_call *call);
/* Runs a large plain PUT. */
void mola_s3_multipart(mola_s3 *s3, mola_ctx *ctx, mola_store_op *op);
enum { MOLA_S3_MULTIPART_FROM = 64 << 20 };

/* What the reply means for the call: sets op->err and what came back. */
void mola_s3_settle(mola_s3_call *call);
mola_http_verdict mola_s3_judge(mola_http_exchange *x, const mola_http_reply *reply);
/* The same for a request that may be repeated at will: MOLA_OK for 2xx. */
mola_err mola_s3_outcome_plain(mola_s3_call *call);
/* Remembers and logs the failure of a call. */
void mola_s3_note(mola_s3_call *call, mola_err err, const mola_s3_error *error);

/* The last failure, in words. */
void mola_s3_failure(mola_store *store, mola_why *out);
/* preflight.h: what a store says of itself. */
mola_err mola_s3_survey(mola_store *store, mola_ctx *ctx, mola_store_survey *out);
