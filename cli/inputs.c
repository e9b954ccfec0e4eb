#include "cli/inputs.h"

#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/memory.h"
#include "cli/console.h"

enum { INPUTS_MAXIMUM = 1 << 30, FOLDER_DEPTH = 64 };

void cclip_inputs_open(struct cclip_inputs *inputs)
{
    memset(inputs, 0, sizeof(*inputs));
    cclip_buffer_open(&inputs->bytes, CCLIP_LIMIT_TEXT_FILE);
}

void cclip_inputs_close(struct cclip_inputs *inputs)
{
    cclip_buffer_close(&inputs->bytes);
    cclip_release(inputs->starts);
    inputs->starts = NULL;
    inputs->count = inputs->capacity = 0;
}

cclip_status cclip_inputs_add(struct cclip_inputs *inputs, const char *text, size_t length)
{
    cclip_status status = cclip_grow(&inputs->starts, &inputs->capacity, inputs->count + 1,
                                     sizeof(*inputs->starts), INPUTS_MAXIMUM, "inputs");
    const size_t start = inputs->bytes.length;
    if (!status)
        status = cclip_buffer_append(&inputs->bytes, text, length);
    if (!status)
        status = cclip_buffer_byte(&inputs->bytes, 0);
    if (!status)
        inputs->starts[inputs->count++] = start;
    return status;
}

const char *cclip_inputs_at(const struct cclip_inputs *inputs, size_t index)
{
    return inputs->bytes.data + inputs->starts[index];
}

size_t cclip_inputs_length(const struct cclip_inputs *inputs, size_t index)
{
    const size_t end = index + 1 < inputs->count ? inputs->starts[index + 1] : inputs->bytes.length;
    return end - inputs->starts[index] - 1;
}

cclip_status cclip_inputs_lines(struct cclip_inputs *inputs, const char *path, int keep_empty)
{
    struct cclip_buffer text;
    cclip_status status = cclip_file_read_text(&text, path, CCLIP_LIMIT_TEXT_FILE);
    const int mark = !status && text.length >= 3 && !memcmp(text.data, "\xef\xbb\xbf", 3);
    for (size_t at = mark ? 3 : 0; !status && at < text.length;) {
        const char *line = text.data + at;
        const char *end = memchr(line, '\n', text.length - at);
        size_t length = end ? (size_t)(end - line) : text.length - at;
        at += length + 1;
        if (length && line[length - 1] == '\r')
            length--;
        if (length || keep_empty)
            status = cclip_inputs_add(inputs, line, length);
    }
    cclip_buffer_close(&text);
    return status;
}

static int is_picture_name(const char *name)
{
    static const char *const suffixes[] = { ".jpg", ".jpeg", ".jpe",  ".jfif", ".png", ".webp",
                                            ".gif", ".bmp",  ".ppm",  ".pgm",  ".pbm", ".pnm",
                                            ".svg", ".heic", ".heif", ".avif", ".tif", ".tiff" };
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(*suffixes); i++)
        if (cclip_path_has_suffix(name, suffixes[i]))
            return 1;
    return 0;
}

/* One folder on the way from the root to where the walk stands. */
struct level {
    char *path;
    struct cclip_names names;
    size_t next;
};

struct walk {
    struct cclip_inputs *inputs;
    struct level levels[FOLDER_DEPTH];
    size_t depth;
};

static void leave_folder(struct walk *walk)
{
    struct level *level = &walk->levels[--walk->depth];
    cclip_names_close(&level->names);
    cclip_release(level->path);
}

/* Takes over `path`. A folder that cannot be listed is named and counted, unless it is the first.
 */
static cclip_status enter_folder(struct walk *walk, char *path)
{
    struct level *level = &walk->levels[walk->depth];
    cclip_status status = CCLIP_OK;
    memset(level, 0, sizeof(*level));
    if (walk->depth == FOLDER_DEPTH - 1)
        status = cclip_fail(CCLIP_ERROR_LIMIT, "%s: more than %d folders deep", path, FOLDER_DEPTH);
    else
        status = cclip_folder_list(&level->names, path);
    if (!status) {
        level->path = path;
        walk->depth++;
        return CCLIP_OK;
    }
    cclip_release(path);
    if (!walk->depth || status == CCLIP_ERROR_MEMORY)
        return status;
    cclip_message("skipped: %s", cclip_error_message());
    walk->inputs->skipped++;
    return CCLIP_OK;
}

static cclip_status visit(struct walk *walk, const char *folder, const char *name)
{
    struct stat what;
    cclip_status status = CCLIP_OK;
    if (name[0] == '.')
        return CCLIP_OK;
    char *path = cclip_path_join(folder, name);
    if (!path)
        return CCLIP_ERROR_MEMORY;
    if (!lstat(path, &what) && S_ISDIR(what.st_mode))
        return enter_folder(walk, path);
    if (is_picture_name(name))
        status = cclip_inputs_add(walk->inputs, path, strlen(path));
    cclip_release(path);
    return status;
}

static cclip_status walk_folder(struct cclip_inputs *inputs, const char *path)
{
    struct walk walk;
    walk.inputs = inputs;
    walk.depth = 0;
    char *copy = cclip_copy_text(path, strlen(path));
    cclip_status status = copy ? enter_folder(&walk, copy) : CCLIP_ERROR_MEMORY;
    while (!status && walk.depth) {
        struct level *level = &walk.levels[walk.depth - 1];
        if (level->next == level->names.count)
            leave_folder(&walk);
        else
            status = visit(&walk, level->path, level->names.names[level->next++]);
    }
    while (walk.depth)
        leave_folder(&walk);
    return status;
}

cclip_status cclip_inputs_pictures(struct cclip_inputs *inputs, const char *path)
{
    const size_t before = inputs->count;
    const int folder = cclip_is_folder(path);
    cclip_status status = folder ? walk_folder(inputs, path) : cclip_inputs_lines(inputs, path, 0);
    if (!status && inputs->count == before)
        status = cclip_fail(
            CCLIP_ERROR_NOT_FOUND,
            folder ? "%s: no picture files in this folder" : "%s: the list is empty", path);
    return status;
}

cclip_status cclip_inputs_split(struct cclip_inputs *inputs, const char *list)
{
    cclip_status status = CCLIP_OK;
    while (!status) {
        size_t length = strcspn(list, ","), lead = strspn(list, " \t");
        const char *end = list + length;
        const char *text = list + (lead < length ? lead : length);
        size_t size = (size_t)(end - text);
        while (size && (text[size - 1] == ' ' || text[size - 1] == '\t'))
            size--;
        if (size)
            status = cclip_inputs_add(inputs, text, size);
        if (!*end)
            break;
        list = end + 1;
    }
    return status;
}

const char **cclip_inputs_pointers(const struct cclip_inputs *inputs, size_t first, size_t count)
{
    const char **pointers = cclip_allocate(count, sizeof(*pointers));
    for (size_t i = 0; pointers && i < count; i++)
        pointers[i] = cclip_inputs_at(inputs, first + i);
    return pointers;
}
