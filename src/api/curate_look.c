/* Looking at every sample of a corpus: threads read, clean, decode and measure ahead, the session embeds. */
#include <math.h>
#include <string.h>

#include "api/curate.h"
#include "api/session.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/permutation.h"
#include "base/work_ahead.h"
#include "image/preprocess.h"

enum { BATCHES = 2, BATCH_WITHOUT_MODEL = 64 };

/* One sample on its way. */
struct slot {
    struct cclip_sample sample;
    struct cclip_buffer caption; /* cleaned */
    struct cclip_caption_verdict verdict;
    struct cclip_digest file, pixels, look;
    uint64_t area;
    struct cclip_failure failure; /* the sample's; or memory ran out */
};

struct worker {
    struct cclip_buffer scratch;
    struct cclip_caption_cleaner cleaner;
    struct cclip_text_encoder *encoder; /* NULL: captions are not tokenized */
};

struct pass {
    const struct cclip_corpus *corpus;
    struct cclip_look *look;
    const cclip_preprocessing *preprocessing; /* NULL: no model */
    const struct cclip_permutation *order;    /* NULL: one after the other */
    int captions;                             /* they are looked for */
    size_t row, dim, batch, slot_count;
    int worker_count;
    struct slot *slots;
    struct worker *workers;
    float *pixels; /* [slots][row] */
    struct cclip_work_ahead *ahead;
    float *images, *texts; /* [batch][dim]: embeddings of the batch at hand */
};

/* FNV-1a; captions are short. */
static uint64_t key_of(const char *text, size_t length)
{
    uint64_t key = 0xcbf29ce484222325u;
    for (size_t i = 0; i < length; i++)
        key = (key ^ (unsigned char)text[i]) * 0x100000001b3u;
    return key;
}

static cclip_status digest_file(struct slot *slot)
{
    const struct cclip_buffer *bytes = &slot->sample.picture;
    if (!slot->sample.picture_is_path) {
        slot->file = cclip_digest_bytes(bytes->data, bytes->length);
        return CCLIP_OK;
    }
    struct cclip_mapping file;
    const cclip_status status = cclip_mapping_open(&file, bytes->data);
    if (!status)
        slot->file = cclip_digest_bytes(file.data, file.size);
    cclip_mapping_close(&file);
    return status;
}

static cclip_status look_at_picture(const struct pass *p, struct slot *slot, float *pixels)
{
    struct cclip_picture picture;
    const struct cclip_look *look = p->look;
    cclip_status status = look->digests ? digest_file(slot) : CCLIP_OK;
    if (!status)
        status = cclip_sample_picture(&picture, &slot->sample);
    if (status)
        return status;
    slot->area = (uint64_t)picture.width * picture.height;
    if (look->digests)
        status = cclip_digest_pixels(&slot->pixels, &picture);
    if (!status && look->hash)
        status = cclip_difference_hash(&slot->look, &picture);
    if (!status && p->preprocessing)
        status = cclip_preprocess(pixels, &picture, p->preprocessing);
    cclip_picture_close(&picture);
    return status ? cclip_fail_in(status, "%s", slot->sample.name.data) : CCLIP_OK;
}

static cclip_status look_at_caption(const struct pass *p, struct slot *slot, struct worker *worker)
{
    size_t length, ids_count;
    const int32_t *ids;
    const char *text = cclip_pair_caption(&slot->sample, 0, &length);
    cclip_status status;
    if (p->look->clean) {
        status = cclip_caption_clean(&slot->caption, &slot->verdict, &worker->cleaner, text, length,
                                     &p->look->captions);
    } else {
        cclip_buffer_clear(&slot->caption);
        status = cclip_buffer_append(&slot->caption, text, length);
    }
    if (status || !worker->encoder || slot->verdict.refused != CCLIP_CAPTION_RULES)
        return status;
    status = cclip_text_tokenize(worker->encoder, &ids, &ids_count, slot->caption.data, slot->caption.length,
                                 p->look->session->model->config.text.context_length, 1);
    if (!status && ids_count <= 2) /* start and end */
        return cclip_fail(CCLIP_ERROR_FORMAT, "%s: a caption without a token", slot->sample.name.data);
    return status ? cclip_fail_in(status, "%s", slot->sample.name.data) : CCLIP_OK;
}

