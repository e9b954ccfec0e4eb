#include "models/weights_source.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "models/position_resize.h"

static int is_position_table(const char *name)
{
    return !strcmp(name, "visual.positional_embedding") || !strcmp(name, "text.positional_embedding");
}

/* True when the stored table has other rows but the same width, and may be resized. A ResNet's
 * attention pool has a table too, but no public model resizes that. */
static int needs_resize(const struct cclip_weights_source *source, const char *name,
                        const size_t *shape, size_t *stored_rows)
{
    size_t stored[CCLIP_LIMIT_TENSOR_RANK];
    int rank;
    if (!is_position_table(name) || cclip_weights_shape(source->weights, name, stored, &rank))
        return 0;
    if (rank != 2 || stored[1] != shape[1] || stored[0] == shape[0] || !stored[0])
        return 0;
    *stored_rows = stored[0];
    return 1;
}

static cclip_status require(void *context, const char *name, const size_t *shape, int rank)
{
    struct cclip_weights_source *source = context;
    size_t rows;
    if (needs_resize(source, name, shape, &rows)) {
        const size_t stored[2] = { rows, shape[1] };
        return cclip_weights_require(source->weights, name, stored, 2);
    }
    return cclip_weights_require(source->weights, name, shape, rank);
}

static cclip_status read_resized(struct cclip_weights_source *source, const char *name,
                                 const size_t *shape, size_t stored_rows, float *out)
{
    float *stored = cclip_allocate(stored_rows * shape[1], sizeof *stored);
    if (!stored)
        return CCLIP_ERROR_MEMORY;
    cclip_status status = cclip_weights_read(source->weights, name, stored);
    const struct cclip_vision_config *vision = &source->config->vision;
    if (!status && !strncmp(name, "visual.", 7)) {
        const size_t patch = vision->patch_size;
        status = cclip_resize_grid_positions(out, vision->image_height / patch,
                                             vision->image_width / patch, stored, stored_rows,
                                             vision->class_token ? 1 : 0, shape[1]);
    } else if (!status) {
        cclip_resize_line_positions(out, shape[0], stored, stored_rows, shape[1]);
    }
    cclip_release(stored);
    return status;
}

static void count_not_finite(struct cclip_weights_source *source, const char *name,
                             const float *data, size_t count)
{
    /* The sum of x * 0 is 0 unless some x is NaN or infinite: one cheap pass for the usual case. */
    float sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += data[i] * 0.0f;
    if (sum == 0.0f)
        return;
    if (!source->not_finite)
        source->first_not_finite = cclip_weights_stored_name(source->weights, name);
    for (size_t i = 0; i < count; i++)
        source->not_finite += !isfinite(data[i]);
}

static cclip_status read(void *context, const char *name, const size_t *shape, int rank,
                         float *scratch, const float **out)
{
    struct cclip_weights_source *source = context;
    size_t count, stored_rows;
    cclip_status status = cclip_tensor_count(&count, shape, rank);
    if (status)
        return status;
    *out = NULL;
    if (needs_resize(source, name, shape, &stored_rows))
        status = read_resized(source, name, shape, stored_rows, scratch);
    else if (!(*out = cclip_weights_view(source->weights, name)))
        status = cclip_weights_read(source->weights, name, scratch);
    if (!*out)
        *out = scratch;
    if (!status)
        count_not_finite(source, name, *out, count);
    return status;
}

static void forget(void *context, const char *name)
{
    struct cclip_weights_source *source = context;
    cclip_weights_forget(source->weights, name);
}

struct cclip_parameter_source cclip_weights_source_open(struct cclip_weights_source *out,
                                                        struct cclip_weights *weights,
                                                        const struct cclip_config *config)
{
    *out = (struct cclip_weights_source){ .weights = weights, .config = config };
    return (struct cclip_parameter_source){ require, read, forget, out };
}
