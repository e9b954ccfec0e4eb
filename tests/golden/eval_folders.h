/* The folders below $CCLIP_GOLDEN/eval, found by what their expected.json holds. */
#ifndef CCLIP_TESTS_GOLDEN_EVAL_FOLDERS_H
#define CCLIP_TESTS_GOLDEN_EVAL_FOLDERS_H

#include "support/npy.h"
#include "support/paths.h"
#include "support/unit.h"

#include "base/file.h"
#include "formats/json.h"

/* Calls `body` for each folder whose expected.json has the keys `key` and `other`. Returns how many
 * there were. */
static inline size_t each_eval_folder(const char *key, const char *other,
                                      void (*body)(const char *folder, const cclip_json *expected))
{
    char top[CCLIP_TEST_PATH_SIZE], folder[CCLIP_TEST_PATH_SIZE + 280], path[CCLIP_TEST_PATH_SIZE + 300];
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
            print_message("%s\n", folder);
            body(folder, json);
            count++;
        }
        cclip_json_close(&json);
    }
    cclip_names_close(&names);
    return count;
}

#endif