/* A cclip_work_function. */
static void look_at_one(void *context, size_t item, size_t place, int number)
{
    const struct pass *p = context;
    struct slot *slot = &p->slots[place];
    struct worker *worker = &p->workers[number];
    const size_t sample = p->order ? (size_t)cclip_permutation_at(p->order, item) : item;
    slot->verdict = (struct cclip_caption_verdict){ 0, CCLIP_CAPTION_RULES };
    slot->failure.status = CCLIP_OK;
    cclip_status status = cclip_pair_index_read(&p->corpus->index, sample, &slot->sample, &worker->scratch);
    if (!status)
        status = cclip_failure_raise(&slot->sample.problem);
    if (!status && p->captions)
        status = look_at_caption(p, slot, worker);
    if (!status)
        status = look_at_picture(p, slot, p->pixels + place * p->row);
    if (status)
        cclip_failure_take(&slot->failure, status);
}

/* Opening and closing. */

static cclip_status open_workers(struct pass *p)
{
    const int encode = p->captions && p->look->score;
    cclip_status status = CCLIP_OK;
    p->workers = cclip_allocate_zero((size_t)p->worker_count, sizeof *p->workers);
    if (!p->workers)
        return CCLIP_ERROR_MEMORY;
    for (int i = 0; i < p->worker_count && !status; i++) {
        cclip_buffer_open(&p->workers[i].scratch, CCLIP_PAIR_BYTES);
        if (encode)
            status = cclip_text_encoder_open(&p->workers[i].encoder, p->look->session->model->tokenizer);
    }
    return status;
}

static cclip_status open_slots(struct pass *p)
{
    p->slot_count = BATCHES * p->batch;
    p->slots = cclip_allocate_zero(p->slot_count, sizeof *p->slots);
    if (!p->slots)
        return CCLIP_ERROR_MEMORY;
    for (size_t i = 0; i < p->slot_count; i++) {
        cclip_sample_open(&p->slots[i].sample);
        cclip_buffer_open(&p->slots[i].caption, 2 * CCLIP_LIMIT_TEXT_BYTES);
    }
    p->pixels = cclip_allocate(p->slot_count, p->row * sizeof *p->pixels);
    p->images = cclip_allocate_zero(p->batch, p->dim * sizeof *p->images);
    p->texts = cclip_allocate(p->batch, p->dim * sizeof *p->texts);
    return p->pixels && p->images && p->texts ? CCLIP_OK : CCLIP_ERROR_MEMORY;
}

static void pass_close(struct pass *p)
{
    cclip_work_ahead_close(&p->ahead);
    for (size_t i = 0; p->slots && i < p->slot_count; i++) {
        cclip_sample_close(&p->slots[i].sample);
        cclip_buffer_close(&p->slots[i].caption);
    }
    for (int i = 0; p->workers && i < p->worker_count; i++) {
        cclip_buffer_close(&p->workers[i].scratch);
        cclip_caption_cleaner_close(&p->workers[i].cleaner);
        cclip_text_encoder_close(&p->workers[i].encoder);
    }
    cclip_release(p->slots);
    cclip_release(p->workers);
    cclip_release(p->pixels);
    cclip_release(p->images);
    cclip_release(p->texts);
    *p = (struct pass){ 0 };
}

static cclip_status check_model(const struct cclip_look *look)
{
    const struct cclip_model *model = look->session->model;
    const cclip_preprocessing *p = look->options->preprocessing;
    const struct cclip_vision_config *vision = &model->config.vision;
    if (look->score && !model->tokenizer)
        return cclip_fail(CCLIP_ERROR_NOT_FOUND, "%s", model->tokenizer_problem);
    if (p && p->version != CCLIP_PREPROCESSING_VERSION)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "preprocessing: version %u is not known", (unsigned)p->version);
    if (p && (p->height != vision->image_height || p->width != vision->image_width))
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "preprocessing: %zu x %zu pixels, but the model's input is %zu x %zu",
                          p->width, p->height, vision->image_width, vision->image_height);
    return CCLIP_OK;
}

