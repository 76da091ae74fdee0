/* s3_provider.c - where credentials come from. */
#include "mola/base/check.h"
#include "mola/codec/datetime.h"
#include "mola/codec/json.h"
#include "s3.h"
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <unistd.h>

enum { FILE_BYTES_MAX = 1 << 20, ANSWER_BYTES_MAX = 64 << 10, LINES_MAX = 4 };

static bool is_set(const char *name)
{
    return mola_s3_environment(name)[0] != '\0';
}

/* --- Which one --- */

static void shared_file(char out[MOLA_S3_PATH_BYTES])
{
    const char *named = mola_s3_environment("AWS_SHARED_CREDENTIALS_FILE");
    if (*named) {
        (void)snprintf(out, MOLA_S3_PATH_BYTES, "%s", named);
    } else {
        (void)snprintf(out, MOLA_S3_PATH_BYTES, "%s/.aws/credentials", mola_s3_environment("HOME"));
    }
}

static bool has_shared_file(void)
{
    char path[MOLA_S3_PATH_BYTES];
    shared_file(path);
    return is_set("AWS_PROFILE") || access(path, F_OK) == 0;
}

/* What was said to mola itself. */
static bool choose_told(const mola_s3_settings *s, mola_s3_source *out)
{
    bool ours = is_set("MOLA_S3_ACCESS_KEY_ID") || is_set("MOLA_S3_ACCESS_KEY_ID_FILE");
    bool profile = !s->access_key_id[0] && s->profile[0];
    *out = profile ? MOLA_S3_FROM_PROFILE : MOLA_S3_FROM_SETTINGS;
    return profile || s->access_key_id[0] || ours;
}

mola_err mola_s3_source_choose(const mola_s3_settings *s, mola_s3_source *out, mola_why *why)
{
    if (choose_told(s, out))
        return MOLA_OK;
    bool web = is_set("AWS_WEB_IDENTITY_TOKEN_FILE") && is_set("AWS_ROLE_ARN");
    bool container = is_set("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") ||
                     is_set("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    bool machine = strcmp(mola_s3_environment("AWS_EC2_METADATA_DISABLED"), "true") != 0;
    const struct {
        bool there;
        mola_s3_source source;
    } sources[] = {
        {is_set("AWS_ACCESS_KEY_ID"), MOLA_S3_FROM_ENVIRONMENT},
        {web, MOLA_S3_FROM_WEB_IDENTITY},
        {has_shared_file(), MOLA_S3_FROM_PROFILE},
        {container, MOLA_S3_FROM_CONTAINER},
        {machine, MOLA_S3_FROM_MACHINE},
    };
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        *out = sources[i].source;
        if (sources[i].there)
            return MOLA_OK;
    }
    return mola_fail(
        why, MOLA_INVALID,
        "store s3: no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or "
        "a profile, or a role");
}

/* --- Files --- */

/* Reads a whole file. MOLA_INVALID with words. */
static mola_err read_file(mola_env *env, const char *path, mola_buf *out, mola_why *why)
{
    mola_buf_init(out, env->heap);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool ok = fd >= 0;
    while (ok) {
        char *room = mola_buf_reserve(out, 4096);
        ssize_t got = room ? read(fd, room, 4096) : -1;
        if (got == 0)
            break;
        ok = got > 0 && out->len + (size_t)got <= FILE_BYTES_MAX;
        out->len += ok ? (size_t)got : 0;
    }
    if (fd >= 0)
        (void)close(fd);
    if (ok)
        return MOLA_OK;
    mola_buf_free(out);
    return mola_fail(why, MOLA_INVALID, "store s3: %s cannot be read", path);
}

static mola_str trimmed(mola_str text)
{
    while (text.len && (unsigned char)text.data[0] <= ' ')
        text = mola_str_from(text, 1);
    while (text.len && (unsigned char)text.data[text.len - 1] <= ' ')
        text.len--;
    return text;
}

/* Only what can stand in a header or a signature. */
static bool keep(char *out, size_t room, mola_str text)
{
    if (text.len == 0 || text.len >= room)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < 0x21 || text.data[i] > 0x7e)
            return false;
    }
    memcpy(out, text.data, text.len);
    out[text.len] = '\0';
    return true;
}

