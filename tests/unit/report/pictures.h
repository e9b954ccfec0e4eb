/* Small pictures for the tests of this room: in memory, and as files in a folder of their own. */
#ifndef CCLIP_TESTS_REPORT_PICTURES_H
#define CCLIP_TESTS_REPORT_PICTURES_H

#include "support/unit.h"

#include <unistd.h>

#include "base/file.h"
#include "image/picture.h"
#include "image/write_picture.h"

static char folder[] = "/tmp/cclip-report-XXXXXX";

static inline int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static inline int remove_folder(void **state)
{
    struct cclip_names names;
    (void)state;
    if (cclip_folder_list(&names, folder))
        return -1;
    for (size_t i = 0; i < names.count; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", folder, names.names[i]);
        unlink(path);
    }
    cclip_names_close(&names);
    return rmdir(folder);
}

/* The path of a file in the folder; valid until the next call. */
static inline const char *in_folder(const char *name)
{
    static char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

/* A PNG file of RGB or RGBA bytes. */
static inline const char *write_png(const char *name, const unsigned char *pixels, size_t width,
                                    size_t height, size_t channels)
{
    const struct cclip_pixels in = { pixels, width, height, width * channels, channels };
    struct cclip_buffer out;
    cclip_buffer_open(&out, 1 << 20);
    assert_ok(cclip_png_write(&out, &in));
    const char *path = in_folder(name);
    assert_ok(cclip_file_write(path, out.data, out.length));
    cclip_buffer_close(&out);
    return path;
}

/* A picture over bytes of the caller's. */
static inline struct cclip_picture view(enum cclip_picture_mode mode, unsigned char *pixels,
                                        size_t width, size_t height)
{
    return (struct cclip_picture){ .mode = mode,
                                   .width = width,
                                   .height = height,
                                   .stride = width * (mode == CCLIP_MODE_RGBA ? 4 : 3),
                                   .pixels = pixels,
                                   .orientation = 1 };
}

#endif
