/* Any JSON as a query (question.h). */
#include "question.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_expression("", data, size, "");
    return 0;
}
