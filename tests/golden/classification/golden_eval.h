/* What the golden tests of this folder share: walking the folders of $CCLIP_GOLDEN/eval. */
#ifndef CCLIP_TESTS_GOLDEN_EVAL_H
#define CCLIP_TESTS_GOLDEN_EVAL_H

#include "support/paths.h"
#include "support/unit.h"

#include "base/file.h"
#include "formats/json.h"
#include "support/formula.h"
#include "support/npy.h"

static inline size_t largest(const float *row, size_t count)
{
    size_t best = 0;
    for (size_t i = 1; i < count; i++)
        if (row[i] > row[best])
            best = i;
    return best;
}

/* Calls `body(folder, expected.json)` for every folder below eval/ whose expected.json has the keys
 * `key` and `other`. Returns how many there were. */
static inline size_t each_eval_folder(const char *key, const char *other,
                                      void (*body)(const char *folder, const cclip_json *expected))
{
    char top[CCLIP_TEST_PATH_SIZE], path[CCLIP_TEST_PATH_SIZE + 300], folder[CCLIP_TEST_PATH_SIZE + 280];
    struct cclip_names names;
    size_t count = 0;
    snprintf(top, sizeof top, "%s/eval", cclip_test_golden());
    assert_ok(cclip_folder_list(&names, top));
    for (size_t i = 0; i < names.count; i++) {
        cclip_json *json;
        snprintf(folder, sizeof folder, "%s/%s", top, names.names[i]);
        snprintf(path, sizeof path, "%s/expected.json", folder);
        if (!cclip_is_file(path))
            continue;
        assert_ok(cclip_json_read_file(&json, path));
        if (cclip_json_get(json, key) && cclip_json_get(json, other)) {
            body(folder, json);
            count++;
        }
        cclip_json_close(&json);
    }
    cclip_names_close(&names);
    return count;
}

/* Name of the model in expected.json: the first word. */
static inline void model_name(char *out, size_t size, const cclip_json *expected)
{
    const char *text = cclip_json_string(cclip_json_get(expected, "model"), NULL);
    assert_non_null(text);
    snprintf(out, size, "%.*s", (int)strcspn(text, " "), text);
}

#endif