static cclip_status pass_open(struct pass *p, const struct cclip_corpus *corpus, struct cclip_look *look,
                              const struct cclip_permutation *order)
{
    cclip_session *session = look->session;
    const int pool = look->pool ? cclip_thread_pool_size(look->pool) : 1, ahead = pool / 2;
    *p = (struct pass){ .corpus = corpus, .look = look, .order = order, .batch = BATCH_WITHOUT_MODEL,
                        .worker_count = pool + ahead };
    p->captions = !corpus->index.parts[0].pictures_alone;
    cclip_status status = CCLIP_OK;
    if (session && (look->score || look->keep_images)) {
        status = check_model(look);
        p->preprocessing = look->options->preprocessing ? look->options->preprocessing
                                                        : &session->model->config.preprocessing;
        p->dim = session->model->config.embedding_dim;
        p->row = 3 * p->preprocessing->height * p->preprocessing->width;
        p->batch = cclip_session_pictures_a_pass(session);
    }
    if (!status)
        status = open_workers(p);
    if (!status)
        status = open_slots(p);
    const struct cclip_work_request work = { .work = look_at_one,
                                             .context = p,
                                             .end = corpus->index.count,
                                             .batch = p->batch,
                                             .batches = BATCHES,
                                             .threads = ahead,
                                             .pool = look->pool };
    return status ? status : cclip_work_ahead_open(&p->ahead, &work);
}

/* Embedding. */

static int is_usable(const struct slot *slot)
{
    return !slot->failure.status && slot->verdict.refused == CCLIP_CAPTION_RULES;
}

/* Pictures that stand together are computed together. */
static cclip_status embed_pictures(struct pass *p, const struct cclip_work_batch *batch)
{
    const struct slot *slots = p->slots + batch->slot;
    cclip_status status = CCLIP_OK;
    for (size_t i = 0; i < batch->count && !status;) {
        size_t end = i;
        while (end < batch->count && is_usable(&slots[end]))
            end++;
        if (end > i)
            status = cclip_embed_pixels(p->look->session, p->images + i * p->dim,
                                        p->pixels + (batch->slot + i) * p->row, end - i, 1);
        i = end + 1;
    }
    return status;
}

static cclip_status embed_captions(struct pass *p, const struct cclip_work_batch *batch)
{
    const struct slot *slots = p->slots + batch->slot;
    const char **texts = cclip_allocate(batch->count, sizeof *texts);
    size_t *lengths = cclip_allocate(batch->count, sizeof *lengths);
    cclip_status status = texts && lengths ? CCLIP_OK : CCLIP_ERROR_MEMORY;
    for (size_t i = 0; i < batch->count && !status; i++) { /* others get a text that costs next to nothing */
        texts[i] = is_usable(&slots[i]) ? slots[i].caption.data : "";
        lengths[i] = is_usable(&slots[i]) ? slots[i].caption.length : 0;
    }
    if (!status)
        status = cclip_embed_texts(p->look->session, p->texts, texts, lengths, batch->count, 1, 1);
    cclip_release((void *)texts);
    cclip_release(lengths);
    return status;
}

/* The next batch, embedded where that is wanted. */
static cclip_status next_batch(struct pass *p, struct cclip_work_batch *batch)
{
    cclip_work_ahead_next(p->ahead, batch);
    cclip_status status = CCLIP_OK;
    for (size_t i = 0; i < batch->count && !status; i++)
        if (p->slots[batch->slot + i].failure.status == CCLIP_ERROR_MEMORY)
            status = cclip_failure_raise(&p->slots[batch->slot + i].failure);
    if (!status && batch->count && p->preprocessing)
        status = embed_pictures(p, batch);
    if (!status && batch->count && p->preprocessing && p->captions && p->look->score)
        status = embed_captions(p, batch);
    return status;
}

