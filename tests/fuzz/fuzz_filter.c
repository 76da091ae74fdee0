/* Any JSON as a filter of a query (question.h). */
#include "question.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_expression("{\"limit\":9,\"include_attributes\":[\"s\"],\"filters\":", data, size, "}");
    return 0;
}
