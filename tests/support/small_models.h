/* The small checkpoints of tests/data/interop, one after the other. */
#ifndef CCLIP_TESTS_SMALL_MODELS_H
#define CCLIP_TESTS_SMALL_MODELS_H

#include "support/paths.h"
#include "support/unit.h"

#include "base/file.h"
#include "formats/json.h"

struct small_model {
    char folder[CCLIP_TEST_PATH_SIZE];     /* where its files are */
    char checkpoint[CCLIP_TEST_PATH_SIZE]; /* what to open, below the folder; "." is the folder itself */
};

/* Calls `body` for each; fails when there are none. */
static inline void each_small_model(void (*body)(const struct small_model *model))
{
    struct cclip_names names;
    char top[CCLIP_TEST_PATH_SIZE];
    size_t count = 0;
    snprintf(top, sizeof top, "%s/interop", cclip_test_data());
    assert_ok(cclip_folder_list(&names, top));
    for (size_t i = 0; i < names.count; i++) {
        struct small_model model;
        char path[CCLIP_TEST_PATH_SIZE + 16];
        cclip_json *json;
        snprintf(model.folder, sizeof model.folder, "%s/interop/%s", cclip_test_data(), names.names[i]);
        snprintf(path, sizeof path, "%s/case.json", model.folder);
        if (!cclip_is_file(path))
            continue;
        assert_ok(cclip_json_read_file(&json, path));
        const char *checkpoint = cclip_json_string(cclip_json_get(json, "checkpoint"), NULL);
        assert_non_null(checkpoint);
        snprintf(model.checkpoint, sizeof model.checkpoint, "%s", checkpoint);
        cclip_json_close(&json);
        body(&model);
        count++;
    }
    cclip_names_close(&names);
    assert_true(count > 0);
}

#endif
