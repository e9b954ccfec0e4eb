/* What features are: whose, of which kind, and the names of their classes. Kept as JSON in the file of a
 * probe and beside that of a set of features, so that neither is used where it does not fit:
 *
 *     "features"       "embedding", or "embedding_normalized": each row of length 1
 *     "model"          the architecture of the model whose features they are
 *     "fingerprint"    the first values of what that model makes of one fixed picture
 *     "classes"        the class names, in the order of their numbers
 *
 * "model" and "fingerprint" may be absent. */
#ifndef CCLIP_TRAIN_FEATURE_ORIGIN_H
#define CCLIP_TRAIN_FEATURE_ORIGIN_H

#include "base/file.h"
#include "formats/json.h"

enum { CCLIP_FINGERPRINT = 32 };

/* The same weights give the same fingerprint in any file format, and nearly the same in any precision. */
struct cclip_feature_origin {
    char model[64];
    float fingerprint[CCLIP_FINGERPRINT];
    size_t count; /* of its values; 0: not known */
    int normalized;
};

const char *cclip_feature_kind_name(int normalized);

/* Class names go into JSON, so they must be UTF-8. */
cclip_status cclip_class_names_check(const struct cclip_names *classes);

/* Sets the keys above. */
cclip_status cclip_feature_origin_write(cclip_json *object, const struct cclip_feature_origin *origin,
                                        const struct cclip_names *classes);
/* `name` is the file's, for messages. On failure there are no classes. */
cclip_status cclip_feature_origin_read(struct cclip_feature_origin *origin,
                                       struct cclip_names *classes, const cclip_json *object,
                                       const char *name);

/* Are both from the same model, as far as it is known? `a` and `b` are called that in the message. */
cclip_status cclip_feature_origin_compare(const struct cclip_feature_origin *a, const char *a_name,
                                          const struct cclip_feature_origin *b, const char *b_name);

#endif
