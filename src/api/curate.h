/* A curation from inside: what the files curate*.c share.
 *
 * curate.c puts it together; curate_look.c looks at each sample of a corpus, in threads, and notes what can be said of
 * it alone; curate_decide.c decides what goes, where all samples are known; curate_lines.c and curate_page.c tell. */
#ifndef CCLIP_API_CURATE_H
#define CCLIP_API_CURATE_H

#include <cclip/curate.h>

#include "api/train_data.h"
#include "base/buffer.h"
#include "curate/caption_rules.h"
#include "curate/corpus_write.h"
#include "curate/mismatch.h"
#include "curate/picture_digest.h"
#include "data/pair_index.h"

#define CCLIP_NO_TEXT SIZE_MAX

/* What is known of a sample. Texts are places in the corpus' `texts`, or CCLIP_NO_TEXT. */
struct cclip_curate_record {
    unsigned char reason; /* cclip_curate_reason */
    unsigned char rule;   /* of CCLIP_CURATE_CAPTION */
    unsigned changed;     /* bit r: rule r changed the caption */
    size_t name, caption, was, message, of;
    size_t caption_length;
    size_t partner;       /* the sample that it is a duplicate of, of this corpus */
    float cosine, margin, similarity; /* NaN: not known */
    struct cclip_digest file, pixels, look;
    uint64_t caption_key; /* equal for equal captions */
    uint64_t area;        /* of the picture, pixels */
};

struct cclip_corpus {
    struct cclip_train_sources sources;
    char *columns[2]; /* of a table: copies, for the writer */
    struct cclip_pair_index index;
    struct cclip_curate_record *records; /* [index.count] */
    struct cclip_buffer texts;
    float *images; /* [index.count][dim] where they are wanted; rows of samples that go are unset */
};

/* What is to be found out of each sample. */
struct cclip_look {
    cclip_session *session;            /* or NULL */
    struct cclip_thread_pool *pool;    /* the session's, where there is one */
    const cclip_curate_options *options;
    struct cclip_caption_settings captions;
    int clean, digests, hash, keep_images;
    const struct cclip_mismatch_references *references; /* or NULL: pairs are not scored */
    int score;                         /* cosines are wanted, with references or without */
    size_t done, total;                /* samples, for the progress of all passes */
};

struct cclip_curation {
    struct cclip_corpus corpus;
    cclip_curate_options options; /* texts and callbacks are gone after cclip_curate */
    float *made;                  /* margins of made mismatches, sorted */
    size_t made_count;
    struct cclip_mismatch_rule rule; /* NaN where it was not asked for */
    size_t damaged;
    size_t tally[CCLIP_CURATE_REASONS], changed[CCLIP_CAPTION_RULES], refused[CCLIP_CAPTION_RULES];
    double lowest; /* cosine that was kept */
};

cclip_status cclip_corpus_open(struct cclip_corpus *out, const char *data, int pictures_alone,
                               const cclip_curate_options *options, int threads);
void cclip_corpus_close(struct cclip_corpus *corpus);
/* The text at a place; NULL for CCLIP_NO_TEXT. */
const char *cclip_corpus_text(const struct cclip_corpus *corpus, size_t place);
cclip_status cclip_corpus_add_text(struct cclip_corpus *corpus, size_t *place, const char *text, size_t length);

/* Fills the records, and `images` where they are kept. */
cclip_status cclip_corpus_look(struct cclip_corpus *corpus, struct cclip_look *look);

/* Reference pairs, drawn by the seed; in memory of their own. */
struct cclip_drawn_references {
    struct cclip_mismatch_references of;
    float *images, *texts;
    uint64_t *captions;
};
cclip_status cclip_corpus_draw(struct cclip_drawn_references *out, const struct cclip_corpus *corpus,
                               struct cclip_look *look);
void cclip_drawn_references_close(struct cclip_drawn_references *references);

/* In this order: what repeats too often, what does not belong together, what an evaluation set has, duplicates. */
cclip_status cclip_decide_repeats(struct cclip_curation *curation);
cclip_status cclip_decide_pairs(struct cclip_curation *curation);
cclip_status cclip_decide_against(struct cclip_curation *curation, const struct cclip_corpus *other,
                                  cclip_session *session);
cclip_status cclip_decide_exact(struct cclip_curation *curation);
cclip_status cclip_decide_near(struct cclip_curation *curation, cclip_session *session);

/* The report's lines. */
cclip_status cclip_curation_lines(const struct cclip_curation *curation, struct cclip_writer *out, int all);

#endif