/* Of the variable, or of the file that its twin with _FILE names. An absent optional one is "". */
static mola_err read_setting(mola_env *env, const char *name, bool optional, char *out, size_t room,
                             mola_why *why)
{
    char twin[64];
    (void)snprintf(twin, sizeof twin, "%s_FILE", name);
    const char *value = mola_s3_environment(name), *path = mola_s3_environment(twin);
    mola_buf text = {0};
    mola_err err = *path ? read_file(env, path, &text, why) : MOLA_OK;
    if (err)
        return err;
    mola_str found = trimmed(*path ? mola_buf_str(&text) : mola_str_of(value));
    bool ok = keep(out, room, found) || (optional && found.len == 0);
    if (*path) {
        sodium_memzero(text.data, text.len);
        mola_buf_free(&text);
    }
    if (ok)
        return MOLA_OK;
    return mola_fail(why, MOLA_INVALID, "store s3: %s is missing or malformed", name);
}

static mola_err read_three(mola_env *env, const char *id, const char *secret, const char *token,
                           mola_s3_keys *out, mola_why *why)
{
    mola_err err = read_setting(env, id, false, out->access_key_id, MOLA_S3_KEY_BYTES, why);
    if (!err)
        err = read_setting(env, secret, false, out->secret_access_key, MOLA_S3_KEY_BYTES, why);
    if (!err)
        err = read_setting(env, token, true, out->session_token, MOLA_S3_TOKEN_BYTES, why);
    return err;
}

static mola_err from_settings(mola_s3 *s3, mola_ctx *ctx, mola_s3_keys *out)
{
    const mola_s3_settings *s = &s3->settings;
    if (!s->access_key_id[0]) {
        return read_three(s3->env, "MOLA_S3_ACCESS_KEY_ID", "MOLA_S3_SECRET_ACCESS_KEY",
                          "MOLA_S3_SESSION_TOKEN", out, ctx->why);
    }
    memcpy(out->access_key_id, s->access_key_id, sizeof out->access_key_id);
    memcpy(out->secret_access_key, s->secret_access_key, sizeof out->secret_access_key);
    return MOLA_OK;
}

/* --- Profiles --- */

static bool take_line(mola_str line, mola_s3_keys *out)
{
    mola_str value = line;
    mola_str name = trimmed(mola_str_cut(&value, '='));
    value = trimmed(value);
    if (mola_str_eq(name, MOLA_STR("aws_access_key_id")))
        return keep(out->access_key_id, sizeof out->access_key_id, value);
    if (mola_str_eq(name, MOLA_STR("aws_secret_access_key")))
        return keep(out->secret_access_key, sizeof out->secret_access_key, value);
    if (mola_str_eq(name, MOLA_STR("aws_session_token")))
        return keep(out->session_token, sizeof out->session_token, value);
    return true; /* region and the like */
}

mola_err mola_s3_profile_parse(mola_str text, mola_str profile, mola_s3_keys *out, mola_why *why)
{
    bool inside = false, found = false, ok = true;
    while (text.len && ok) {
        mola_str line = trimmed(mola_str_cut(&text, '\n'));
        if (line.len == 0 || line.data[0] == '#' || line.data[0] == ';')
            continue;
        if (line.data[0] == '[') {
            mola_str name = trimmed(mola_str_from(line, 1));
            bool closed = name.len && name.data[name.len - 1] == ']';
            name.len -= closed;
            inside = closed && mola_str_eq(trimmed(name), profile);
            found |= inside;
        } else if (inside) {
            ok = take_line(line, out);
        }
    }
    if (!found) {
        return mola_fail(why, MOLA_NOT_FOUND,
                         "store s3: there is no profile '" MOLA_FMT "' in the shared credentials",
                         MOLA_ARG(profile));
    }
    if (ok && out->access_key_id[0] && out->secret_access_key[0])
        return MOLA_OK;
    return mola_fail(why, MOLA_INVALID,
                     "store s3: profile '" MOLA_FMT "' needs aws_access_key_id and "
                     "aws_secret_access_key",
                     MOLA_ARG(profile));
}

