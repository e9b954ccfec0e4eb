#include "cli/gallery.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "formats/json.h"

enum { ITEMS_MAXIMUM = 1 << 20, CHOICES_MAXIMUM = 1 << 24, LABELS_MAXIMUM = 1 << 14 };

void cclip_gallery_open(struct cclip_gallery *gallery)
{
    memset(gallery, 0, sizeof(*gallery));
    cclip_inputs_open(&gallery->paths);
    cclip_inputs_open(&gallery->titles);
    cclip_inputs_open(&gallery->labels);
}

void cclip_gallery_close(struct cclip_gallery *gallery)
{
    cclip_inputs_close(&gallery->paths);
    cclip_inputs_close(&gallery->titles);
    cclip_inputs_close(&gallery->labels);
    cclip_release(gallery->items);
    cclip_release(gallery->choices);
    gallery->items = NULL;
    gallery->choices = NULL;
}

cclip_status cclip_gallery_label(struct cclip_gallery *gallery, const char *label, size_t length,
                                 size_t *place)
{
    const struct cclip_inputs *labels = &gallery->labels;
    for (*place = 0; *place < labels->count; ++*place)
        if (cclip_inputs_length(labels, *place) == length &&
            !memcmp(cclip_inputs_at(labels, *place), label, length))
            return CCLIP_OK;
    if (labels->count == LABELS_MAXIMUM)
        return cclip_fail(CCLIP_ERROR_LIMIT, "more than %d different labels", LABELS_MAXIMUM);
    return cclip_inputs_add(&gallery->labels, label, length);
}

static cclip_status add_labels(struct cclip_gallery *g, struct cclip_gallery_item *item,
                               const cclip_json *labels, const char *truth, const char *name)
{
    cclip_status status = CCLIP_OK;
    item->first = g->choice_count;
    item->count = cclip_json_length(labels);
    item->truth = CCLIP_NO_TRUTH;
    if (!cclip_json_is_array(labels) || !item->count)
        return cclip_fail(CCLIP_ERROR_FORMAT, "%s: \"labels\" must be a list of texts", name);
    for (size_t i = 0; i < item->count && !status; i++) {
        size_t length = 0, place = 0;
        const char *label = cclip_json_string(cclip_json_at(labels, i), &length);
        if (!label || !length)
            return cclip_fail(CCLIP_ERROR_FORMAT, "%s: label %zu is no text", name, i);
        status = cclip_gallery_label(g, label, length, &place);
        if (!status)
            status = cclip_grow(&g->choices, &g->choice_capacity, g->choice_count + 1,
                                sizeof(*g->choices), CHOICES_MAXIMUM, "labels");
        if (!status)
            g->choices[g->choice_count++] = place;
        if (!status && truth && !strcmp(truth, label))
            item->truth = place;
    }
    return status;
}

static cclip_status add_line(struct cclip_gallery *g, const char *folder, const cclip_json *line,
                             const char *name)
{
    const char *file = cclip_json_string(cclip_json_get(line, "file"), NULL);
    const char *title = cclip_json_string(cclip_json_get(line, "title"), NULL);
    const char *truth = cclip_json_string(cclip_json_get(line, "truth"), NULL);
    if (!file || !*file)
        return cclip_fail(CCLIP_ERROR_FORMAT, "%s: \"file\" is missing", name);
    if (!title)
        title = cclip_path_name(file);
    char *path = cclip_path_join(*file == '/' || !*folder ? "" : folder, file);
    cclip_status status = path ? CCLIP_OK : CCLIP_ERROR_MEMORY;
    if (!status)
        status = cclip_grow(&g->items, &g->item_capacity, g->paths.count + 1, sizeof(*g->items),
                            ITEMS_MAXIMUM, "gallery lines");
    if (!status)
        status =
            add_labels(g, &g->items[g->paths.count], cclip_json_get(line, "labels"), truth, name);
    if (!status)
        status = cclip_inputs_add(&g->titles, title, strlen(title));
    if (!status) {
        const char *plain = *file == '/' || !*folder ? file : path;
        status = cclip_inputs_add(&g->paths, plain, strlen(plain));
    }
    cclip_release(path);
    return status;
}

cclip_status cclip_gallery_read(struct cclip_gallery *gallery, const char *path)
{
    struct cclip_inputs lines;
    cclip_inputs_open(&lines);
    char *folder = cclip_copy_text(path, (size_t)(cclip_path_name(path) - path));
    cclip_status status = folder ? cclip_inputs_lines(&lines, path, 1) : CCLIP_ERROR_MEMORY;
    for (size_t i = 0; i < lines.count && !status; i++) {
        char name[4200];
        cclip_json *line = NULL;
        if (!cclip_inputs_length(&lines, i))
            continue;
        snprintf(name, sizeof(name), "%s: line %zu", path, i + 1);
        status = cclip_json_parse(&line, cclip_inputs_at(&lines, i), cclip_inputs_length(&lines, i),
                                  name);
        if (!status)
            status = add_line(gallery, folder, line, name);
        cclip_json_close(&line);
    }
    if (!status && !gallery->paths.count)
        status = cclip_fail(CCLIP_ERROR_FORMAT, "%s: the gallery is empty", path);
    cclip_inputs_close(&lines);
    cclip_release(folder);
    return status;
}
