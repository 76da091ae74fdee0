#include "mola/base/limits.h"
#include "mola/base/check.h"
#include <stddef.h>
#include <stdio.h>

#define DEFAULT_OF(name, fallback, least, most, help, answer) .name = (fallback),
const mola_limits mola_limits_default = {MOLA_LIMITS(DEFAULT_OF)};

#define ROW_OF(n, d, lo, hi, h, a)                                                                 \
    {.name = #n,                                                                                   \
     .fallback = (d),                                                                              \
     .least = (lo),                                                                                \
     .most = (hi),                                                                                 \
     .help = (h),                                                                                  \
     .answer = (a),                                                                                \
     .offset = offsetof(mola_limits, n)},
const mola_limit mola_limit_list[] = {MOLA_LIMITS(ROW_OF)};
const size_t mola_limit_count = sizeof mola_limit_list / sizeof *mola_limit_list;

#define BOUNDS_OF(name, fallback, least, most, help, answer)                                       \
    _Static_assert((fallback) >= (least) && (fallback) <= (most), #name " within its bounds");
MOLA_LIMITS(BOUNDS_OF)

mola_err mola_limits_set(mola_limits *limits, mola_str name, uint64_t value, mola_why *why)
{
    for (size_t i = 0; i < mola_limit_count; i++) {
        const mola_limit *limit = &mola_limit_list[i];
        if (!mola_str_eq(name, mola_str_of(limit->name)))
            continue;
        if (value < limit->least || value > limit->most) {
            return mola_fail(why, MOLA_INVALID, "limit %s must be between %llu and %llu",
                             limit->name, (unsigned long long)limit->least,
                             (unsigned long long)limit->most);
        }
        memcpy((char *)limits + limit->offset, &value, sizeof value);
        return MOLA_OK;
    }
    return mola_fail(why, MOLA_INVALID, "there is no limit \"" MOLA_FMT "\"; see mola limits",
                     MOLA_ARG(name));
}

mola_bytes_text mola_bytes_print(uint64_t bytes)
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    size_t unit = 0;
    while (bytes && bytes % 1024 == 0 && unit + 1 < sizeof units / sizeof *units) {
        bytes /= 1024;
        unit++;
    }
    mola_bytes_text out;
    int size =
        snprintf(out.text, sizeof out.text, "%llu %s", (unsigned long long)bytes, units[unit]);
    MOLA_ASSERT(size > 0 && (size_t)size < sizeof out.text);
    return out;
}
