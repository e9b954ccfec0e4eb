/* Retrieval in figures: pictures found by their captions, and captions by their pictures, where a
 * picture may have several captions (CLIP_benchmark's definition).
 *
 * All that matters of the scores [texts][images] is at which place the right one stands, so they are
 * never held: memory grows with texts plus images, not with their product. */
#ifndef CCLIP_EVALUATE_RETRIEVAL_H
#define CCLIP_EVALUATE_RETRIEVAL_H

#include <stddef.h>
#include "base/status.h"
#include "base/thread_pool.h"

struct cclip_retrieval {
    const float *images, *texts; /* normalised, [image_count][dim] and [text_count][dim] */
    size_t image_count, text_count, dim;
    const size_t *image_of_text; /* [text_count], each below image_count */
};

/* image_ranks [text_count]: how many images are nearer to the text than its own image;
 * text_ranks [image_count]: how many texts are nearer to the image than the nearest of its own. Of
 * equals the earlier one is nearer. An image without texts has the rank text_count. Scores that are
 * not numbers rank last. `pool` may be NULL. */
cclip_status cclip_retrieval_ranks(size_t *image_ranks, size_t *text_ranks,
                                   const struct cclip_retrieval *retrieval,
                                   struct cclip_thread_pool *pool);

#endif