static mola_err from_profile(mola_s3 *s3, mola_ctx *ctx, mola_s3_keys *out)
{
    char path[MOLA_S3_PATH_BYTES];
    shared_file(path);
    const char *named = s3->settings.profile;
    if (!*named)
        named = is_set("AWS_PROFILE") ? mola_s3_environment("AWS_PROFILE") : "default";
    mola_buf text;
    mola_err err = read_file(s3->env, path, &text, ctx->why);
    if (err)
        return err;
    err = mola_s3_profile_parse(mola_buf_str(&text), mola_str_of(named), out, ctx->why);
    sodium_memzero(text.data, text.len);
    mola_buf_free(&text);
    return err == MOLA_NOT_FOUND ? MOLA_INVALID : err;
}

/* --- Services --- */

typedef struct {
    mola_http_exchange http; /* the first member */
    struct {
        const char *name;
        mola_str value;
    } lines[LINES_MAX];
    size_t line_count;
} question;

static void print_lines(mola_http_exchange *x, mola_buf *lines)
{
    question *q = (question *)x;
    for (size_t i = 0; i < q->line_count; i++)
        mola_http_line(lines, q->lines[i].name, q->lines[i].value);
}

static mola_http_verdict judge_service(mola_http_exchange *x, const mola_http_reply *reply)
{
    (void)x;
    return reply->status == 429 || reply->status >= 500 ? MOLA_HTTP_AGAIN : MOLA_HTTP_DONE;
}

/* The text of a 200; in the arena. MOLA_UNAVAILABLE with words for all else. */
static mola_err ask_service(mola_s3 *s3, mola_ctx *ctx, question *q, mola_str *out)
{
    q->http.repeatable = true;
    q->http.is_write = false;
    q->http.bytes_max = ANSWER_BYTES_MAX;
    q->http.deadline_ns = ctx->deadline_ns;
    q->http.stall_ns = MOLA_SECOND;
    q->http.headers = print_lines;
    q->http.judge = judge_service;
    mola_http_exchange *one = &q->http;
    mola_http_run(s3->client, &one, 1);
    const mola_http_reply *r = &q->http.reply;
    mola_err err = MOLA_OK;
    if (r->end != MOLA_HTTP_ANSWERED) {
        err = mola_fail(ctx->why, MOLA_UNAVAILABLE, "store s3: credentials from %s: %s",
                        q->http.url, r->words);
    } else if (r->status != 200) {
        err = mola_fail(ctx->why, MOLA_UNAVAILABLE, "store s3: credentials from %s: status %u",
                        q->http.url, r->status);
    } else if (!mola_arena_copy(ctx->arena, mola_buf_str(&r->text), out)) {
        err = MOLA_UNAVAILABLE;
    }
    mola_http_free(&q->http);
    return err;
}

static bool keep_member(mola_json object, const char *name, mola_arena *arena, char *out,
                        size_t room)
{
    mola_str text;
    mola_json value = mola_json_get(object, mola_str_of(name));
    return mola_json_kind_of(value) == MOLA_JSON_STRING && mola_json_string(value, arena, &text) &&
           keep(out, room, text);
}

static bool keep_expiration(const char *text, mola_s3_keys *out)
{
    int64_t ms;
    if (!mola_datetime_parse(mola_str_of(text), &ms) || ms <= 0)
        return false;
    out->expires_s = (uint64_t)ms / 1000;
    return true;
}

mola_err mola_s3_keys_parse_json(mola_env *env, mola_str text, mola_s3_keys *out, mola_why *why)
{
    mola_arena arena;
    mola_arena_init(&arena, env->heap, (size_t)ANSWER_BYTES_MAX * 4);
    char *padded = mola_new(&arena, char, text.len + MOLA_JSON_PADDING);
    mola_json_doc doc = {.count = 0};
    bool ok = false;
    if (padded && text.len) {
        memcpy(padded, text.data, text.len);
        if (mola_json_parse(env->heap, (mola_str){padded, text.len}, &doc, NULL) == MOLA_OK) {
            char until[64];
            mola_json root = mola_json_root(&doc);
            ok = keep_member(root, "AccessKeyId", &arena, out->access_key_id, MOLA_S3_KEY_BYTES) &&
                 keep_member(root, "SecretAccessKey", &arena, out->secret_access_key,
                             MOLA_S3_KEY_BYTES) &&
                 keep_member(root, "Token", &arena, out->session_token, MOLA_S3_TOKEN_BYTES) &&
                 keep_member(root, "Expiration", &arena, until, sizeof until) &&
                 keep_expiration(until, out);
            mola_json_free(&doc);
        }
    }
    mola_arena_reset(&arena);
    return ok ? MOLA_OK
              : mola_fail(why, MOLA_UNAVAILABLE,
                          "store s3: the answer of the credentials service is none");
}

