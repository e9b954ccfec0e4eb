/* A session's insides, shared by the files of this room. */
#ifndef CCLIP_API_SESSION_H
#define CCLIP_API_SESSION_H

#include <cclip/model.h>
#include "base/arena.h"
#include "base/thread_pool.h"
#include "models/model.h"
#include "tensor/backend.h"
#include "text/tokenizer.h"

struct cclip_session {
    struct cclip_model *model;
    struct cclip_thread_pool *pool;
    struct cclip_device device;
    int device_open;
    struct cclip_arena arena;          /* activations of the pass in progress */
    struct cclip_text_encoder *encoder; /* opened at the first text */
    struct cclip_forward forward;
};

/* Inputs of one pass: enough rows to keep the products busy, few enough for the caches and memory. */
size_t cclip_session_pictures_a_pass(const struct cclip_session *session);
size_t cclip_session_texts_a_pass(const struct cclip_session *session);

/* Ids of texts (start and end included), packed; a growing list that the caller closes. */
struct cclip_token_list {
    int32_t *ids;
    size_t *offsets; /* count + 1 */
    size_t count, ids_capacity, offsets_capacity;
};
cclip_status cclip_session_tokenize(struct cclip_session *session, struct cclip_token_list *out,
                                    const char *const *texts, const size_t *lengths, size_t count,
                                    int truncate);
void cclip_token_list_close(struct cclip_token_list *list);

#endif
