/* Files: mapped to read, replaced whole to write, folders listed in a fixed order.
 * A path is bytes, not UTF-8. */
#ifndef CCLIP_BASE_FILE_H
#define CCLIP_BASE_FILE_H

#include <stddef.h>
#include <stdio.h>
#include "base/buffer.h"
#include "base/status.h"

/* A file mapped read-only. `data` is never NULL after a successful open, also for an empty file. */
struct cclip_mapping {
    const unsigned char *data;
    size_t size;
    int mapped;
};

/* Fails on a folder, a pipe or a device: only regular files can be mapped. */
cclip_status cclip_mapping_open(struct cclip_mapping *out, const char *path);
void cclip_mapping_close(struct cclip_mapping *mapping);
/* The pages of [offset, offset + size) will not be needed again soon: gives the memory back. */
void cclip_mapping_forget(const struct cclip_mapping *mapping, size_t offset, size_t size);

/* Reads a whole file or, for "-", standard input. `maximum` bytes at most. */
cclip_status cclip_file_read(struct cclip_buffer *out, const char *path, size_t maximum);
/* The same for a text, which ends at the first zero byte: with an error. */
cclip_status cclip_file_read_text(struct cclip_buffer *out, const char *path, size_t maximum);

/* A file that appears under its name only when it is complete: written to a temporary name beside
 * it, synced, renamed. Close without commit removes the temporary file. */
struct cclip_writer {
    FILE *stream;
    char *path, *target, *temporary; /* as given; behind symbolic links; NULL for a device or pipe */
};
/* What `path` links to is replaced, not the link. A device or a pipe is written as it is. */
cclip_status cclip_writer_open(struct cclip_writer *out, const char *path);
cclip_status cclip_writer_write(struct cclip_writer *writer, const void *data, size_t size);
/* Brings to the disk what was written so far, so that a commit soon after can only fail to rename:
 * for files that must appear together. */
cclip_status cclip_writer_sync(struct cclip_writer *writer);
cclip_status cclip_writer_commit(struct cclip_writer *writer);
void cclip_writer_close(struct cclip_writer *writer);

/* Writes `size` bytes as the whole of `path`, by a writer. */
cclip_status cclip_file_write(const char *path, const void *data, size_t size);

int cclip_is_folder(const char *path);
int cclip_is_file(const char *path);
cclip_status cclip_folder_make(const char *path); /* parents too; fine if it is there */

/* Names in a folder, without "." and "..", sorted by bytes. Free with cclip_names_close. */
struct cclip_names {
    char **names;
    size_t count, capacity;
};
cclip_status cclip_folder_list(struct cclip_names *out, const char *path);
cclip_status cclip_names_add(struct cclip_names *names, const char *name, size_t length);
void cclip_names_close(struct cclip_names *names);

/* "folder/name" in new memory; NULL with a message on failure. */
char *cclip_path_join(const char *folder, const char *name);
/* The part after the last '/'; points into `path`. */
const char *cclip_path_name(const char *path);
/* True when `path` ends in `suffix`, ASCII letters compared without case. */
int cclip_path_has_suffix(const char *path, const char *suffix);
/* Whether what is or will be at `path` lies in the folder or below it, links followed; 0 where its own folder or the
 * other one is not there. */
int cclip_path_is_within(const char *path, const char *folder);

#endif
