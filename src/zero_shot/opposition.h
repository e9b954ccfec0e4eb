/* Opposing prompts: what else a picture may show. How strongly it agrees with them is the background
 * against which a label's own agreement is judged (docs/zero_shot.md, "Independent"). */
#ifndef CCLIP_ZERO_SHOT_OPPOSITION_H
#define CCLIP_ZERO_SHOT_OPPOSITION_H

#include <stddef.h>
#include <stdint.h>
#include "base/status.h"

struct cclip_opposition {
    size_t count, dim, labels;
    float *embeddings;       /* [count][dim], normalised */
    size_t *excluded_offset; /* [labels + 1] into `excluded` */
    uint32_t *excluded;      /* prompts that mean the label itself, by label */
    size_t excluded_capacity;
};

/* Copies the embeddings of `count` prompts. A prompt is excluded for a label when it says the same:
 * their directions, each with the prompts' mean taken off, have a cosine above one half. */
cclip_status cclip_opposition_open(struct cclip_opposition *out, const float *embeddings,
                                   size_t count, size_t dim, const float *weights, size_t labels);
void cclip_opposition_close(struct cclip_opposition *opposition);

/* evidence[l] = log of the mean of exp(scale * cosine + bias) over the prompts that oppose label l,
 * for one picture. `scratch` holds opposition->count values. */
void cclip_opposition_evidence(const struct cclip_opposition *opposition, float *evidence,
                               double *scratch, const float *embedding, float scale, float bias);

#endif
