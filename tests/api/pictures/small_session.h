/* A small model from tests/data/interop, opened, and pictures for it to look at. */
#ifndef CCLIP_TESTS_SMALL_SESSION_H
#define CCLIP_TESTS_SMALL_SESSION_H

#include "support/paths.h"
#include "support/unit.h"

#include <cclip/cclip.h>

#include "base/file.h"

struct small_session {
    cclip_model *model;
    cclip_session *session;
    cclip_model_info info;
    size_t pixels; /* floats of one picture */
};

static inline void open_small(struct small_session *s, const char *name, int threads)
{
    char path[CCLIP_TEST_PATH_SIZE];
    cclip_session_options options = CCLIP_SESSION_OPTIONS_INIT;
    options.threads = threads;
    *s = (struct small_session){ .info = { .version = CCLIP_MODEL_INFO_VERSION } };
    snprintf(path, sizeof path, "%s/interop/%s", cclip_test_data(), name);
    assert_ok(cclip_model_open(&s->model, path, NULL));
    assert_ok(cclip_model_get_info(s->model, &s->info));
    assert_ok(cclip_session_open(&s->session, s->model, &options));
    s->pixels = 3 * s->info.preprocessing.height * s->info.preprocessing.width;
}

static inline void close_small(struct small_session *s)
{
    cclip_session_close(&s->session);
    cclip_model_close(&s->model);
}

/* A folder of 40 small pictures of many shapes, made here: <folder>/0.ppm and so on. */
enum { SMALL_PICTURES = 40 };
static inline void make_pictures(const char *folder)
{
    uint32_t random = 3;
    for (unsigned i = 0; i < SMALL_PICTURES; i++) {
        char path[CCLIP_TEST_PATH_SIZE];
        unsigned char file[32 + 3 * 64 * 64];
        const unsigned width = 1 + i * 29 % 64, height = 1 + i * 17 % 64;
        int length = snprintf((char *)file, 32, "P6 %u %u 255\n", width, height);
        for (unsigned k = 0; k < 3 * width * height; k++) {
            random = random * 1664525u + 1013904223u;
            file[length++] = (unsigned char)(random >> 24);
        }
        snprintf(path, sizeof path, "%s/%u.ppm", folder, i);
        assert_ok(cclip_file_write(path, file, (size_t)length));
    }
}

/* Everything in the folder, and it. */
static inline int remove_pictures(const char *folder)
{
    struct cclip_names names;
    if (cclip_folder_list(&names, folder))
        return -1;
    for (size_t i = 0; i < names.count; i++) {
        char path[CCLIP_TEST_PATH_SIZE];
        snprintf(path, sizeof path, "%s/%s", folder, names.names[i]);
        remove(path);
    }
    cclip_names_close(&names);
    return remove(folder);
}

/* `count` paths, those pictures over and over; freed with free_paths. */
static inline char **picture_paths(const char *folder, size_t count)
{
    char **paths = calloc(count, sizeof *paths);
    assert_non_null(paths);
    for (size_t i = 0; i < count; i++) {
        char path[CCLIP_TEST_PATH_SIZE];
        snprintf(path, sizeof path, "%s/%zu.ppm", folder, i % SMALL_PICTURES);
        paths[i] = strdup(path);
    }
    return paths;
}

static inline void free_paths(char **paths, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(paths[i]);
    free(paths);
}

#endif
