/* s3_settings.c - what the environment adds to the URL, and the addresses that follow. */
#include "mola/base/check.h"
#include "s3.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

const char *mola_s3_environment(const char *name)
{
    const char *value = getenv(name); /* NOLINT(concurrency-mt-unsafe): nobody here changes it */
    return value ? value : "";
}

/* The first of these variables that is set, unless the URL has said it. */
static mola_err fill(char *place, size_t room, const char *const *names, mola_why *why)
{
    for (; !*place && *names; names++) {
        const char *value = mola_s3_environment(*names);
        if (strlen(value) >= room)
            return mola_fail(why, MOLA_INVALID, "store s3: %s is too long", *names);
        (void)snprintf(place, room, "%s", value);
    }
    return MOLA_OK;
}

static mola_err fill_all(mola_s3_settings *s, mola_why *why)
{
    static const char *const endpoint[] = {"MOLA_S3_ENDPOINT", "AWS_ENDPOINT_URL_S3",
                                           "AWS_ENDPOINT_URL", NULL};
    static const char *const region[] = {"MOLA_S3_REGION", "AWS_REGION", "AWS_DEFAULT_REGION",
                                         NULL};
    static const char *const ca_file[] = {"MOLA_S3_CA_FILE", "AWS_CA_BUNDLE", NULL};
    mola_err err = fill(s->endpoint, sizeof s->endpoint, endpoint, why);
    if (!err)
        err = fill(s->region, sizeof s->region, region, why);
    if (!err)
        err = fill(s->ca_file, sizeof s->ca_file, ca_file, why);
    if (!err && !s->region[0])
        (void)snprintf(s->region, sizeof s->region, "us-east-1");
    for (const char *c = s->region; !err && *c; c++) {
        if (!isalnum((unsigned char)*c) && *c != '-' && *c != '_')
            err = mola_fail(why, MOLA_INVALID, "store s3: '%s' is no region", s->region);
    }
    return err;
}

/* --- Addresses --- */

typedef struct {
    const char *scheme; /* "https://" */
    char host[MOLA_S3_TEXT_BYTES];
    char path[MOLA_S3_TEXT_BYTES]; /* "" or "/..." without a slash at its end */
} address;

static bool host_ok(const char *host)
{
    bool in_brackets = host[0] == '[';
    size_t size = 0;
    for (; host[size]; size++) {
        char c = host[size];
        if (!isalnum((unsigned char)c) && !strchr(in_brackets ? "[]:." : "-._:", c))
            return false;
    }
    return size > 0 && host[0] != ':' && host[size - 1] != ':';
}

static bool path_ok(mola_str path)
{
    return path.len == 0 ||
           (path.data[0] == '/' && !memchr(path.data, '%', path.len) &&
            !memchr(path.data, ' ', path.len) && mola_store_key_ok(mola_str_from(path, 1)));
}

/* Ports that a client leaves out of the Host header. */
static void drop_default_port(address *a)
{
    const char *port = strcmp(a->scheme, "https://") == 0 ? ":443" : ":80";
    size_t size = strlen(a->host), tail = strlen(port);
    if (size > tail && strcmp(a->host + size - tail, port) == 0)
        a->host[size - tail] = '\0';
}

static mola_err parse_endpoint(const char *text, address *out, mola_why *why)
{
    mola_str rest = mola_str_of(text);
    static const char *const schemes[] = {"https://", "http://"};
    for (size_t i = 0; i < 2 && !out->scheme; i++) {
        if (mola_str_starts(rest, mola_str_of(schemes[i])))
            out->scheme = schemes[i];
    }
    if (out->scheme) {
        rest = mola_str_from(rest, strlen(out->scheme));
        mola_str host = mola_str_cut(&rest, '/');
        mola_str path = {host.data + host.len, strlen(host.data + host.len)};
        if (path.len && path.data[path.len - 1] == '/')
            path.len--;
        for (size_t i = 0; i < host.len; i++)
            out->host[i] = (char)tolower((unsigned char)host.data[i]);
        memcpy(out->path, path.data, path.len);
        drop_default_port(out);
        if (host_ok(out->host) && path_ok(path))
            return MOLA_OK;
    }
    return mola_fail(why, MOLA_INVALID,
                     "store s3: endpoint '%s' is not http://host[:port] or https://host[:port]",
                     text);
}

/* A bucket with dots has no certificate in virtual-hosted style; other stores than AWS often have
 * no names for their buckets at all. */
static bool uses_path(const mola_s3_settings *s)
{
    if (s->style == MOLA_S3_STYLE_AUTO)
        return s->endpoint[0] || strchr(s->bucket, '.');
    return s->style == MOLA_S3_STYLE_PATH;
}

static mola_err find_address(const mola_s3_settings *s, address *out, mola_why *why)
{
    if (s->endpoint[0])
        return parse_endpoint(s->endpoint, out, why);
    out->scheme = "https://";
    (void)snprintf(out->host, sizeof out->host, "s3.%s.amazonaws.com%s", s->region,
                   strncmp(s->region, "cn-", 3) == 0 ? ".cn" : "");
    return MOLA_OK;
}

mola_err mola_s3_settings_settle(mola_s3_settings *s, mola_why *why)
{
    address where = {0};
    mola_err err = fill_all(s, why);
    if (!err)
        err = find_address(s, &where, why);
    if (err)
        return err;
    bool path = uses_path(s);
    int origin = snprintf(s->origin, sizeof s->origin, "%s%s%s%s", where.scheme,
                          path ? "" : s->bucket, path ? "" : ".", where.host);
    int base = snprintf(s->base_path, sizeof s->base_path, "%s%s%s", where.path, path ? "/" : "",
                        path ? s->bucket : "");
    if (origin >= (int)sizeof s->origin || base >= (int)sizeof s->base_path)
        return mola_fail(why, MOLA_INVALID, "store s3: the endpoint is too long");
    s->host = s->origin + strlen(where.scheme);
    if (!s->access_key_id[0] != !s->secret_access_key[0]) {
        return mola_fail(why, MOLA_INVALID,
                         "store s3: access_key_id and secret_access_key go together");
    }
    return MOLA_OK;
}
