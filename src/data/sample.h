/* One sample of a data set: a picture, what is said about it, and where it came from.
 *
 * A sample is filled again and again and keeps its memory, so that walking through millions of them
 * allocates next to nothing. A sample that is broken is given out too, with its problem: whoever
 * reads decides whether to skip it. */
#ifndef CCLIP_DATA_SAMPLE_H
#define CCLIP_DATA_SAMPLE_H

#include <cclip/image.h>
#include "base/buffer.h"
#include "base/status.h"

enum { CCLIP_NO_CLASS = -1 };

struct cclip_sample {
    struct cclip_buffer name;    /* for messages: "shard.tar: 000012.jpg", or a path */
    struct cclip_buffer picture; /* a picture file's bytes, or its path: */
    int picture_is_path;
    struct cclip_buffer texts;   /* the captions, each with a zero after it */
    size_t *starts, text_count, starts_capacity;
    int32_t label;               /* class, or CCLIP_NO_CLASS */
    struct cclip_buffer group;   /* samples of the same group match each other; empty: in none */
    struct cclip_failure problem; /* status CCLIP_OK: the sample is whole, as far as it was read */
};

void cclip_sample_open(struct cclip_sample *out);
void cclip_sample_close(struct cclip_sample *sample);
void cclip_sample_clear(struct cclip_sample *sample); /* keeps the memory */

cclip_status cclip_sample_add_text(struct cclip_sample *sample, const char *text, size_t length);
const char *cclip_sample_text(const struct cclip_sample *sample, size_t index, size_t *length);

/* Keeps the thread's message as the sample's problem; returns CCLIP_OK. Running out of memory is no
 * property of a sample: that status is returned. */
cclip_status cclip_sample_spoil(struct cclip_sample *sample, cclip_status status);

struct cclip_picture;
/* Decodes the picture, which is then to be closed. */
cclip_status cclip_sample_picture(struct cclip_picture *out, const struct cclip_sample *sample);
/* Decodes and preprocesses the picture; `out` is [3][height][width]. Any number of threads, each with
 * samples of its own. */
cclip_status cclip_sample_pixels(float *out, const struct cclip_sample *sample,
                                 const cclip_preprocessing *preprocessing);

/* Where samples come from, one after another. */
struct cclip_sample_source {
    /* Fills `out`, or leaves `name` empty after the last sample. A failure here is the source's, and
     * ends it. */
    cclip_status (*next)(struct cclip_sample_source *source, struct cclip_sample *out);
    void (*close)(struct cclip_sample_source *source);
    size_t total; /* how many there are; 0: not known before the end */
};
cclip_status cclip_sample_next(struct cclip_sample_source *source, struct cclip_sample *out);
void cclip_sample_source_close(struct cclip_sample_source **source);

/* Does a file's name end as a picture's does? */
int cclip_is_picture_name(const char *name);

#endif
