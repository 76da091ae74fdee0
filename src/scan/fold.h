/* fold.h - simple case folding (Unicode 17, statuses C and S): what IGlob compares. */
#pragma once
#include <stdint.h>

uint32_t mola_fold(uint32_t c);

/* All characters that fold to another one, rising. */
typedef struct {
    uint32_t from, to;
} mola_fold_pair;
uint32_t mola_fold_count(void);
mola_fold_pair mola_fold_at(uint32_t index);
