/* An audit on its way: what its parts share. */
#ifndef CCLIP_API_AUDIT_H
#define CCLIP_API_AUDIT_H

#include <cclip/evaluate.h>
#include <cclip/zero_shot.h>
#include "base/file.h"
#include "data/table.h"

struct cclip_audit {
    cclip_audit_row *rows;
    size_t count, capacity;
    struct cclip_names texts; /* what the rows point to */
    size_t pictures, skipped;
    char *table;              /* its path, for the report */
    double confidence;
    size_t resamples, permutations;
};

/* A column of groups. */
struct cclip_attribute {
    const char *name;
    struct cclip_names groups; /* sorted by their bytes */
    size_t *of;                /* [pictures] */
};

struct cclip_audit_run {
    struct cclip_audit *audit;
    const cclip_audit_options *options;
    cclip_bootstrap_options bootstrap;
    cclip_session *session;
    const char *path;
    cclip_templates *templates; /* NULL: the label alone */
    struct cclip_table_rows table;
    size_t dim, pictures;
    size_t *row_of;    /* [pictures]: the table's row of each; before they are read of all, then of those that
                        * could be read */
    float *embeddings; /* [pictures][dim], or NULL */
    struct cclip_attribute *attributes;
    size_t attribute_count;
    struct cclip_names labels; /* the classes to choose from */
    size_t *truths;            /* [pictures], or NULL where there is no column of labels */
    double *hits, *weights;    /* [pictures]: scratch of one measure */
};

/* Appends a figure, all its texts copied. `measure` is a literal. */
cclip_status cclip_audit_add(struct cclip_audit *audit, const cclip_audit_row *row);

/* What is asked for by name, or an error that names it. */
cclip_status cclip_audit_need_column(size_t *out, const struct cclip_audit_run *run, const char *name);
cclip_status cclip_audit_need_class(size_t *out, const struct cclip_audit_run *run, const char *name);

/* The parts; each does nothing where nothing is asked of it. */
cclip_status cclip_audit_classes(struct cclip_audit_run *run);
cclip_status cclip_audit_harm(struct cclip_audit_run *run);
cclip_status cclip_audit_associations(struct cclip_audit_run *run);
cclip_status cclip_audit_rankings(struct cclip_audit_run *run);

#endif
