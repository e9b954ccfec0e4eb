/* TensorBoard event files: what TensorBoard draws curves from. Written only.
 *
 * A file is a row of TFRecords, each the length of its data (u64), the masked CRC-32C of these eight bytes, the
 * data, and its masked CRC-32C; all little-endian. The data is one message in protocol buffers' encoding:
 *
 *     Event      1 wall_time (double, seconds since 1970)   2 step (int64)   3 file_version (string)
 *                5 summary (Summary)                        7 session_log (SessionLog)
 *     Summary    1 value (Value, repeated)
 *     Value      1 tag (string)                             2 simple_value (float)
 *     SessionLog 1 status (enum: 1 is START)
 *
 * The first event of a file says its version and nothing else. */
#ifndef CCLIP_FORMATS_TENSORBOARD_EVENTS_H
#define CCLIP_FORMATS_TENSORBOARD_EVENTS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include "base/buffer.h"

struct cclip_scalar {
    const char *tag; /* UTF-8; a '/' makes groups */
    double value;    /* kept as float; NaN and infinities too */
};

/* Each appends one record. */
cclip_status cclip_events_version(struct cclip_buffer *out, double wall_time);
/* A run begins, or goes on, at `step`: what other files of the folder say of it and later ones is void. */
cclip_status cclip_events_start(struct cclip_buffer *out, double wall_time, uint64_t step);
cclip_status cclip_events_scalars(struct cclip_buffer *out, double wall_time, uint64_t step,
                                  const struct cclip_scalar *scalars, size_t count);

/* CRC-32C (Castagnoli) of `size` bytes. */
uint32_t cclip_crc32c(const void *data, size_t size);

/* A file that grows while it is read: each call's record has reached it on return. After a failed write it
 * may end within a record, which readers pass over; nothing should be written behind it. */
struct cclip_events_file {
    char *path;
    FILE *stream;
    struct cclip_buffer record;
};

/* Readers take a file whose name has "tfevents" in it, those of a folder in the order of their names. */
cclip_status cclip_events_file_open(struct cclip_events_file *out, const char *path,
                                    double wall_time, uint64_t first_step);
cclip_status cclip_events_file_scalars(struct cclip_events_file *file, double wall_time,
                                       uint64_t step, const struct cclip_scalar *scalars,
                                       size_t count);
/* Fine for one that is zero, or already closed. */
void cclip_events_file_close(struct cclip_events_file *file);

#endif
