/* models.h - what the settings say about models that others run. */
#pragma once
#include "mola/provider/provider.h"
#include "start.h"

/* *out is NULL when no URL is set. Errors: process->why. */
mola_err mola_models_open(mola_process *process, mola_provider **out) MOLA_NODISCARD;
