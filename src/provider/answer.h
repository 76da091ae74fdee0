/* answer.h - what endpoints answer, checked. Pure: texts are followed by MOLA_JSON_PADDING readable
 * bytes, scratch is the arena's. MOLA_INVALID says what makes no sense; MOLA_NO_MEMORY. */
#pragma once
#include "mola/base/arena.h"
#include "mola/codec/json.h"

/* `{"data": [{"index": 0, "embedding": [..] or base64 of f32}, ..], "usage": {"total_tokens": n}}`:
 * each index below `count` once, every vector of `dims` finite numbers; vector i to out[i * dims].
 * *tokens: 0 when it does not say. */
mola_err mola_embedding_answer(mola_arena *arena, mola_str text, uint32_t count, uint32_t dims,
                               float *out, uint64_t *tokens, mola_why *why) MOLA_NODISCARD;
/* `{"results": [{"index": 0, "relevance_score": 0.5}, ..]}`, also `data` and `score`: each index
 * below `count` once. */
mola_err mola_rerank_answer(mola_arena *arena, mola_str text, uint32_t count, float *scores,
                            mola_why *why) MOLA_NODISCARD;
/* The words of an error answer, whatever its form: at most `room` bytes of printable text. */
size_t mola_answer_words(mola_arena *arena, mola_str text, char *out, size_t room);
