/* start.h - what all subcommands begin and end with: settings, signals, the environment, the store.
 */
#pragma once
#include "config.h"
#include "mola/index/index.h"
#include "mola/store/cache.h"

enum { EXIT_GOOD = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_CUT_OFF = 3 };

typedef struct {
    mola_config config;
    mola_heap heap;
    mola_metrics metrics;
    mola_why why;
    mola_env *env;
} mola_process;

/* Reads the settings and opens the store and the disk cache. `command`: for --help. true: go on;
 * false: nothing is open, and *status is what to exit with. */
bool mola_process_begin(mola_process *process, const char *command, int count, char **arguments,
                        int *status);
/* Says process->why on standard error. The status to exit with. */
int mola_process_failed(const mola_process *process, mola_err err);
/* Waits for SIGTERM or SIGINT; tries a remote store now and then meanwhile, and distrusts one that
 * ignores conditions for as long as it does. */
int mola_process_wait(mola_process *process);
/* Closes what was opened. */
void mola_process_end(mola_process *process);

/* What the settings say about the indexer. */
mola_indexer_config mola_process_indexer(const mola_process *process);

/* ---- the subcommands; arguments without its name */
int mola_command_serve(int count, char **arguments);
int mola_command_index(int count, char **arguments);
int mola_command_fsck(int count, char **arguments);
int mola_command_dump(int count, char **arguments);
int mola_command_limits(int count, char **arguments);
