/* limits_command.c - mola limits: what a client may ask for, with the values that settings give. */
#include "start.h"
#include <stdio.h>

/* As Markdown: docs/limits.md has it. */
static void print_limits(const mola_limits *limits)
{
    printf("| limit | value | least | most | what it is about | beyond it |\n"
           "|---|---|---|---|---|---|\n");
    for (size_t i = 0; i < mola_limit_count; i++) {
        const mola_limit *l = &mola_limit_list[i];
        printf("| `%s` | %llu | %llu | %llu | %s | %s |\n", l->name,
               (unsigned long long)mola_limits_get(limits, l), (unsigned long long)l->least,
               (unsigned long long)l->most, l->help, l->answer);
    }
}

int mola_command_limits(int count, char **arguments)
{
    mola_config config;
    mola_why why;
    mola_why_clear(&why);
    if (mola_config_read(count, arguments, &config, &why) == MOLA_OK) {
        print_limits(&config.limits);
        return EXIT_GOOD;
    }
    (void)fprintf(stderr, "mola: " MOLA_FMT "\n", MOLA_ARG(mola_why_text(&why)));
    return EXIT_USAGE;
}
