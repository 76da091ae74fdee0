/* Where the keys come from: each source is asked as its owner prescribes, and what it says is what
 * requests are signed with. A small server plays the credentials services and the store. */
#include "harness.h"
#include "store/s3.h"
#include <arpa/inet.h>
#include <pthread.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <time.h>

/* --- The server --- */

enum { REQUEST_BYTES = 16384 };
static int listener;
static unsigned port;
static pthread_mutex_t heard_lock = PTHREAD_MUTEX_INITIALIZER; /* guards all below */
static char heard[REQUEST_BYTES];                              /* the last request to the store */
static char
    asked[REQUEST_BYTES];   /* all that the credentials services were asked, one after another */
static unsigned keys_given; /* how often */
static unsigned lifetime_s = 3600;

static void print_until(char *out, size_t room)
{
    time_t until = time(NULL) + lifetime_s;
    struct tm tm;
    ck_assert_ptr_nonnull(gmtime_r(&until, &tm));
    ck_assert_uint_gt(strftime(out, room, "%Y-%m-%dT%H:%M:%SZ", &tm), 0);
}

/* Body and status for a request. */
static const char *answer(const char *request, char *body, size_t room)
{
    char until[64];
    print_until(until, sizeof until);
    bool machine = strstr(request, "x-aws-ec2-metadata-token: imds-token");
    if (strstr(request, "/bucket/")) {
        memcpy(heard, request, strlen(request) + 1);
        (void)snprintf(body, room, "<Error><Code>NoSuchKey</Code></Error>");
        return "404 Not Found";
    }
    size_t used = strlen(asked), more = strlen(request);
    ck_assert_uint_lt(used + more, sizeof asked);
    memcpy(asked + used, request, more + 1);
    if (strncmp(request, "PUT /latest/api/token ", 22) == 0) {
        (void)snprintf(body, room, "imds-token");
    } else if (machine && strstr(request, "GET /latest/meta-data/iam/security-credentials/ ")) {
        (void)snprintf(body, room, "my-role\n");
    } else if (strstr(request, "GET /keys ") || (machine && strstr(request, "/my-role "))) {
        (void)snprintf(body, room,
                       "{\"Code\":\"Success\",\"AccessKeyId\":\"AKSERVICE%u\","
                       "\"SecretAccessKey\":\"SK\",\"Token\":\"TOKEN%u\",\"Expiration\":\"%s\"}",
                       keys_given, keys_given, until);
        keys_given++;
    } else if (strstr(request, "Action=AssumeRoleWithWebIdentity")) {
        (void)snprintf(body, room,
                       "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult>"
                       "<Credentials><AccessKeyId>AKSTS</AccessKeyId><SecretAccessKey>SK"
                       "</SecretAccessKey><SessionToken>STS+TOKEN=</SessionToken><Expiration>%s"
                       "</Expiration></Credentials></AssumeRoleWithWebIdentityResult>"
                       "</AssumeRoleWithWebIdentityResponse>",
                       until);
    } else {
        body[0] = '\0';
        return "403 Forbidden";
    }
    return "200 OK";
}

/* A whole request: the head, and as many bytes as it says. */
static bool read_request(int fd, char *out)
{
    size_t size = 0;
    for (;;) {
        ssize_t got = read(fd, out + size, REQUEST_BYTES - 1 - size);
        if (got <= 0)
            return false;
        size += (size_t)got;
        out[size] = '\0';
        char *end = strstr(out, "\r\n\r\n");
        const char *length = strcasestr(out, "content-length: ");
        size_t body = length ? strtoul(length + 16, NULL, 10) : 0;
        if (end && size >= (size_t)(end + 4 - out) + body)
            return true;
    }
}

