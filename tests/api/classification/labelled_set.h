/* Sets of labelled pictures for the tests of this folder, embedded by the shipped model: a folder in
 * CLIP_benchmark's WebDataset layout, or the demo gallery. */
#ifndef CCLIP_TESTS_LABELLED_SET_H
#define CCLIP_TESTS_LABELLED_SET_H

#include "support/paths.h"
#include "support/unit.h"

#include <cclip/cclip.h>

#include "base/file.h"
#include "formats/json.h"
#include "zero_shot/templates.h"

struct shipped {
    cclip_model *model;
    cclip_session *session;
    cclip_model_info info;
};

static inline void shipped_open(struct shipped *s)
{
    memset(s, 0, sizeof *s);
    s->info.version = CCLIP_MODEL_INFO_VERSION;
    assert_ok(cclip_model_open(&s->model, cclip_test_in_source("share/model"), NULL));
    assert_ok(cclip_model_get_info(s->model, &s->info));
    assert_ok(cclip_session_open(&s->session, s->model, NULL));
}

static inline void shipped_close(struct shipped *s)
{
    cclip_session_close(&s->session);
    cclip_model_close(&s->model);
}

struct labelled_set {
    struct cclip_names labels;
    cclip_templates *templates;
    cclip_classifier *classifier; /* with opposing prompts */
    float *embeddings;            /* [pictures][dim] */
    int32_t *truth;
    size_t pictures, labels_count, dim;
};

static inline void labelled_set_close(struct labelled_set *set)
{
    cclip_classifier_close(&set->classifier);
    cclip_templates_close(&set->templates);
    cclip_names_close(&set->labels);
    free(set->embeddings);
    free(set->truth);
}

static inline void labelled_set_room(struct labelled_set *set, size_t pictures)
{
    set->embeddings = realloc(set->embeddings, pictures * set->dim * sizeof *set->embeddings);
    set->truth = realloc(set->truth, pictures * sizeof *set->truth);
    assert_true(set->embeddings && set->truth);
}

static inline void labelled_set_classifier(struct labelled_set *set, const struct shipped *s)
{
    set->labels_count = set->labels.count;
    assert_ok(cclip_classifier_open_independent(&set->classifier, s->session,
                                                (const char *const *)set->labels.names,
                                                set->labels.count, set->templates));
}

/* One member of a tar file: a picture is embedded, a .cls file is the last picture's label. */
static inline void labelled_set_member(struct labelled_set *set, const struct shipped *s,
                                       const char *name, const unsigned char *data, size_t size,
                                       size_t *room)
{
    char number[32];
    if (cclip_path_has_suffix(name, ".cls")) {
        assert_true(set->pictures && size < sizeof number);
        memcpy(number, data, size);
        number[size] = '\0';
        set->truth[set->pictures - 1] = (int32_t)strtol(number, NULL, 10);
        return;
    }
    const cclip_preprocessing *p = &s->info.preprocessing;
    float *pixels = malloc(3 * p->height * p->width * sizeof *pixels);
    if (set->pictures == *room)
        labelled_set_room(set, *room = 2 * *room + 16);
    assert_ok(cclip_preprocess_memory(pixels, data, size, name, p));
    assert_ok(cclip_embed_pixels(s->session, set->embeddings + set->pictures * set->dim, pixels, 1, 1));
    set->truth[set->pictures++] = -1;
    free(pixels);
}

/* Plain files of a ustar archive, as the evaluation sets are. */
static inline void labelled_set_tar(struct labelled_set *set, const struct shipped *s, const char *path)
{
    struct cclip_mapping tar;
    size_t room = 0;
    assert_ok(cclip_mapping_open(&tar, path));
    for (size_t at = 0; at + 512 <= tar.size && tar.data[at];) {
        char name[101] = { 0 }, length[13] = { 0 };
        memcpy(name, tar.data + at, 100);
        memcpy(length, tar.data + at + 124, 12);
        const size_t size = strtoul(length, NULL, 8);
        assert_true(size <= tar.size - at - 512);
        if (tar.data[at + 156] == '0' || !tar.data[at + 156])
            labelled_set_member(set, s, name, tar.data + at + 512, size, &room);
        at += 512 + (size + 511) / 512 * 512;
    }
    cclip_mapping_close(&tar);
}

static inline void labelled_set_folder(struct labelled_set *set, const struct shipped *s, const char *folder)
{
    char path[CCLIP_TEST_PATH_SIZE + 64];
    *set = (struct labelled_set){ .dim = s->info.embedding_dim };
    snprintf(path, sizeof path, "%s/classnames.txt", folder);
    assert_ok(cclip_word_list_read(&set->labels, path));
    snprintf(path, sizeof path, "%s/zeroshot_classification_templates.txt", folder);
    assert_ok(cclip_template_list_read(&set->templates, path));
    labelled_set_classifier(set, s);
    snprintf(path, sizeof path, "%s/test/0.tar", folder);
    labelled_set_tar(set, s, path);
    assert_true(set->pictures > 0);
}

static inline int32_t labelled_set_label(struct labelled_set *set, const char *label)
{
    for (size_t i = 0; i < set->labels.count; i++)
        if (!strcmp(set->labels.names[i], label))
            return (int32_t)i;
    assert_ok(cclip_names_add(&set->labels, label, strlen(label)));
    return (int32_t)(set->labels.count - 1);
}

/* share/demo: every picture's own name is a label. */
static inline void labelled_set_gallery(struct labelled_set *set, const struct shipped *s)
{
    struct cclip_mapping file;
    char path[CCLIP_TEST_PATH_SIZE + 64];
    const char *paths[1] = { path };
    *set = (struct labelled_set){ .dim = s->info.embedding_dim };
    assert_ok(cclip_mapping_open(&file, cclip_test_in_source("share/demo/gallery.jsonl")));
    const char *text = (const char *)file.data, *end = text + file.size;
    labelled_set_room(set, 1000);
    while (text < end && set->pictures < 1000) {
        cclip_json *line;
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        stop = stop ? stop : end;
        assert_ok(cclip_json_parse(&line, text, (size_t)(stop - text), "gallery.jsonl"));
        const char *name = cclip_json_string(cclip_json_get(line, "file"), NULL);
        const char *label = cclip_json_string(cclip_json_get(line, "truth"), NULL);
        assert_true(name && label);
        snprintf(path, sizeof path, "%s/%s", cclip_test_in_source("share/demo"), name);
        set->truth[set->pictures] = labelled_set_label(set, label);
        assert_ok(cclip_embed_files(s->session, set->embeddings + set->pictures++ * set->dim, paths, 1,
                                    NULL, 1, NULL, NULL));
        cclip_json_close(&line);
        text = stop + 1;
    }
    cclip_mapping_close(&file);
    assert_ok(cclip_templates_open(&set->templates, "icon"));
    labelled_set_classifier(set, s);
}

/* Every second picture, from `first` on, as a set that shares the classifier. */
static inline void labelled_set_half(struct labelled_set *half, const struct labelled_set *set, size_t first)
{
    *half = (struct labelled_set){ .dim = set->dim, .classifier = set->classifier,
                                   .labels_count = set->labels_count };
    labelled_set_room(half, set->pictures / 2 + 1);
    for (size_t p = first; p < set->pictures; p += 2, half->pictures++) {
        memcpy(half->embeddings + half->pictures * set->dim, set->embeddings + p * set->dim,
               set->dim * sizeof(float));
        half->truth[half->pictures] = set->truth[p];
    }
}

static inline void labelled_set_half_close(struct labelled_set *half)
{
    free(half->embeddings);
    free(half->truth);
}

#endif
