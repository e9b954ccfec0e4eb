/* From the bytes of a picture file to a model's input of 224 x 224, on one thread.
 *
 *   bench_preprocess FILE... [--seconds S]     S for each figure, 1 unless given
 *
 * One line a file: best of many runs. peer_pillow.py calls this program in turns with Pillow. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "image/preprocess.h"

enum stage { DECODE, WHOLE };

struct problem {
    struct cclip_mapping file;
    const char *path;
    cclip_preprocessing settings;
    float *out;
};

static cclip_status run(struct problem *p, enum stage stage)
{
    struct cclip_picture picture;
    cclip_status status = cclip_picture_decode(&picture, p->file.data, p->file.size, p->path, NULL);
    if (!status && stage == WHOLE)
        status = cclip_preprocess(p->out, &picture, &p->settings);
    cclip_picture_close(&picture);
    return status;
}

static cclip_status measure(double *best, struct problem *p, enum stage stage, double seconds)
{
    const double begin = cclip_clock_seconds();
    *best = 1e30;
    for (int i = 0; i < 3 || cclip_clock_seconds() - begin < seconds; i++) {
        const double start = cclip_clock_seconds();
        const cclip_status status = run(p, stage);
        if (status)
            return status;
        const double taken = cclip_clock_seconds() - start;
        *best = taken < *best ? taken : *best;
    }
    return CCLIP_OK;
}

static cclip_status bench_file(struct problem *p, double seconds)
{
    double decode = 0, whole = 0;
    cclip_status status = cclip_mapping_open(&p->file, p->path);
    if (status)
        return status;
    status = measure(&whole, p, WHOLE, seconds);
    if (!status)
        status = measure(&decode, p, DECODE, seconds);
    cclip_mapping_close(&p->file);
    if (!status)
        printf("%s: %.2f images/s (%.3f ms, of which decoding %.3f ms)\n", cclip_path_name(p->path),
               1 / whole, whole * 1e3, decode * 1e3);
    return status;
}

int main(int argc, char **argv)
{
    struct problem p = { .settings = CCLIP_PREPROCESSING_INIT };
    double seconds = 1;
    int failed = 0;
    p.out = cclip_allocate_aligned(3 * 224 * 224 * sizeof(float));
    if (argc > 3 && !strcmp(argv[argc - 2], "--seconds")) {
        seconds = strtod(argv[argc - 1], NULL);
        argc -= 2;
    }
    for (int i = 1; i < argc && p.out; i++) {
        p.path = argv[i];
        if (bench_file(&p, seconds)) {
            fprintf(stderr, "%s\n", cclip_error_message());
            failed = 1;
        }
    }
    cclip_release_aligned(p.out);
    return failed;
}
