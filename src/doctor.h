/* doctor.h - `mola doctor`: checks a store before it is trusted with data. */
#pragma once

/* Prints a table, fit for the README's list of providers, and what a human should know. Arguments
 * without the subcommand: those of serve, of which --store matters. Gives the exit status: 0 safe,
 * 1 not safe or not reachable, 2 bad arguments. */
int mola_doctor(int count, char **arguments);
