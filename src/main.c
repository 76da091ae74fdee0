/* main.c - which subcommand am I? */
#include "doctor.h"
#include "start.h"
#include <stdio.h>

static int usage(FILE *to, int status)
{
    (void)fprintf(
        to,
        "mola %s, a search engine on object storage that speaks the turbopuffer API\n\n"
        "usage: mola serve [--setting VALUE ...]          serve the API\n"
        "       mola index [--once] [--setting VALUE ...] index and collect, for servers with\n"
        "                                                 --indexer off; --once: all there is, "
        "then end\n"
        "       mola fsck [NAME] [--setting VALUE ...]    read everything, say what is damaged\n"
        "       mola dump KEY [--setting VALUE ...]       an object of the store in words\n"
        "       mola doctor [--setting VALUE ...]         check a store before trusting it\n"
        "       mola limits [--limit NAME=VALUE ...]      how much a client may ask for\n"
        "       mola --version\n"
        "       mola serve --help     all settings and their MOLA_... twins\n\n"
        "exit status: 0 stopped after SIGTERM or SIGINT, all requests answered; done, nothing was "
        "wrong;\n"
        "             1 could not start, or failed, or fsck found damage; 2 bad arguments;\n"
        "             3 stopped, but requests were cut off when the drain time was over\n",
        MOLA_VERSION);
    return status;
}

int main(int count, char **arguments)
{
    static const struct {
        const char *name;
        int (*run)(int count, char **arguments);
    } commands[] = {{"serve", mola_command_serve},   {"index", mola_command_index},
                    {"fsck", mola_command_fsck},     {"dump", mola_command_dump},
                    {"limits", mola_command_limits}, {"doctor", mola_doctor}};
    for (size_t i = 0; count >= 2 && i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(arguments[1], commands[i].name) == 0)
            return commands[i].run(count - 2, arguments + 2);
    }
    if (count == 2 && strcmp(arguments[1], "--version") == 0) {
        printf("mola %s\n", MOLA_VERSION);
        return EXIT_GOOD;
    }
    if (count == 2 && strcmp(arguments[1], "--help") == 0)
        return usage(stdout, EXIT_GOOD);
    return usage(stderr, EXIT_USAGE);
}
