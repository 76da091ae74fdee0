/* Any JSON as what a query ranks by (question.h). */
#include "question.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_expression("{\"limit\":9,\"include_attributes\":[\"s\"],\"rank_by\":", data, size, "}");
    return 0;
}
