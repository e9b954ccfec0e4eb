/* What the golden tests of this folder share. */
#ifndef CCLIP_TESTS_GOLDEN_EVAL_H
#define CCLIP_TESTS_GOLDEN_EVAL_H

#include "golden/eval_folders.h"
#include "support/formula.h"

static inline size_t largest(const float *row, size_t count)
{
    size_t best = 0;
    for (size_t i = 1; i < count; i++)
        if (row[i] > row[best])
            best = i;
    return best;
}

/* Name of the model in expected.json: the first word. */
static inline void model_name(char *out, size_t size, const cclip_json *expected)
{
    const char *text = cclip_json_string(cclip_json_get(expected, "model"), NULL);
    assert_non_null(text);
    snprintf(out, size, "%.*s", (int)strcspn(text, " "), text);
}

#endif