static mola_err ask_for_keys(mola_s3 *s3, mola_ctx *ctx, question *q, mola_s3_keys *out)
{
    mola_str text = {0};
    mola_err err = ask_service(s3, ctx, q, &text);
    return err ? err : mola_s3_keys_parse_json(s3->env, text, out, ctx->why);
}

/* An http: address may only be one of this machine: the answer is a secret. */
static bool is_near(const char *url)
{
    static const char *const near[] = {"https://",
                                       "http://127.0.0.1",
                                       "http://localhost",
                                       "http://[::1]",
                                       "http://169.254.170.2",
                                       "http://169.254.170.23",
                                       "http://[fd00:ec2::23]"};
    for (size_t i = 0; i < sizeof near / sizeof *near; i++) {
        size_t size = strlen(near[i]);
        if (strchr(url, '@'))
            return false; /* what looks like a host may be a user's name */
        if (strncmp(url, near[i], size) == 0 && (i == 0 || strchr(":/?", url[size])))
            return true;
    }
    return false;
}

static mola_err from_container(mola_s3 *s3, mola_ctx *ctx, mola_s3_keys *out)
{
    const char *relative = mola_s3_environment("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    char url[MOLA_S3_PATH_BYTES], token[MOLA_S3_TOKEN_BYTES] = "";
    int size =
        snprintf(url, sizeof url, "%s%s", *relative ? "http://169.254.170.2" : "",
                 *relative ? relative : mola_s3_environment("AWS_CONTAINER_CREDENTIALS_FULL_URI"));
    if (size >= (int)sizeof url || !is_near(url)) {
        return mola_fail(ctx->why, MOLA_INVALID,
                         "store s3: AWS_CONTAINER_CREDENTIALS_FULL_URI is neither https nor of "
                         "this machine");
    }
    mola_err err = read_setting(s3->env, "AWS_CONTAINER_AUTHORIZATION_TOKEN", true, token,
                                sizeof token, ctx->why);
    if (err)
        return err;
    question q = {.http = {.method = "GET", .url = url}, .line_count = *token ? 1 : 0};
    q.lines[0].name = "authorization";
    q.lines[0].value = mola_str_of(token);
    return ask_for_keys(s3, ctx, &q, out);
}

static mola_err from_machine(mola_s3 *s3, mola_ctx *ctx, mola_s3_keys *out)
{
    static const char folder[] = "latest/meta-data/iam/security-credentials/";
    const char *named = mola_s3_environment("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    const char *base = *named ? named : "http://169.254.169.254";
    const char *slash = base[strlen(base) - 1] == '/' ? "" : "/";
    char url[MOLA_S3_PATH_BYTES], token[512], role[128];
    mola_str text = {0};
    (void)snprintf(url, sizeof url, "%s%slatest/api/token", base, slash);
    question q = {.http = {.method = "PUT", .url = url}, .line_count = 1};
    q.lines[0].name = "x-aws-ec2-metadata-token-ttl-seconds";
    q.lines[0].value = MOLA_STR("21600");
    mola_err err = ask_service(s3, ctx, &q, &text);
    if (err)
        return err;
    bool ok = keep(token, sizeof token, trimmed(text));
    q.http.method = "GET";
    q.lines[0].name = "x-aws-ec2-metadata-token";
    q.lines[0].value = mola_str_of(token);
    (void)snprintf(url, sizeof url, "%s%s%s", base, slash, folder);
    if (ok && (err = ask_service(s3, ctx, &q, &text)))
        return err;
    mola_str first = ok ? mola_str_cut(&text, '\n') : text;
    if (!ok || !keep(role, sizeof role, trimmed(first)) || strpbrk(role, "/?#%")) {
        return mola_fail(ctx->why, MOLA_UNAVAILABLE,
                         "store s3: the machine's metadata service names no role");
    }
    (void)snprintf(url, sizeof url, "%s%s%s%s", base, slash, folder, role);
    return ask_for_keys(s3, ctx, &q, out);
}

/* --- Web identity --- */

static void print_form(mola_buf *out, const char *name, mola_str value)
{
    mola_buf_print(out, "&%s=", name);
    mola_s3_encode(out, value, MOLA_S3_ENCODE_VALUE);
}

static mola_err keys_of_xml(mola_str xml, mola_s3_keys *out, mola_why *why)
{
    char until[64];
    bool ok = mola_s3_element(xml, "AccessKeyId", out->access_key_id, MOLA_S3_KEY_BYTES) &&
              mola_s3_element(xml, "SecretAccessKey", out->secret_access_key, MOLA_S3_KEY_BYTES) &&
              mola_s3_element(xml, "SessionToken", out->session_token, MOLA_S3_TOKEN_BYTES) &&
              mola_s3_element(xml, "Expiration", until, sizeof until) &&
              keep_expiration(until, out);
    return ok ? MOLA_OK
              : mola_fail(why, MOLA_UNAVAILABLE, "store s3: the answer of STS has no credentials");
}

static mola_err from_web_identity(mola_s3 *s3, mola_ctx *ctx, mola_s3_keys *out)
{
    const char *named = mola_s3_environment("AWS_ENDPOINT_URL_STS");
    const char *session = mola_s3_environment("AWS_ROLE_SESSION_NAME");
    char url[MOLA_S3_PATH_BYTES];
    if (*named) {
        (void)snprintf(url, sizeof url, "%s", named);
    } else {
        const char *region = s3->settings.region;
        (void)snprintf(url, sizeof url, "https://sts.%s.amazonaws.com%s/", region,
                       strncmp(region, "cn-", 3) == 0 ? ".cn" : "");
    }
    mola_buf token, form;
    mola_err err =
        read_file(s3->env, mola_s3_environment("AWS_WEB_IDENTITY_TOKEN_FILE"), &token, ctx->why);
    if (err)
        return err;
    mola_buf_init(&form, s3->env->heap);
    mola_buf_add_str(&form, MOLA_STR("Action=AssumeRoleWithWebIdentity&Version=2011-06-15"));
    print_form(&form, "RoleArn", mola_str_of(mola_s3_environment("AWS_ROLE_ARN")));
    print_form(&form, "RoleSessionName", mola_str_of(*session ? session : "mola"));
    print_form(&form, "WebIdentityToken", trimmed(mola_buf_str(&token)));
    question q = {.http = {.method = "POST", .url = url, .body = mola_buf_str(&form)},
                  .line_count = 1};
    q.lines[0].name = "content-type";
    q.lines[0].value = MOLA_STR("application/x-www-form-urlencoded");
    mola_str text = {0};
    err = form.failed ? MOLA_UNAVAILABLE : ask_service(s3, ctx, &q, &text);
    if (!err)
        err = keys_of_xml(text, out, ctx->why);
    mola_buf_free(&form);
    mola_buf_free(&token);
    return err;
}

mola_err mola_s3_source_ask(mola_s3 *s3, mola_ctx *ctx, mola_s3_keys *out)
{
    switch (s3->credentials.source) {
    case MOLA_S3_FROM_SETTINGS:
        return from_settings(s3, ctx, out);
    case MOLA_S3_FROM_ENVIRONMENT:
        return read_three(s3->env, "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY",
                          "AWS_SESSION_TOKEN", out, ctx->why);
    case MOLA_S3_FROM_WEB_IDENTITY:
        return from_web_identity(s3, ctx, out);
    case MOLA_S3_FROM_PROFILE:
        return from_profile(s3, ctx, out);
    case MOLA_S3_FROM_CONTAINER:
        return from_container(s3, ctx, out);
    case MOLA_S3_FROM_MACHINE:
        return from_machine(s3, ctx, out);
    }
    return MOLA_INVALID;
}
