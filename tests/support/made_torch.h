/* PyTorch zips that a test makes. Include after support/made_zip.h. */
#ifndef CCLIP_TESTS_MADE_TORCH_H
#define CCLIP_TESTS_MADE_TORCH_H

struct made_tensor {
    const char *storage; /* "FloatStorage" ... */
    const char *key;     /* of its record: data/<key> */
    int count;           /* elements of the storage */
    int offset;
    int rank, shape[8], stride[8];
};

static inline void made_pickle_text(struct made *p, const char *text)
{
    made_text(p, "X");
    made_number(p, strlen(text), 4);
    made_text(p, text);
}

static inline void made_pickle_integer(struct made *p, int value)
{
    made_text(p, "J");
    made_number(p, (uint64_t)(int64_t)value, 4);
}

static inline void made_pickle_shape(struct made *p, const int *values, int count)
{
    made_text(p, "(");
    for (int i = 0; i < count; i++)
        made_pickle_integer(p, values[i]);
    made_text(p, "t");
}

/* (storage, offset, shape, strides, False, OrderedDict()), as _rebuild_tensor_v2 gets them. */
static inline void made_pickle_arguments(struct made *p, const struct made_tensor *t)
{
    made_text(p, "((");
    made_pickle_text(p, "storage");
    made_text(p, "ctorch\n");
    made_text(p, t->storage);
    made_text(p, "\n");
    made_pickle_text(p, t->key);
    made_pickle_text(p, "cuda:0");
    made_pickle_integer(p, t->count);
    made_text(p, "tQ");
    made_pickle_integer(p, t->offset);
    made_pickle_shape(p, t->shape, t->rank);
    made_pickle_shape(p, t->stride, t->rank);
    made_text(p, "\x89" "ccollections\nOrderedDict\n)Rt");
}

static inline void made_pickle_tensor(struct made *p, const struct made_tensor *t)
{
    made_text(p, "ctorch._utils\n_rebuild_tensor_v2\n");
    made_pickle_arguments(p, t);
    made_text(p, "R");
}

/* Adds "a/<name>". */
static inline void made_torch_add(struct made_zip *zip, const char *name, const void *data, size_t size,
                                  int deflated)
{
    char full[128];
    snprintf(full, sizeof full, "a/%s", name);
    made_zip_add(zip, full, data, size, deflated);
}

#endif
