/* Stage 1 of simdjson and nothing else of it: the library is compiled for every instruction set and
 * picks the best one for this CPU when it is first called, so nothing has to be built per CPU here.
 *
 * The pass is called through the interface that simdjson's own parser uses. Two things are bent so
 * that its index, the largest piece of memory of a parse, comes from our heap and is as large as
 * the text needs, not as large as any text of that length could need: the buffer is put in place of
 * the parser's own, and the capacity, which only says how large that buffer is, is raised by hand.
 */
#include "codec/structurals.h"
#include <memory>
#include <simdjson.h>

namespace
{
using implementation = simdjson::internal::dom_parser_implementation;

struct capacity_access : implementation {
    static constexpr size_t implementation::*field() { return &capacity_access::_capacity; }
};
} // namespace

mola_structurals_result mola_structurals_find(const char *text, size_t size, uint32_t *index,
                                              uint32_t *count)
{
    std::unique_ptr<implementation> parser;
    if (simdjson::get_active_implementation()->create_dom_parser_implementation(0, 1, parser) !=
        simdjson::SUCCESS)
        return MOLA_STRUCTURALS_NO_MEMORY;
    parser->structural_indexes.reset(index);
    (*parser).*capacity_access::field() = size;
    simdjson::error_code error = parser->stage1(reinterpret_cast<const uint8_t *>(text), size,
                                                simdjson::stage1_mode::regular);
    (void)parser->structural_indexes.release(); /* the caller's again */
    if (error != simdjson::SUCCESS)
        return MOLA_STRUCTURALS_BAD_TEXT;
    *count = parser->n_structural_indexes;
    return MOLA_STRUCTURALS_FOUND;
}
