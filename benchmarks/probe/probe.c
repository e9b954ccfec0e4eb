/* Fits a linear probe to x.npy (float32 [count, dim]) and y.npy (int64 [count]) and writes weight.npy
 * [classes, dim] and bias.npy [classes]; prints one JSON object with the time the fit took, reading and writing
 * left out.   bench_probe x.npy y.npy CLASSES C THREADS weight.npy bias.npy */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/cpu_features.h"
#include "base/memory.h"
#include "cpu/cpu_device.h"
#include "formats/npy.h"
#include "train/linear_probe.h"

static cclip_status write_rows(const char *path, const float *rows, size_t count, size_t width, size_t rank)
{
    struct cclip_npy_writer writer;
    cclip_status status = cclip_npy_writer_open(&writer, path, CCLIP_NPY_F32, &width, rank);
    if (!status)
        status = cclip_npy_writer_append(&writer, rows, count);
    if (!status)
        status = cclip_npy_writer_finish(&writer);
    if (!status)
        status = cclip_npy_writer_commit(&writer);
    cclip_npy_writer_close(&writer);
    return status;
}

static cclip_status fit(const struct cclip_probe_data *data, double c, int threads, char **out)
{
    const struct cclip_probe_fit wish = { .c = c, .iterations = 1000, .tolerance = CCLIP_PROBE_TOLERANCE };
    struct cclip_thread_pool *pool = NULL;
    struct cclip_device device = { 0 };
    struct cclip_probe_trainer *trainer = NULL;
    struct cclip_linear_probe probe = { 0 };
    struct cclip_probe_fitted fitted = { 0 };
    cclip_status status = cclip_thread_pool_open(&pool, threads);
    if (!status)
        status = cclip_cpu_device_open(&device, pool, cclip_cpu_features());
    const double start = cclip_clock_seconds();
    if (!status)
        status = cclip_linear_probe_open(&probe, data->classes, data->dim);
    if (!status)
        status = cclip_probe_trainer_open(&trainer, &device, data);
    if (!status)
        status = cclip_probe_trainer_fit(trainer, &probe, &wish, &fitted);
    const double seconds = cclip_clock_seconds() - start;
    if (!status)
        status = write_rows(out[0], probe.weight, data->classes, data->dim, 1);
    if (!status)
        status = write_rows(out[1], probe.bias, data->classes, 0, 0);
    if (!status)
        printf("{\"seconds\": %.6f, \"iterations\": %zu, \"evaluations\": %zu, \"objective\": %.9g}\n", seconds,
               fitted.iterations, fitted.evaluations, fitted.objective);
    cclip_probe_trainer_close(&trainer);
    cclip_linear_probe_close(&probe);
    cclip_cpu_device_close(&device);
    cclip_thread_pool_close(&pool);
    return status;
}

int main(int count, char **words)
{
    struct cclip_npy x = { 0 }, y = { 0 };
    int32_t *labels = NULL;
    if (count != 8) {
        fprintf(stderr, "usage: bench_probe x.npy y.npy CLASSES C THREADS weight.npy bias.npy\n");
        return 2;
    }
    cclip_status status = cclip_npy_open(&x, words[1]);
    if (!status)
        status = cclip_npy_open(&y, words[2]);
    if (!status && (x.type != CCLIP_NPY_F32 || x.rank != 2 || y.type != CCLIP_NPY_I64 || y.count != x.shape[0]))
        status = cclip_fail(CCLIP_ERROR_ARGUMENT, "float32 [count, dim] and int64 [count] expected");
    if (!status && !(labels = cclip_allocate(y.count, sizeof *labels)))
        status = CCLIP_ERROR_MEMORY;
    for (size_t i = 0; !status && i < y.count; i++)
        labels[i] = (int32_t)((const int64_t *)y.data)[i];
    const struct cclip_probe_data data = { x.data, labels, y.count, x.rank == 2 ? x.shape[1] : 0,
                                           strtoul(words[3], NULL, 10) };
    if (!status)
        status = fit(&data, strtod(words[4], NULL), (int)strtol(words[5], NULL, 10), words + 6);
    if (status)
        fprintf(stderr, "%s\n", cclip_error_message());
    cclip_release(labels);
    cclip_npy_close(&x);
    cclip_npy_close(&y);
    return status ? 1 : 0;
}
