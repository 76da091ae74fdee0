#include "mola/codec/datetime.h"

enum { MS_PER_SECOND = 1000, SECONDS_PER_DAY = 86400 };

/* Days from 1970-01-01 to a date of the Gregorian calendar, which is taken to reach back for ever.
 * Years begin in March here, so that the leap day comes last, and 400 of them are an era. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t of_era = year - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

typedef struct {
    int64_t year, month, day;
} date;

static date date_of(int64_t days)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t of_era = days - era * 146097;
    int64_t years = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (years * 365 + years / 4 - years / 100);
    int64_t month = (5 * of_year + 2) / 153;
    date d = {.day = of_year - (153 * month + 2) / 5 + 1,
              .month = month < 10 ? month + 3 : month - 9};
    d.year = years + era * 400 + (d.month <= 2);
    return d;
}

static int64_t days_in(int64_t year, int64_t month)
{
    static const int8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return month == 2 && leap ? 29 : days[month - 1];
}

static bool take_char(mola_str *rest, char c)
{
    if (rest->len == 0 || rest->data[0] != c)
        return false;
    *rest = mola_str_from(*rest, 1);
    return true;
}

/* Exactly `count` digits of a number from `least` to `most`. */
static bool take_number(mola_str *rest, size_t count, int64_t least, int64_t most, int64_t *out)
{
    if (rest->len < count)
        return false;
    *out = 0;
    for (size_t i = 0; i < count; i++) {
        if (rest->data[i] < '0' || rest->data[i] > '9')
            return false;
        *out = *out * 10 + (rest->data[i] - '0');
    }
    *rest = mola_str_from(*rest, count);
    return *out >= least && *out <= most;
}

/* The milliseconds of 1 to 9 fractional digits; finer ones are cut off. */
static bool take_fraction(mola_str *rest, int64_t *ms)
{
    size_t digits = 0;
    *ms = 0;
    for (; digits < rest->len && rest->data[digits] >= '0' && rest->data[digits] <= '9'; digits++) {
        if (digits < 3)
            *ms = *ms * 10 + (rest->data[digits] - '0');
    }
    if (digits < 1 || digits > 9)
        return false;
    for (size_t i = digits; i < 3; i++)
        *ms *= 10;
    *rest = mola_str_from(*rest, digits);
    return true;
}

/* Nothing, Z, or +-hh:mm, in seconds east of Greenwich. */
static bool take_zone(mola_str *rest, int64_t *seconds)
{
    *seconds = 0;
    if (rest->len == 0 || take_char(rest, 'Z'))
        return true;
    bool west = take_char(rest, '-');
    int64_t hours, minutes;
    if ((!west && !take_char(rest, '+')) || !take_number(rest, 2, 0, 23, &hours) ||
        !take_char(rest, ':') || !take_number(rest, 2, 0, 59, &minutes))
        return false;
    *seconds = (hours * 60 + minutes) * (west ? -60 : 60);
    return true;
}

bool mola_datetime_parse(mola_str text, int64_t *ms)
{
    int64_t year, month, day, hour = 0, minute = 0, second = 0, fraction = 0, zone = 0;
    if (!take_number(&text, 4, 1, 9999, &year) || !take_char(&text, '-') ||
        !take_number(&text, 2, 1, 12, &month) || !take_char(&text, '-') ||
        !take_number(&text, 2, 1, days_in(year, month), &day))
        return false;
    if (text.len) {
        if ((!take_char(&text, 'T') && !take_char(&text, ' ')) ||
            !take_number(&text, 2, 0, 23, &hour) || !take_char(&text, ':') ||
            !take_number(&text, 2, 0, 59, &minute) || !take_char(&text, ':') ||
            !take_number(&text, 2, 0, 59, &second))
            return false;
        if (take_char(&text, '.') && !take_fraction(&text, &fraction))
            return false;
        if (!take_zone(&text, &zone) || text.len)
            return false;
    }
    int64_t seconds =
        days_of(year, month, day) * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second - zone;
    if (seconds < days_of(1, 1, 1) * SECONDS_PER_DAY ||
        seconds >= days_of(10000, 1, 1) * SECONDS_PER_DAY)
        return false; /* the zone carried it out of the years that can be written */
    *ms = seconds * MS_PER_SECOND + fraction;
    return true;
}

static void print_time(mola_buf *out, int64_t seconds, uint32_t ns)
{
    int64_t days = seconds / SECONDS_PER_DAY - (seconds % SECONDS_PER_DAY < 0);
    int64_t rest = seconds - days * SECONDS_PER_DAY;
    date d = date_of(days);
    mola_buf_print(out, "%04lld-%02d-%02dT%02d:%02d:%02d.%09uZ", (long long)d.year, (int)d.month,
                   (int)d.day, (int)(rest / 3600), (int)(rest / 60 % 60), (int)(rest % 60), ns);
}

void mola_datetime_print(mola_buf *out, int64_t ms)
{
    int64_t seconds = ms / MS_PER_SECOND - (ms % MS_PER_SECOND < 0);
    print_time(out, seconds, (uint32_t)(ms - seconds * MS_PER_SECOND) * 1000000);
}

void mola_timestamp_print(mola_buf *out, uint64_t us)
{
    print_time(out, (int64_t)(us / 1000000), (uint32_t)(us % 1000000) * 1000);
}