static cclip_status report(struct cclip_look *look, size_t more)
{
    const cclip_curate_options *o = look->options;
    look->done += more;
    if (!o->progress || !o->progress(o->user, look->done, look->total))
        return CCLIP_OK;
    return cclip_fail(CCLIP_ERROR_CANCELLED, "stopped after %zu of %zu samples", look->done, look->total);
}

/* Noting. */

static cclip_status note_texts(struct cclip_corpus *corpus, struct cclip_curate_record *record,
                               const struct slot *slot, int captions)
{
    size_t length;
    const struct cclip_buffer *name = &slot->sample.name;
    const char *was = captions ? cclip_pair_caption(&slot->sample, 0, &length) : NULL;
    cclip_status status = cclip_corpus_add_text(corpus, &record->name, name->data ? name->data : "", name->length);
    if (!status && slot->failure.status)
        return cclip_corpus_add_text(corpus, &record->message, slot->failure.message,
                                     strlen(slot->failure.message));
    if (status || !was)
        return status;
    if (slot->verdict.changed)
        status = cclip_corpus_add_text(corpus, &record->was, was, length);
    if (!status)
        status = cclip_corpus_add_text(corpus, &record->caption, slot->caption.data, slot->caption.length);
    record->caption_length = slot->caption.length;
    return status;
}

static cclip_status note_one(struct pass *p, struct cclip_corpus *corpus, size_t sample, const struct slot *slot)
{
    struct cclip_curate_record *record = &corpus->records[sample];
    const cclip_curate_options *o = p->look->options;
    *record = (struct cclip_curate_record){ .changed = slot->verdict.changed,
                                            .rule = (unsigned char)slot->verdict.refused,
                                            .name = CCLIP_NO_TEXT, .caption = CCLIP_NO_TEXT,
                                            .was = CCLIP_NO_TEXT, .message = CCLIP_NO_TEXT,
                                            .of = CCLIP_NO_TEXT, .partner = SIZE_MAX,
                                            .cosine = (float)NAN, .margin = (float)NAN,
                                            .similarity = (float)NAN,
                                            .file = slot->file, .pixels = slot->pixels, .look = slot->look,
                                            .area = slot->area };
    record->caption_key = key_of(slot->caption.data, slot->caption.length);
    record->reason = slot->failure.status                          ? CCLIP_CURATE_BROKEN
                     : slot->verdict.refused < CCLIP_CAPTION_RULES ? CCLIP_CURATE_CAPTION
                                                                   : CCLIP_CURATE_KEPT;
    const cclip_status status = note_texts(corpus, record, slot, p->captions);
    if (status || !slot->failure.status || !o->skip ||
        !o->skip(o->user, sample, slot->failure.status, slot->failure.message))
        return status;
    return cclip_fail(CCLIP_ERROR_CANCELLED, "%s", slot->failure.message);
}

static cclip_status note_scores(struct pass *p, struct cclip_corpus *corpus, const struct cclip_work_batch *batch)
{
    const struct cclip_mismatch_references none = { .dim = p->dim }, *references = p->look->references;
    struct cclip_pair_score *scores = cclip_allocate(batch->count, sizeof *scores);
    uint64_t *keys = cclip_allocate(batch->count, sizeof *keys);
    cclip_status status = scores && keys ? CCLIP_OK : CCLIP_ERROR_MEMORY;
    for (size_t i = 0; i < batch->count && !status; i++)
        keys[i] = corpus->records[batch->first + i].caption_key;
    if (!status)
        status = cclip_mismatch_scores(scores, &p->look->session->device, references ? references : &none,
                                       p->images, p->texts, keys, batch->count);
    for (size_t i = 0; i < batch->count && !status; i++) {
        if (!is_usable(&p->slots[batch->slot + i]))
            continue;
        corpus->records[batch->first + i].cosine = scores[i].cosine;
        corpus->records[batch->first + i].margin = scores[i].margin;
    }
    cclip_release(scores);
    cclip_release(keys);
    return status;
}

