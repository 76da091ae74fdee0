/* config.c - reads the settings. */
#include "config.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct {
    const char *name, *fallback, *help;
    const char **text; /* one of these three is set */
    uint64_t *number;
    mola_config_list *list;
    bool is_secret; /* a text */
    uint64_t least, most;
} setting;

enum { SETTINGS_MAX = 96, NAME_BYTES = 64 };

/* Fills `table` with the settings of `config`, which get their defaults. */
static size_t settings_of(mola_config *config, setting table[SETTINGS_MAX])
{
    size_t count = 0;
#define TEXT(n, d, h)                                                                              \
    config->n = (d);                                                                               \
    table[count++] = (setting){.name = #n, .fallback = (d), .help = (h), .text = &config->n};
#define NUMBER(n, d, lo, hi, h)                                                                    \
    config->n = (d);                                                                               \
    table[count++] = (setting){.name = #n,                                                         \
                               .fallback = #d,                                                     \
                               .help = (h),                                                        \
                               .number = &config->n,                                               \
                               .least = (lo),                                                      \
                               .most = (hi)};
#define LIST(n, h)                                                                                 \
    config->n = (mola_config_list){.count = 0};                                                    \
    table[count++] = (setting){.name = #n, .fallback = "", .help = (h), .list = &config->n};
#define SECRET(n, h)                                                                               \
    config->n = "";                                                                                \
    table[count++] =                                                                               \
        (setting){.name = #n, .fallback = "", .help = (h), .text = &config->n, .is_secret = true};
    MOLA_CONFIG(TEXT, NUMBER, LIST, SECRET)
#undef TEXT
#undef NUMBER
#undef LIST
#undef SECRET
    MOLA_ASSERT(count <= SETTINGS_MAX);
    return count;
}

static bool parse_number(const char *text, uint64_t *out)
{
    if (!isdigit((unsigned char)*text))
        return false;
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno == ERANGE)
        return false;
    unsigned shift = *end == 'K' ? 10 : *end == 'M' ? 20 : *end == 'G' ? 30 : 0;
    if (shift)
        end++;
    if (*end || (shift && value >> (64 - shift)))
        return false;
    *out = value << shift;
    return true;
}

static mola_err append(const setting *s, const char *value, bool by_flag, mola_why *why)
{
    mola_config_list *list = s->list;
    if (by_flag && !list->given)
        *list = (mola_config_list){.given = true};
    if (list->count == MOLA_CONFIG_LIST_MAX) {
        return mola_fail(why, MOLA_INVALID, "%s is given more than %d times", s->name,
                         MOLA_CONFIG_LIST_MAX);
    }
    list->items[list->count++] = value;
    return MOLA_OK;
}

static mola_err assign(const setting *s, const char *value, bool by_flag, mola_why *why)
{
    if (s->list)
        return append(s, value, by_flag, why);
    if (s->text) {
        *s->text = value;
        return MOLA_OK;
    }
    uint64_t number;
    if (!parse_number(value, &number))
        return mola_fail(why, MOLA_INVALID, "%s: \"%s\" is not a number", s->name, value);
    bool automatic = number == 0 && s->fallback[0] == '0';
    if (!automatic && (number < s->least || number > s->most)) {
        return mola_fail(why, MOLA_INVALID, "%s must be between %llu and %llu", s->name,
                         (unsigned long long)s->least, (unsigned long long)s->most);
    }
    *s->number = number;
    return MOLA_OK;
}

/* ---- limits: one flag for all of them, a twin in the environment for each */

static mola_err assign_limit(mola_config *config, const char *name, size_t name_size,
                             const char *value, mola_why *why)
{
    uint64_t number;
    if (!parse_number(value, &number)) {
        return mola_fail(why, MOLA_INVALID, "limit %.*s: \"%s\" is not a number", (int)name_size,
                         name, value);
    }
    return mola_limits_set(&config->limits, (mola_str){name, name_size}, number, why);
}

/* "name=value" */
static mola_err take_limit(mola_config *config, const char *text, mola_why *why)
{
    const char *sign = strchr(text, '=');
    if (!sign)
        return mola_fail(why, MOLA_INVALID, "limit: \"%s\" is not NAME=VALUE", text);
    return assign_limit(config, text, (size_t)(sign - text), sign + 1, why);
}

/* ---- where settings come from */

static void environment_name(const char *prefix, const char *name, char out[NAME_BYTES])
{
    size_t size = (size_t)snprintf(out, NAME_BYTES, "MOLA_%s%s", prefix, name);
    MOLA_ASSERT(size < NAME_BYTES);
    for (size_t i = 0; i < size; i++)
        out[i] = (char)toupper((unsigned char)out[i]);
}

static void flag_name(const char *name, char out[NAME_BYTES])
{
    size_t size = (size_t)snprintf(out, NAME_BYTES, "--%s", name);
    MOLA_ASSERT(size < NAME_BYTES);
    for (size_t i = 0; i < size; i++) {
        if (out[i] == '_')
            out[i] = '-';
    }
}

static mola_err read_environment(mola_config *config, const setting *table, size_t settings,
                                 mola_why *why)
{
    char name[NAME_BYTES];
    mola_err err = MOLA_OK;
    for (size_t s = 0; s < settings && !err; s++) {
        environment_name("", table[s].name, name);
        const char *value = getenv(name); /* NOLINT(concurrency-mt-unsafe): no thread runs yet */
        err = value ? assign(&table[s], value, false, why) : MOLA_OK;
    }
    for (size_t i = 0; i < mola_limit_count && !err; i++) {
        const char *limit = mola_limit_list[i].name;
        environment_name("limit_", limit, name);
        const char *value = getenv(name); /* NOLINT(concurrency-mt-unsafe): no thread runs yet */
        err = value ? assign_limit(config, limit, strlen(limit), value, why) : MOLA_OK;
    }
    return err;
}

/* Whether the argument is this flag; *value: what stands behind its '=', or NULL. */
static bool is_flag(const char *argument, const char *flag, const char **value)
{
    size_t size = strlen(flag);
    if (strncmp(argument, flag, size) != 0 || (argument[size] && argument[size] != '='))
        return false;
    *value = argument[size] ? argument + size + 1 : NULL;
    return true;
}

mola_err mola_config_read(int count, char **arguments, mola_config *out, mola_why *why)
{
    setting table[SETTINGS_MAX];
    char name[NAME_BYTES];
    size_t settings = settings_of(out, table);
    out->limits = mola_limits_default;
    mola_err err = read_environment(out, table, settings, why);
    for (int i = 0; i < count && !err; i++) {
        const char *value = NULL;
        const setting *hit = NULL;
        bool is_limit = is_flag(arguments[i], "--limit", &value);
        for (size_t s = 0; s < settings && !hit && !is_limit; s++) {
            flag_name(table[s].name, name);
            hit = !table[s].is_secret && is_flag(arguments[i], name, &value) ? &table[s] : NULL;
        }
        if (!hit && !is_limit) {
            return mola_fail(why, MOLA_INVALID, "unknown argument %s; see mola serve --help",
                             arguments[i]);
        }
        if (!value && ++i < count)
            value = arguments[i];
        if (!value)
            return mola_fail(why, MOLA_INVALID, "%s needs a value", arguments[i - 1]);
        err = is_limit ? take_limit(out, value, why) : assign(hit, value, true, why);
    }
    return err;
}

void mola_config_help(void)
{
    mola_config config;
    setting table[SETTINGS_MAX];
    char flag[NAME_BYTES], twin[NAME_BYTES];
    size_t settings = settings_of(&config, table);
    for (size_t s = 0; s < settings; s++) {
        flag_name(table[s].name, flag);
        environment_name("", table[s].name, twin);
        if (table[s].is_secret) {
            printf("  %s in the environment\n      %s\n", twin, table[s].help);
        } else if (table[s].list) {
            printf("  %s TEXT (%s)\n      %s; once or more. Default: none\n", flag, twin,
                   table[s].help);
        } else if (table[s].text) {
            printf("  %s TEXT (%s)\n      %s. Default: %s\n", flag, twin, table[s].help,
                   table[s].fallback[0] ? table[s].fallback : "none");
        } else {
            printf("  %s N (%s)\n      %s. Default: %llu\n", flag, twin, table[s].help,
                   (unsigned long long)*table[s].number);
        }
    }
    printf("\nlimits of requests, one by one: --limit NAME=VALUE, or MOLA_LIMIT_NAME; mola limits "
           "lists them\n");
}
