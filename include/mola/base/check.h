/* check.h - MOLA_ASSERT stays on in release; MOLA_DCHECK is for inner loops; MOLA_SOMETIMES proves
 * that a rare path was walked: the simulator fails when a probe stays unreached. */
#pragma once
#include <stdint.h>

_Noreturn void mola_panic(const char *file, int line, const char *what);

#define MOLA_ASSERT(c) ((c) ? (void)0 : mola_panic(__FILE__, __LINE__, #c))
#ifdef NDEBUG
#define MOLA_DCHECK(c) ((void)sizeof(c))
#else
#define MOLA_DCHECK(c) MOLA_ASSERT(c)
#endif
#define MOLA_IMPLIES(a, b) MOLA_ASSERT(!(a) || (b))

#ifdef MOLA_SIM
#define MOLA_SOMETIMES(name) mola_probe_hit(#name)
void mola_probe_hit(const char *name);
#else
#define MOLA_SOMETIMES(name) ((void)0)
#endif
