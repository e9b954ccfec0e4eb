/* What a checkpoint is made of; for the readers of the formats, which fill it. */
#ifndef CCLIP_CHECKPOINT_CHECKPOINT_PARTS_H
#define CCLIP_CHECKPOINT_CHECKPOINT_PARTS_H

#include "base/arena.h"
#include "base/file.h"
#include "checkpoint/checkpoint.h"

struct cclip_checkpoint_file {
    char *path;
    struct cclip_mapping mapping;
};

struct cclip_checkpoint_entry {
    const char *name; /* in the arena */
    struct cclip_tensor tensor;
    size_t bytes; /* from tensor.data to the end of its last element */
    size_t file;  /* index of the file that it came from */
};

/* A text of a safetensors file's metadata; both in the arena. */
struct cclip_checkpoint_note {
    const char *key, *text;
};

struct cclip_checkpoint {
    char *path;         /* what was opened: the file, or the index of its shards */
    const char *format; /* of the first file */
    struct cclip_checkpoint_file *files;
    size_t file_count, file_capacity;
    struct cclip_checkpoint_entry *entries;
    size_t count, capacity;
    struct cclip_checkpoint_note *notes;
    size_t note_count, note_capacity;
    struct cclip_arena arena; /* names, notes, and tensors that had to be unpacked */
    struct cclip_gguf *gguf;
};

/* An empty checkpoint. */
cclip_status cclip_checkpoint_new(struct cclip_checkpoint **out, const char *path);

/* Maps a file and reads its tensors by the reader that its content asks for. */
cclip_status cclip_checkpoint_add_file(struct cclip_checkpoint *checkpoint, const char *path);

/* Opens what is in memory instead of in a file; `data` must outlive the checkpoint and is not NULL. */
cclip_status cclip_checkpoint_open_bytes(struct cclip_checkpoint **out, const void *data,
                                         size_t size, const char *name);

/* Copies the name. The tensor's bytes must have been checked to lie inside what it points into;
 * messages are the caller's business. */
cclip_status cclip_checkpoint_add(struct cclip_checkpoint *checkpoint, size_t file,
                                  const char *name, size_t name_length,
                                  const struct cclip_tensor *tensor);

/* Copies both texts. */
cclip_status cclip_checkpoint_add_note(struct cclip_checkpoint *checkpoint, const char *key,
                                       size_t key_length, const char *text, size_t length);

/* All names, sorted by bytes, in new memory (cclip_release); NULL with a message on failure. */
const char **cclip_checkpoint_sorted_names(const struct cclip_checkpoint *checkpoint);
/* Fails if a name stands there twice. */
cclip_status cclip_checkpoint_check_names(const struct cclip_checkpoint *checkpoint);

/* Bytes from a tensor's first element to the end of its last. The caller has bounded shape and
 * strides, so that nothing overflows. */
size_t cclip_checkpoint_extent(const struct cclip_tensor *tensor);

/* The readers: each adds the tensors of one file and sets the format. */
typedef cclip_status cclip_checkpoint_reader(struct cclip_checkpoint *checkpoint, size_t file);
cclip_checkpoint_reader cclip_safetensors_read, cclip_torch_zip_read, cclip_gguf_read;

/* True if the file begins as a safetensors file does, its header whole. */
int cclip_is_safetensors(const struct cclip_mapping *mapping);

void cclip_gguf_close(struct cclip_gguf **gguf);

#endif
