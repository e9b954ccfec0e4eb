/* Files that a test makes byte by byte: a growing byte string, numbers little-endian, and a temporary
 * folder to write it to. Include after support/unit.h. */
#ifndef CCLIP_TESTS_MADE_FILES_H
#define CCLIP_TESTS_MADE_FILES_H

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

struct made {
    unsigned char *data;
    size_t length;
};

/* The block that holds so many bytes: a power of two. */
static inline size_t made_room(size_t length)
{
    size_t room = 64;
    while (room < length)
        room *= 2;
    return room;
}

static inline void made_put(struct made *made, const void *data, size_t length)
{
    if (!made->data || made_room(made->length) < made->length + length) {
        made->data = realloc(made->data, made_room(made->length + length));
        assert_non_null(made->data);
    }
    if (length)
        memcpy(made->data + made->length, data, length);
    made->length += length;
}

static inline void made_text(struct made *made, const char *text)
{
    made_put(made, text, strlen(text));
}

static inline void made_number(struct made *made, uint64_t value, size_t size)
{
    unsigned char little[8];
    for (size_t i = 0; i < 8; i++)
        little[i] = (unsigned char)(value >> (8 * i));
    made_put(made, little, size);
}

static inline void made_zeros(struct made *made, size_t count)
{
    for (size_t i = 0; i < count; i++)
        made_number(made, 0, 1);
}

static inline void made_free(struct made *made)
{
    free(made->data);
    *made = (struct made){ 0 };
}

static char made_folder[] = "/tmp/cclip-made-XXXXXX";

static inline int made_folder_open(void **state)
{
    (void)state;
    return !mkdtemp(made_folder);
}

static inline int made_folder_close(void **state)
{
    char command[64];
    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", made_folder);
    return system(command);
}

/* "<folder>/<name>" in one of four rotating buffers */
static inline const char *made_path(const char *name)
{
    static char paths[4][128];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", made_folder, name);
    return path;
}

/* Writes it and gives its path. */
static inline const char *made_file(const char *name, const void *data, size_t length)
{
    const char *path = made_path(name);
    assert_ok(cclip_file_write(path, data, length));
    return path;
}

/* The last message has these words. */
static inline void assert_message(const char *words)
{
    if (!strstr(cclip_error_message(), words))
        fail_msg("\"%s\" is not in the message: %s", words, cclip_error_message());
}

#endif
