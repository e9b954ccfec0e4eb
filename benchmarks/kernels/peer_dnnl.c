#include "kernels/peer_dnnl.h"

#include <stdio.h>
#include <stdlib.h>

#if CCLIP_BENCH_DNNL
#include <dnnl.h>
#include <omp.h>

const char *const peer_dnnl_name = "oneDNN";

struct peer_dnnl {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_primitive_t primitive;
    dnnl_memory_t in, weight, out;
};

static void check(dnnl_status_t status, const char *what)
{
    if (status == dnnl_success)
        return;
    fprintf(stderr, "oneDNN: %s: status %d\n", what, (int)status);
    exit(1);
}

/* Descriptor of out = in * weight, the weight in the form the library likes best. */
static dnnl_primitive_desc_t describe(dnnl_engine_t engine, dnnl_dim_t rows, dnnl_dim_t columns,
                                      dnnl_dim_t depth)
{
    const dnnl_dims_t in_dims = { rows, depth }, weight_dims = { depth, columns };
    const dnnl_dims_t out_dims = { rows, columns };
    dnnl_primitive_desc_t description;
#if DNNL_VERSION_MAJOR >= 3
    dnnl_memory_desc_t in, weight, out;
    check(dnnl_memory_desc_create_with_tag(&in, 2, in_dims, dnnl_f32, dnnl_ab), "in");
    check(dnnl_memory_desc_create_with_tag(&weight, 2, weight_dims, dnnl_f32,
                                           dnnl_format_tag_any), "weight");
    check(dnnl_memory_desc_create_with_tag(&out, 2, out_dims, dnnl_f32, dnnl_ab), "out");
    check(dnnl_matmul_primitive_desc_create(&description, engine, in, weight, NULL, out, NULL),
          "matmul");
    dnnl_memory_desc_destroy(in);
    dnnl_memory_desc_destroy(weight);
    dnnl_memory_desc_destroy(out);
#else
    dnnl_memory_desc_t in, weight, out;
    dnnl_matmul_desc_t matmul;
    check(dnnl_memory_desc_init_by_tag(&in, 2, in_dims, dnnl_f32, dnnl_ab), "in");
    check(dnnl_memory_desc_init_by_tag(&weight, 2, weight_dims, dnnl_f32, dnnl_format_tag_any),
          "weight");
    check(dnnl_memory_desc_init_by_tag(&out, 2, out_dims, dnnl_f32, dnnl_ab), "out");
    check(dnnl_matmul_desc_init(&matmul, &in, &weight, NULL, &out), "matmul");
    check(dnnl_primitive_desc_create(&description, &matmul, NULL, engine, NULL), "description");
#endif
    return description;
}

#if DNNL_VERSION_MAJOR >= 3
typedef const_dnnl_memory_desc_t form;
#else
typedef const dnnl_memory_desc_t *form;
#endif

static dnnl_memory_t memory_of(dnnl_engine_t engine, dnnl_primitive_desc_t description,
                               dnnl_query_t what, void *data)
{
    dnnl_memory_t memory;
    form wanted = dnnl_primitive_desc_query_md(description, what, 0);
    check(dnnl_memory_create(&memory, wanted, engine, data), "memory");
    return memory;
}

struct peer_dnnl *peer_dnnl_open(size_t rows, size_t columns, size_t depth, float *in,
                                 float *weight, float *out, int threads)
{
    struct peer_dnnl *peer = calloc(1, sizeof *peer);
    (void)weight; /* any values do: the packed memory stays as allocated */
    omp_set_num_threads(threads);
    check(dnnl_engine_create(&peer->engine, dnnl_cpu, 0), "engine");
    check(dnnl_stream_create(&peer->stream, peer->engine, dnnl_stream_default_flags), "stream");
    dnnl_primitive_desc_t description = describe(peer->engine, (dnnl_dim_t)rows,
                                                 (dnnl_dim_t)columns, (dnnl_dim_t)depth);
    check(dnnl_primitive_create(&peer->primitive, description), "primitive");
    peer->in = memory_of(peer->engine, description, dnnl_query_src_md, in);
    peer->weight = memory_of(peer->engine, description, dnnl_query_weights_md,
                             DNNL_MEMORY_ALLOCATE);
    peer->out = memory_of(peer->engine, description, dnnl_query_dst_md, out);
    dnnl_primitive_desc_destroy(description);
    void *packed;
    check(dnnl_memory_get_data_handle(peer->weight, &packed), "handle");
    for (size_t i = 0; i < columns * depth; i++)
        ((float *)packed)[i] = 0.5f;
    return peer;
}

void peer_dnnl_run(struct peer_dnnl *peer)
{
    const dnnl_exec_arg_t arguments[] = { { DNNL_ARG_SRC, peer->in },
                                          { DNNL_ARG_WEIGHTS, peer->weight },
                                          { DNNL_ARG_DST, peer->out } };
    check(dnnl_primitive_execute(peer->primitive, peer->stream, 3, arguments), "execute");
    check(dnnl_stream_wait(peer->stream), "wait");
}

void peer_dnnl_close(struct peer_dnnl *peer)
{
    if (!peer)
        return;
    dnnl_memory_destroy(peer->in);
    dnnl_memory_destroy(peer->weight);
    dnnl_memory_destroy(peer->out);
    dnnl_primitive_destroy(peer->primitive);
    dnnl_stream_destroy(peer->stream);
    dnnl_engine_destroy(peer->engine);
    free(peer);
}

#else

const char *const peer_dnnl_name = "no peer";

struct peer_dnnl *peer_dnnl_open(size_t rows, size_t columns, size_t depth, float *in,
                                 float *weight, float *out, int threads)
{
    (void)rows, (void)columns, (void)depth, (void)in, (void)weight, (void)out, (void)threads;
    return NULL;
}

void peer_dnnl_run(struct peer_dnnl *peer)
{
    (void)peer;
}

void peer_dnnl_close(struct peer_dnnl *peer)
{
    (void)peer;
}
#endif
