/* sanitizer.h - what the sanitizers of gcc and clang are told. All of it is nothing in other
 * builds. */
#pragma once

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MOLA_HAS_ASAN 1
#endif
#if __has_feature(thread_sanitizer)
#define MOLA_HAS_TSAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define MOLA_HAS_ASAN 1
#endif
#if defined(__SANITIZE_THREAD__)
#define MOLA_HAS_TSAN 1
#endif

/* Pieces of an arena lie MOLA_POISON_GAP bytes apart, so that running over one is seen. */
#ifdef MOLA_HAS_ASAN
#include <sanitizer/asan_interface.h>
#define MOLA_POISON(start, size)   ASAN_POISON_MEMORY_REGION(start, size)
#define MOLA_UNPOISON(start, size) ASAN_UNPOISON_MEMORY_REGION(start, size)
enum { MOLA_POISON_GAP = 16 };
#else
#define MOLA_POISON(start, size)   ((void)(start), (void)(size))
#define MOLA_UNPOISON(start, size) ((void)(start), (void)(size))
enum { MOLA_POISON_GAP = 0 };
#endif