static cclip_status note_batch(struct pass *p, struct cclip_corpus *corpus, const struct cclip_work_batch *batch)
{
    cclip_status status = CCLIP_OK;
    for (size_t i = 0; i < batch->count && !status; i++)
        status = note_one(p, corpus, batch->first + i, &p->slots[batch->slot + i]);
    if (!status && p->look->score && p->captions)
        status = note_scores(p, corpus, batch);
    if (!status && corpus->images)
        memcpy(corpus->images + batch->first * p->dim, p->images, batch->count * p->dim * sizeof *p->images);
    return status;
}

cclip_status cclip_corpus_look(struct cclip_corpus *corpus, struct cclip_look *look)
{
    struct pass p;
    struct cclip_work_batch batch = { 0 };
    cclip_status status = pass_open(&p, corpus, look, NULL);
    if (!status)
        status = report(look, 0);
    if (!status && look->keep_images && p.dim &&
        !(corpus->images = cclip_allocate(corpus->index.count, p.dim * sizeof *corpus->images)))
        status = CCLIP_ERROR_MEMORY;
    while (!status && !(status = next_batch(&p, &batch)) && batch.count) {
        status = note_batch(&p, corpus, &batch);
        if (!status)
            status = report(look, batch.count);
    }
    pass_close(&p);
    return status;
}

/* References. */

void cclip_drawn_references_close(struct cclip_drawn_references *references)
{
    cclip_release(references->images);
    cclip_release(references->texts);
    cclip_release(references->captions);
    *references = (struct cclip_drawn_references){ 0 };
}

static void take_references(struct cclip_drawn_references *out, const struct pass *p,
                            const struct cclip_work_batch *batch, size_t wanted)
{
    for (size_t i = 0; i < batch->count && out->of.count < wanted; i++) {
        const struct slot *slot = &p->slots[batch->slot + i];
        if (!is_usable(slot))
            continue;
        memcpy(out->images + out->of.count * p->dim, p->images + i * p->dim, p->dim * sizeof *p->images);
        memcpy(out->texts + out->of.count * p->dim, p->texts + i * p->dim, p->dim * sizeof *p->texts);
        out->captions[out->of.count++] = key_of(slot->caption.data, slot->caption.length);
    }
}

cclip_status cclip_corpus_draw(struct cclip_drawn_references *out, const struct cclip_corpus *corpus,
                               struct cclip_look *look)
{
    enum { STREAM = 0x63757261 };
    struct pass p;
    struct cclip_work_batch batch = { 0 };
    struct cclip_permutation order;
    const size_t count = corpus->index.count;
    const size_t wanted = look->options->references < count ? look->options->references : count;
    *out = (struct cclip_drawn_references){ 0 };
    cclip_permutation_open(&order, count, (uint64_t)look->options->seed, STREAM);
    cclip_status status = pass_open(&p, corpus, look, &order);
    out->images = status ? NULL : cclip_allocate(wanted, p.dim * sizeof *out->images);
    out->texts = status ? NULL : cclip_allocate(wanted, p.dim * sizeof *out->texts);
    out->captions = status ? NULL : cclip_allocate(wanted, sizeof *out->captions);
    if (!status && !(out->images && out->texts && out->captions))
        status = CCLIP_ERROR_MEMORY;
    while (!status && out->of.count < wanted && !(status = next_batch(&p, &batch)) && batch.count) {
        const size_t before = out->of.count;
        take_references(out, &p, &batch, wanted);
        status = report(look, out->of.count - before);
    }
    out->of.images = out->images;
    out->of.texts = out->texts;
    out->of.captions = out->captions;
    out->of.dim = p.dim;
    out->of.logit_scale = status ? 0 : look->session->model->logit_scale;
    pass_close(&p);
    if (status)
        cclip_drawn_references_close(out);
    return status;
}