static void *serve(void *argument)
{
    static char request[REQUEST_BYTES];
    (void)argument;
    for (;;) {
        char body[2048], reply[4096];
        int fd = accept(listener, NULL, NULL);
        if (fd >= 0 && read_request(fd, request)) {
            ck_assert_int_eq(pthread_mutex_lock(&heard_lock), 0);
            const char *status = answer(request, body, sizeof body);
            ck_assert_int_eq(pthread_mutex_unlock(&heard_lock), 0);
            int size = snprintf(reply, sizeof reply,
                                "HTTP/1.1 %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
                                status, strlen(body), body);
            ck_assert_int_eq(write(fd, reply, (size_t)size), size);
        }
        (void)close(fd);
    }
    return NULL;
}

static void start_server(void)
{
    struct sockaddr_in where = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof where;
    pthread_t thread;
    listener = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&where, size), 0);
    ck_assert_int_eq(listen(listener, 16), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&where, &size), 0);
    port = ntohs(where.sin_port);
    ck_assert_int_eq(pthread_create(&thread, NULL, serve, NULL), 0);
    ck_assert_int_eq(pthread_detach(thread), 0);
}

/* --- The client --- */

static char folder[] = "/tmp/mola-keys-XXXXXX";

static void set(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void set(const char *name, const char *format, ...)
{
    char value[512];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(value, sizeof value, format, arguments);
    va_end(arguments);
    ck_assert_int_eq(setenv(name, value, 1), 0);
}

static void write_file(const char *name, const char *text)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

/* A process without any of the variables, and a server. Each test is a process of its own. */
static void begin(void)
{
    static const char *const names[] = {
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_PROFILE",
        "AWS_ROLE_ARN",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_SHARED_CREDENTIALS_FILE",
        "MOLA_S3_ACCESS_KEY_ID",
        "MOLA_S3_ACCESS_KEY_ID_FILE",
        "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        ck_assert_int_eq(unsetenv(names[i]), 0);
    ck_assert_ptr_nonnull(mkdtemp(folder));
    set("HOME", "%s", folder);
    set("AWS_EC2_METADATA_DISABLED", "true");
    start_server();
    mola_heap_init(&heap, (size_t)1 << 30);
    env = mola_env_real(&heap, &metrics);
}

static mola_err open_with(const char *options, mola_why *why)
{
    (void)snprintf(url, sizeof url, "s3://bucket?endpoint=http://127.0.0.1:%u%s", port, options);
    return mola_store_open(env, mola_str_of(url), &store, why);
}

/* Opens, asks once, and wants to see this in the request. */
static void ck_signed_with(const char *options, const char *id, const char *token)
{
    mola_why why = {0};
    char expected[128];
    mola_err err = open_with(options, &why);
    ck_assert_msg(err == MOLA_OK, "%s: %s", mola_err_name(err), why.text);
    caller_init(&me, env, store);
    ck_err(get(&me, K("k")), MOLA_NOT_FOUND);
    (void)snprintf(expected, sizeof expected, "Credential=%s/", id);
    ck_assert_ptr_nonnull(strstr(heard, expected));
    (void)snprintf(expected, sizeof expected, "x-amz-security-token: %s\r\n", token ? token : "");
    if (token)
        ck_assert_ptr_nonnull(strstr(heard, expected));
    else
        ck_assert_ptr_null(strstr(heard, "security-token"));
}

static void end(void)
{
    close_fresh();
    remove_tree(folder);
}

START_TEST(keys_of_the_url_come_first)
{
    begin();
    set("AWS_ACCESS_KEY_ID", "AKENV");
    set("AWS_SECRET_ACCESS_KEY", "SK");
    ck_signed_with("&access_key_id=AKURL&secret_access_key=SK", "AKURL", NULL);
    end();
}
END_TEST

START_TEST(our_own_variables_come_before_those_of_aws)
{
    begin();
    set("AWS_ACCESS_KEY_ID", "AKENV");
    set("AWS_SECRET_ACCESS_KEY", "SK");
    set("MOLA_S3_ACCESS_KEY_ID", "AKMOLA");
    write_file("secret", "  SECRET\n");
    set("MOLA_S3_SECRET_ACCESS_KEY_FILE", "%s/secret", folder);
    ck_signed_with("", "AKMOLA", NULL);
    end();
}
END_TEST

START_TEST(the_environment_is_read)
{
    begin();
    set("AWS_ACCESS_KEY_ID", "AKENV");
    set("AWS_SECRET_ACCESS_KEY", "SK");
    set("AWS_SESSION_TOKEN", "TOK");
    ck_signed_with("", "AKENV", "TOK");
    end();
}
END_TEST

static const char shared[] = "# comment\n[default]\naws_access_key_id = AKDEFAULT\n"
                             "aws_secret_access_key=SK\n\n[ other ]\r\nregion = x\r\n"
                             "aws_access_key_id=AKOTHER\r\naws_secret_access_key = a=b/c\r\n"
                             "aws_session_token = OTHERTOKEN\r\n[half]\naws_access_key_id=A\n";

START_TEST(profiles_are_read)
{
    begin();
    write_file("shared", shared);
    set("AWS_SHARED_CREDENTIALS_FILE", "%s/shared", folder);
    ck_signed_with("", "AKDEFAULT", NULL);
    mola_store_close(store);
    set("AWS_PROFILE", "other");
    ck_signed_with("", "AKOTHER", "OTHERTOKEN");
    mola_store_close(store);
    ck_signed_with("&profile=default", "AKDEFAULT", NULL);
    end();
}
END_TEST

START_TEST(a_profile_that_is_not_there_is_explained)
{
    static const struct {
        const char *options, *words;
    } cases[] = {{"&profile=none", "no profile 'none'"}, {"&profile=half", "profile 'half' needs"}};
    begin();
    write_file("shared", shared);
    set("AWS_SHARED_CREDENTIALS_FILE", "%s/shared", folder);
    for (size_t i = 0; i < 2; i++) {
        mola_why why = {0};
        ck_err(open_with(cases[i].options, &why), MOLA_INVALID);
        ck_assert_msg(strstr(why.text, cases[i].words), "%s", why.text);
    }
    set("AWS_SHARED_CREDENTIALS_FILE", "%s/nowhere", folder);
    mola_why why = {0};
    ck_err(open_with("&profile=other", &why), MOLA_INVALID);
    ck_assert_msg(strstr(why.text, "cannot be read"), "%s", why.text);
    why = (mola_why){0};
    ck_err(open_with("", &why), MOLA_INVALID);
    ck_assert_msg(strstr(why.text, "no credentials"), "%s", why.text);
    mola_env_real_free(env);
    ck_assert_uint_eq(atomic_load(&heap.used), 0);
    remove_tree(folder);
}
END_TEST

START_TEST(a_container_is_asked_with_its_token)
{
    begin();
    set("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:%u/keys", port);
    write_file("token", "pod-token\n");
    set("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "%s/token", folder);
    ck_signed_with("", "AKSERVICE0", "TOKEN0");
    ck_assert_ptr_nonnull(strstr(asked, "authorization: pod-token\r\n"));
    end();
}
END_TEST

START_TEST(a_secret_is_not_fetched_in_the_clear_from_afar)
{
    static const char *const urls[] = {"http://example.com/keys",
                                       "http://127.0.0.1.example.com/",
                                       "http://127.0.0.1@example.com/",
                                       "http://127.0.0.1:1@example.com/",
                                       "ftp://127.0.0.1/",
                                       "x"};
    begin();
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        mola_why why = {0};
        set("AWS_CONTAINER_CREDENTIALS_FULL_URI", "%s", urls[i]);
        ck_err(open_with("", &why), MOLA_INVALID);
    }
    mola_env_real_free(env);
    remove_tree(folder);
}
END_TEST

START_TEST(a_machine_is_asked_in_three_steps)
{
    begin();
    set("AWS_EC2_METADATA_DISABLED", "false");
    set("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:%u/", port);
    ck_signed_with("", "AKSERVICE0", "TOKEN0");
    ck_assert_ptr_nonnull(strstr(asked, "x-aws-ec2-metadata-token-ttl-seconds: 21600\r\n"));
    end();
}
END_TEST

START_TEST(a_web_identity_is_exchanged)
{
    begin();
    write_file("jwt", "ey.J/+w\n");
    set("AWS_WEB_IDENTITY_TOKEN_FILE", "%s/jwt", folder);
    set("AWS_ROLE_ARN", "arn:aws:iam::1:role/r");
    set("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:%u/", port);
    ck_signed_with("", "AKSTS", "STS+TOKEN=");
    ck_assert_ptr_nonnull(strstr(asked, "WebIdentityToken=ey.J%2F%2Bw"));
    ck_assert_ptr_nonnull(strstr(asked, "RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr"));
    ck_assert_ptr_nonnull(strstr(asked, "RoleSessionName=mola"));
    end();
}
END_TEST

START_TEST(a_service_that_refuses_is_reported)
{
    mola_why why = {0};
    begin();
    set("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:%u/elsewhere", port);
    ck_err(open_with("", &why), MOLA_UNAVAILABLE);
    ck_assert_msg(strstr(why.text, "status 403"), "%s", why.text);
    mola_env_real_free(env);
    remove_tree(folder);
}
END_TEST

START_TEST(keys_are_renewed_before_they_end)
{
    begin();
    lifetime_s = 4; /* renewed when half of it is over */
    set("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:%u/keys", port);
    ck_signed_with("", "AKSERVICE0", "TOKEN0");
    ck_err(get(&me, K("k")), MOLA_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(heard, "Credential=AKSERVICE0/"));
    mola_sleep_ns(env, 2300 * MOLA_MILLISECOND);
    ck_err(get(&me, K("k")), MOLA_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(heard, "Credential=AKSERVICE1/"));
    end();
}
END_TEST

START_TEST(bad_answers_of_a_service_are_refused)
{
    static const char *const cases[] = {
        "",
        "{}",
        "[]",
        "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"S\",\"Token\":\"T\"}",
        "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"S\",\"Token\":\"T\",\"Expiration\":\"x\"}",
        "{\"AccessKeyId\":\"A\\n\",\"SecretAccessKey\":\"S\",\"Token\":\"T\","
        "\"Expiration\":\"2030-01-01T00:00:00Z\"}",
        "{\"AccessKeyId\":3,\"SecretAccessKey\":\"S\",\"Token\":\"T\","
        "\"Expiration\":\"2030-01-01T00:00:00Z\"}",
    };
    static mola_s3_keys keys;
    mola_heap_init(&heap, (size_t)1 << 30);
    mola_env bare = {.heap = &heap};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mola_why why = {0};
        ck_assert_int_eq(mola_s3_keys_parse_json(&bare, mola_str_of(cases[i]), &keys, &why),
                         MOLA_UNAVAILABLE);
    }
    ck_assert_uint_eq(atomic_load(&heap.used), 0);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        keys_of_the_url_come_first,
        our_own_variables_come_before_those_of_aws,
        the_environment_is_read,
        profiles_are_read,
        a_profile_that_is_not_there_is_explained,
        a_container_is_asked_with_its_token,
        a_secret_is_not_fetched_in_the_clear_from_afar,
        a_machine_is_asked_in_three_steps,
        a_web_identity_is_exchanged,
        a_service_that_refuses_is_reported,
        keys_are_renewed_before_they_end,
        bad_answers_of_a_service_are_refused,
    };
    Suite *suite = suite_create("s3 credentials");
    TCase *c = tcase_create("all");
    tcase_set_timeout(c, 30);
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
        tcase_add_test(c, tests[i]);
    suite_add_tcase(suite, c);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
