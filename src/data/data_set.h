/* A labelled set on disk, whatever its layout: what it is for, its classes, its samples. */
#ifndef CCLIP_DATA_DATA_SET_H
#define CCLIP_DATA_DATA_SET_H

#include "base/file.h"
#include "data/sample.h"

enum cclip_data_task { CCLIP_DATA_AUTO, CCLIP_DATA_CLASSES, CCLIP_DATA_CAPTIONS };

struct cclip_data_request {
    const char *path;
    enum cclip_data_task task;
    const char *split;      /* of a WebDataset evaluation folder */
    const char *classnames; /* file with a class a line, or NULL: the set's own */
    const char *image_column, *caption_column; /* of a table */
    char separator;                            /* of a table; 0: by its first line */
};

struct cclip_data_set {
    struct cclip_sample_source *source;
    enum cclip_data_task task;  /* never AUTO */
    int task_assumed;           /* neither asked for nor written anywhere */
    struct cclip_names classes; /* of a set with classes */
    char *templates;            /* path of the set's own, or NULL */
};

/* Recognises the layout: a folder in CLIP_benchmark's WebDataset layout, a folder of class folders,
 * tar shards by name or brace pattern, else a table. */
cclip_status cclip_data_set_open(struct cclip_data_set *out,
                                 const struct cclip_data_request *request);
void cclip_data_set_close(struct cclip_data_set *set);

/* Is it a folder in CLIP_benchmark's WebDataset layout? And its shards: folder/split/0.tar and so on, as many as
 * nshards.txt says; that they are there is for cclip_shards_check. */
int cclip_is_evaluation_folder(const char *folder, const char *split);
cclip_status cclip_evaluation_shards(struct cclip_names *out, const char *folder, const char *split);

/* A class a line, white space around it taken off. An empty line would shift all that follow, so
 * only the last ones may be empty. */
cclip_status cclip_class_names_read(struct cclip_names *out, const char *path);

#endif
