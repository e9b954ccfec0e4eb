#include "api/train_data.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* One factor of "1::2", a number above 0 with nothing behind it. */
static cclip_status read_factor(double *out, const char **text, const char *all)
{
    char *end;
    *out = strtod(*text, &end);
    if (end == *text || !(*out > 0 && *out < 1e6) || (*end && strncmp(end, "::", 2)))
        return cclip_fail(CCLIP_ERROR_ARGUMENT,
                          "\"%s\": as many numbers above 0 are expected as there are sources, parted by ::",
                          all);
    *text = *end ? end + 2 : end;
    return CCLIP_OK;
}

static cclip_status read_factors(struct cclip_train_sources *sources, const char *all)
{
    const char *text = all;
    cclip_status status = CCLIP_OK;
    for (size_t i = 0; i < sources->count && !status; i++)
        status = read_factor(&sources->list[i].weight, &text, all);
    if (!status && *text)
        status = cclip_fail(CCLIP_ERROR_ARGUMENT, "\"%s\": more factors than the %zu sources", all,
                            sources->count);
    return status;
}

cclip_status cclip_train_sources_open(struct cclip_train_sources *out,
                                      const cclip_train_options *o, const char *data,
                                      const char *factors)
{
    static const enum cclip_pair_layout layouts[] = {
        [CCLIP_DATASET_AUTO] = CCLIP_PAIRS_AUTO,
        [CCLIP_DATASET_FOLDER] = CCLIP_PAIRS_FOLDER,
        [CCLIP_DATASET_CSV] = CCLIP_PAIRS_TABLE,
        [CCLIP_DATASET_WEBDATASET] = CCLIP_PAIRS_SHARDS,
    };
    *out = (struct cclip_train_sources){ .paths = cclip_copy_text(data, strlen(data)) };
    cclip_status status = out->paths ? CCLIP_OK : CCLIP_ERROR_MEMORY;
    for (char *path = out->paths; path && !status; out->count++) {
        char *next = strstr(path, "::");
        if (next) {
            *next = '\0';
            next += 2;
        }
        if (!*path || out->count == CCLIP_TRAIN_SOURCES) {
            status = cclip_fail(CCLIP_ERROR_ARGUMENT, "\"%s\": %s", data,
                                *path ? "more than 64 sources" : "a source without a name");
            break;
        }
        out->list[out->count] = (struct cclip_pair_source){ .path = path,
                                                            .layout = layouts[o->dataset_type],
                                                            .image_column = o->csv_img_key,
                                                            .caption_column = o->csv_caption_key,
                                                            .separator = o->csv_separator,
                                                            .image_key = o->image_key,
                                                            .text_key = o->text_key,
                                                            .json_text_key = o->json_text_key,
                                                            .group_key = o->group_key };
        path = next;
    }
    if (!status && factors)
        status = read_factors(out, factors);
    if (status)
        cclip_train_sources_close(out);
    return status;
}

void cclip_train_sources_close(struct cclip_train_sources *sources)
{
    cclip_release(sources->paths);
    *sources = (struct cclip_train_sources){ 0 };
}

/* How many numbers a key takes, and where they go. */
static const struct key {
    const char *name;
    size_t count;
    int above_0; /* each number: the settings' own 0, 0 means none, and nobody would expect that of "zoom=0,0" */
    size_t offsets[4];
} keys[] = {
#define AT(field) offsetof(struct cclip_augmentation, field)
    { "scale", 2, 0, { AT(scale[0]), AT(scale[1]) } },
    { "ratio", 2, 1, { AT(ratio[0]), AT(ratio[1]) } },
    { "color_jitter", 4, 0, { AT(brightness), AT(contrast), AT(saturation), AT(hue) } },
    { "color_jitter_prob", 1, 0, { AT(jitter) } },
    { "gray_scale_prob", 1, 0, { AT(grey) } },
    { "flip", 1, 0, { AT(flip) } },
    { "affine", 1, 0, { AT(affine) } },
    { "degrees", 1, 0, { AT(degrees) } },
    { "shift", 1, 0, { AT(shift) } },
    { "zoom", 2, 1, { AT(zoom[0]), AT(zoom[1]) } },
    { "random_background", 1, 0, { AT(random_background) } },
#undef AT
};
enum { KEYS = sizeof keys / sizeof keys[0] };

static cclip_status set_key(struct cclip_augmentation *out, const struct key *key, const char *text)
{
    const char *at = strchr(text, '=') + 1;
    at += *at == '(';
    for (size_t i = 0; i < key->count; i++) {
        char *end;
        const double value = strtod(at, &end);
        const int last = i + 1 == key->count;
        if (end == at || (!last && *end != ',') || (last && *end && strcmp(end, ")")))
            return cclip_fail(CCLIP_ERROR_ARGUMENT, "augmentation \"%s\": %zu number%s expected", text,
                              key->count, key->count > 1 ? "s, parted by commas, are" : " is");
        if (key->above_0 && !(value > 0))
            return cclip_fail(CCLIP_ERROR_ARGUMENT, "augmentation \"%s\": numbers above 0 are expected", text);
        memcpy((char *)out + key->offsets[i], &value, sizeof value);
        at = end + 1;
    }
    return CCLIP_OK;
}

static cclip_status set_word(struct cclip_augmentation *out, const char *text)
{
    const size_t length = strcspn(text, "=");
    for (size_t i = 0; i < KEYS; i++)
        if (text[length] && strlen(keys[i].name) == length && !strncmp(text, keys[i].name, length))
            return set_key(out, &keys[i], text);
    if (!strcmp(text, "random_background")) {
        out->random_background = 1;
        return CCLIP_OK;
    }
    if (!strcmp(text, "edge")) {
        out->edge = 1;
        return CCLIP_OK;
    }
    return cclip_fail(CCLIP_ERROR_ARGUMENT,
                      "augmentation \"%s\" is not known: scale=, ratio=, color_jitter=, color_jitter_prob=, "
                      "gray_scale_prob=, flip=, affine=, degrees=, shift=, zoom=, random_background, edge", text);
}

cclip_status cclip_train_augmentation(struct cclip_augmentation *out, const cclip_train_options *o)
{
    cclip_status status = CCLIP_OK;
    cclip_augmentation_init(out);
    for (size_t i = 0; i < o->augmentation_count && !status; i++)
        status = set_word(out, o->augmentation[i]);
    return status ? status : cclip_augmentation_check(out);
}
