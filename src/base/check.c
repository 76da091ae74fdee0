#include "mola/base/check.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

_Noreturn void mola_panic(const char *file, int line, const char *what)
{
    /* No heap and no locks: the broken promise may be theirs. */
    char text[512];
    int wrote = snprintf(text, sizeof text, "panic: %s:%d: %s\n", file, line, what);
    if (wrote > 0) {
        size_t len = (size_t)wrote < sizeof text ? (size_t)wrote : sizeof text - 1;
        ssize_t written = write(STDERR_FILENO, text, len);
        (void)written; /* there is nobody left to tell */
    }
    abort();
}
