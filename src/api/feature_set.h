/* A set of features from inside: what the functions of probe.h share. */
#ifndef CCLIP_API_FEATURE_SET_H
#define CCLIP_API_FEATURE_SET_H

#include <cclip/probe.h>
#include "train/feature_origin.h"

struct cclip_feature_set {
    float *features; /* [count][dim] */
    int32_t *labels; /* [count] */
    size_t count, dim, skipped;
    size_t features_capacity, labels_capacity; /* samples */
    struct cclip_names classes;
    struct cclip_feature_origin origin;
};

/* Room for `count` samples in all. */
cclip_status cclip_feature_set_reserve(struct cclip_feature_set *set, size_t count);

/* Copies names. */
cclip_status cclip_names_copy(struct cclip_names *out, const struct cclip_names *names);

/* out[i] = place in `names` of name i of `wanted`, or -1. Of equal names the first, unless both lists are the
 * same: then i. In new memory; NULL with a message on failure. */
int32_t *cclip_names_find_all(const struct cclip_names *names, const struct cclip_names *wanted);

/* What features of this session's model are. Makes them for one picture. */
cclip_status cclip_feature_origin_of(struct cclip_feature_origin *out, cclip_session *session,
                                     int normalized);

#endif
