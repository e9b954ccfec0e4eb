#include "zero_shot/weights.h"

#include <math.h>
#include <string.h>

#include "base/limits.h"
#include "base/memory.h"
#include "base/printable.h"

enum { SENTENCES_AT_ONCE = 512 };

/* Sentences waiting to be embedded, and the label whose sum is in progress. A label's sentences may
 * be spread over several batches: its sum outlives them. */
struct ensemble {
    const struct cclip_text_embedder *embedder;
    float *out;        /* next row to be finished */
    size_t sentences;  /* a label */
    size_t summed;     /* sentences of the present label that are in `sum` */
    double *sum;       /* [dim] */
    float *embeddings; /* [SENTENCES_AT_ONCE][dim] */
    struct cclip_buffer text; /* the batch, one sentence after the other */
    size_t offsets[SENTENCES_AT_ONCE + 1];
    const char *texts[SENTENCES_AT_ONCE];
    size_t lengths[SENTENCES_AT_ONCE];
    size_t waiting;
};

static void finish_label(struct ensemble *e)
{
    const size_t dim = e->embedder->dim;
    double square = 0;
    for (size_t d = 0; d < dim; d++)
        square += e->sum[d] * e->sum[d];
    const double factor = 1 / fmax(sqrt(square), 1e-12);
    for (size_t d = 0; d < dim; d++)
        e->out[d] = (float)(e->sum[d] * factor);
    memset(e->sum, 0, dim * sizeof *e->sum);
    e->out += dim;
    e->summed = 0;
}

static cclip_status embed_waiting(struct ensemble *e)
{
    const size_t dim = e->embedder->dim;
    for (size_t i = 0; i < e->waiting; i++) { /* pointers only now: the text may have moved */
        e->texts[i] = e->text.data + e->offsets[i];
        e->lengths[i] = e->offsets[i + 1] - e->offsets[i];
    }
    const cclip_status status = e->embedder->embed(e->embedder->context, e->embeddings, e->texts,
                                                   e->lengths, e->waiting);
    for (size_t i = 0; i < e->waiting && !status; i++) {
        for (size_t d = 0; d < dim; d++)
            e->sum[d] += (double)e->embeddings[i * dim + d];
        if (++e->summed == e->sentences)
            finish_label(e);
    }
    e->waiting = 0;
    cclip_buffer_clear(&e->text);
    return status;
}

static cclip_status add_sentence(struct ensemble *e, const char *template, const char *label)
{
    const size_t length = strlen(label);
    cclip_status status = template
                              ? cclip_template_expand(&e->text, template, label, length)
                              : cclip_buffer_append(&e->text, label, length);
    e->offsets[++e->waiting] = e->text.length;
    if (!status && e->waiting == SENTENCES_AT_ONCE)
        status = embed_waiting(e);
    return status;
}

/* Here, since the tokenizer knows neither the label's number nor the label. */
static cclip_status check_label(const char *label, size_t number)
{
    const size_t length = strlen(label);
    if (!length)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "label %zu is empty", number);
    for (size_t i = 0; i < length;) {
        const size_t size = cclip_utf8_length(label + i, length - i);
        if (!size)
            return cclip_fail(CCLIP_ERROR_FORMAT, "label %zu (\"%s\"): byte %zu (0x%02x) is not UTF-8",
                              number, label, i, (unsigned char)label[i]);
        i += size;
    }
    return CCLIP_OK;
}

static cclip_status add_label(struct ensemble *e, const char *label,
                              const struct cclip_templates *templates)
{
    cclip_status status = CCLIP_OK;
    for (size_t t = 0; t < e->sentences && !status; t++)
        status = add_sentence(e, templates ? templates->list.names[t] : NULL, label);
    return status;
}

cclip_status cclip_class_weights(float *out, const struct cclip_text_embedder *embedder,
                                 const char *const *labels, size_t count,
                                 const struct cclip_templates *templates)
{
    if (!count)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "an empty list of labels");
    if (count > CCLIP_LIMIT_LABELS)
        return cclip_fail(CCLIP_ERROR_LIMIT, "%zu labels: at most %zu", count, CCLIP_LIMIT_LABELS);
    struct ensemble *e = cclip_allocate_zero(1, sizeof *e);
    if (!e)
        return CCLIP_ERROR_MEMORY;
    cclip_status status = CCLIP_OK;
    e->embedder = embedder;
    e->out = out;
    e->sentences = templates ? templates->list.count : 1;
    cclip_buffer_open(&e->text, SENTENCES_AT_ONCE * CCLIP_LIMIT_TEXT_BYTES);
    e->sum = cclip_allocate_zero(embedder->dim, sizeof *e->sum);
    e->embeddings = cclip_allocate(SENTENCES_AT_ONCE * embedder->dim, sizeof *e->embeddings);
    if (!e->sum || !e->embeddings)
        status = CCLIP_ERROR_MEMORY;
    for (size_t i = 0; i < count && !status; i++) {
        status = check_label(labels[i], i + 1);
        if (!status)
            status = add_label(e, labels[i], templates);
    }
    if (!status && e->waiting)
        status = embed_waiting(e);
    cclip_release(e->embeddings);
    cclip_release(e->sum);
    cclip_buffer_close(&e->text);
    cclip_release(e);
    return status;
}
