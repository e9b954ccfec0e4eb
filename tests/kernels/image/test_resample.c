/* The resampler's kernels: every level against plain C, byte for byte, at odd sizes, every number of
 * channels, enlarging and reducing, with guarded buffers and the pictures that clip most. And plain C
 * against the formula in double precision. */
#include "support/unit.h"

#include <math.h>

#include "base/clock.h"
#include "base/cpu_features.h"
#include "base/random.h"
#include "cpu/resample.h"

static const char *const levels[] = { "c", "avx2", "avx512" };
enum { LEVELS = sizeof levels / sizeof levels[0], GUARD = 64 };

static int usable(int level)
{
    const unsigned needed = cclip_cpu_features_of_level(levels[level]);
    return (needed & cclip_cpu_features()) == needed;
}

static struct cclip_resample_kernels kernels_of(int level)
{
    struct cclip_resample_kernels kernels;
    cclip_resample_kernels_init(&kernels, cclip_cpu_features_of_level(levels[level]));
    return kernels;
}

/* Bytes between two guards; behind `size` there is the slack that a kernel may read. */
struct bytes {
    unsigned char *memory, *data;
    size_t size;
};

static struct bytes bytes_open(size_t size, size_t offset)
{
    struct bytes b = { .size = size };
    b.memory = malloc(size + 2 * GUARD + offset);
    assert_non_null(b.memory);
    memset(b.memory, 0xa5, size + 2 * GUARD + offset);
    b.data = b.memory + GUARD + offset;
    return b;
}

static void bytes_close(struct bytes *b)
{
    for (unsigned char *at = b->memory; at < b->data; at++)
        assert_int_equal(*at, 0xa5);
    for (size_t i = 0; i < GUARD; i++)
        assert_int_equal(b->data[b->size + i], 0xa5);
    free(b->memory);
}

enum content { NOISE, BLACK_AND_WHITE, WHITE, CONTENTS };

static void fill(struct bytes *b, enum content content, uint64_t seed)
{
    struct cclip_random random;
    cclip_random_seed(&random, seed, (uint64_t)content);
    for (size_t i = 0; i < b->size; i++)
        b->data[i] = content == WHITE             ? 255
                     : content == BLACK_AND_WHITE ? (unsigned char)(cclip_random_bits(&random) & 1 ? 255 : 0)
                                                  : (unsigned char)cclip_random_bits(&random);
}

struct shape {
    size_t in, out, begin, count;
};
static const struct shape shapes[] = {
    { 1, 1, 0, 1 },     { 1, 7, 2, 5 },      { 2, 3, 0, 3 },     { 3, 2, 0, 2 },    { 5, 224, 100, 31 },
    { 31, 32, 0, 32 },  { 33, 17, 0, 17 },   { 100, 64, 3, 61 }, { 640, 298, 37, 224 },
    { 999, 5, 0, 5 },   { 500, 499, 0, 499 }, { 301, 224, 1, 9 },
};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };
static const cclip_interpolation filters[] = { CCLIP_BICUBIC, CCLIP_BILINEAR, CCLIP_LANCZOS };

static void check_across(const struct shape *s, cclip_interpolation filter, size_t rows, size_t channels,
                         enum content content)
{
    struct cclip_resample_axis axis;
    assert_ok(cclip_resample_axis_open(&axis, filter, s->in, s->out, s->begin, s->count, 0));
    const size_t in_stride = s->in * channels, out_stride = s->count * channels + 5;
    const size_t out_size = (rows - 1) * out_stride + s->count * channels;
    struct bytes in = bytes_open(rows * in_stride, rows % 7), want = bytes_open(out_size, 0);
    fill(&in, content, s->in);
    memset(want.data, 0x77, want.size);
    kernels_of(0).across(want.data, out_stride, in.data, in_stride, rows, channels, &axis);
    for (int level = 1; level < LEVELS; level++) {
        if (!usable(level))
            continue;
        struct bytes got = bytes_open(out_size, channels);
        memset(got.data, 0x77, got.size);
        kernels_of(level).across(got.data, out_stride, in.data, in_stride, rows, channels, &axis);
        if (memcmp(got.data, want.data, got.size) != 0)
            fail_msg("%s: %zu to %zu, %zu rows, %zu channels, content %d", levels[level], s->in, s->out,
                     rows, channels, (int)content);
        bytes_close(&got);
    }
    bytes_close(&in);
    bytes_close(&want);
    cclip_resample_axis_close(&axis);
}

static void test_across(void **state)
{
    (void)state;
    for (size_t i = 0; i < SHAPES; i++)
        for (size_t f = 0; f < 3; f++)
            for (size_t channels = 1; channels <= 4; channels++)
                for (size_t rows = 1; rows <= 17; rows += rows < 9 ? 1 : 4)
                    check_across(&shapes[i], filters[f], rows, channels,
                                 (enum content)((rows + channels) % CONTENTS));
}

static void check_down(const struct shape *s, cclip_interpolation filter, size_t width,
                       enum content content)
{
    struct cclip_resample_axis axis;
    assert_ok(cclip_resample_axis_open(&axis, filter, s->in, s->out, s->begin, s->count, 0));
    const size_t stride = width + width % 3;
    struct bytes in = bytes_open((s->in - 1) * stride + width, width % 5);
    struct bytes want = bytes_open(width, 0);
    fill(&in, content, width);
    for (size_t index = 0; index < s->count; index += 1 + s->count / 7) {
        kernels_of(0).down(want.data, in.data, stride, width, &axis, index);
        for (int level = 1; level < LEVELS; level++) {
            if (!usable(level))
                continue;
            struct bytes got = bytes_open(width, width % 11);
            kernels_of(level).down(got.data, in.data, stride, width, &axis, index);
            if (memcmp(got.data, want.data, width) != 0)
                fail_msg("%s: %zu to %zu, row %zu, %zu bytes", levels[level], s->in, s->out, index, width);
            bytes_close(&got);
        }
    }
    bytes_close(&in);
    bytes_close(&want);
    cclip_resample_axis_close(&axis);
}

static void test_down(void **state)
{
    (void)state;
    static const size_t widths[] = { 1, 3, 15, 16, 17, 31, 32, 33, 63, 64, 65, 95, 96, 200, 672 };
    for (size_t i = 0; i < SHAPES; i++)
        for (size_t f = 0; f < 3; f++)
            for (size_t w = 0; w < sizeof widths / sizeof widths[0]; w++)
                check_down(&shapes[i], filters[f], widths[w], (enum content)(w % CONTENTS));
}

/* The weights sum to one and follow the kernel; the halves put together are the weights. */
static void test_weights(void **state)
{
    (void)state;
    for (size_t i = 0; i < SHAPES; i++)
        for (size_t f = 0; f < 3; f++) {
            struct cclip_resample_axis axis;
            const struct shape *s = &shapes[i];
            assert_ok(cclip_resample_axis_open(&axis, filters[f], s->in, s->out, s->begin, s->count, 1));
            for (size_t x = 0; x < s->count; x++) {
                double sum = 0, fixed = 0;
                assert_true(axis.length[x] >= 1 && axis.first[x] + axis.length[x] <= s->in);
                assert_true(axis.first[x] >= axis.begin && axis.first[x] + axis.length[x] <= axis.end);
                for (size_t k = 0; k < axis.taps; k++) {
                    const int16_t *pair = axis.halves + (x * axis.taps + k / 2 * 2) * 2;
                    assert_int_equal(axis.weights[x * axis.taps + k],
                                     pair[2 + k % 2] * 4096 + pair[k % 2]);
                    sum += k < axis.length[x] ? axis.exact[x * axis.taps + k] : 0;
                    fixed += axis.weights[x * axis.taps + k];
                }
                assert_true(fabs(sum - 1) < 1e-12);
                assert_true(fabs(fixed / (1 << CCLIP_RESAMPLE_BITS) - 1) < 1e-4);
            }
            cclip_resample_axis_close(&axis);
        }
}

static void test_nearest(void **state)
{
    (void)state;
    uint32_t all[300], part[300];
    cclip_resample_nearest(all, 97, 300, 0, 300);
    for (size_t i = 0; i < 300; i++)
        assert_int_equal(all[i], (uint32_t)(((double)i + 0.5) * 97 / 300));
    cclip_resample_nearest(part, 97, 300, 123, 100);
    assert_memory_equal(part, all + 123, 100 * sizeof *part);
}

static double seconds_of(const struct cclip_resample_kernels *k, struct bytes *in, struct bytes *out,
                         const struct cclip_resample_axis *axis, size_t rows, int across)
{
    double best = 1e30;
    for (int i = 0; i < 30; i++) {
        const double start = cclip_clock_seconds();
        if (across)
            k->across(out->data, 224 * 3, in->data, axis->end * 3, rows, 3, axis);
        else
            for (size_t y = 0; y < axis->count; y++)
                k->down(out->data + y * 672, in->data, 672, 672, axis, y);
        const double taken = cclip_clock_seconds() - start;
        best = taken < best ? taken : best;
    }
    return best;
}

static void bench(void)
{
    static const struct {
        size_t width, height, resized;
    } sizes[] = { { 640, 480, 298 }, { 4000, 3000, 298 } };
    for (size_t i = 0; i < 2; i++)
        for (int level = 0; level < LEVELS; level++) {
            struct cclip_resample_axis across, down;
            const struct cclip_resample_kernels k = kernels_of(level);
            const size_t width = sizes[i].width, height = sizes[i].height;
            if (!usable(level))
                continue;
            assert_ok(cclip_resample_axis_open(&across, CCLIP_BICUBIC, width, sizes[i].resized, 37, 224, 0));
            assert_ok(cclip_resample_axis_open(&down, CCLIP_BICUBIC, height, 224, 0, 224, 0));
            struct bytes in = bytes_open(width * height * 3, 0), out = bytes_open(672 * height, 0);
            fill(&in, NOISE, 1);
            printf("resample_%zux%zu_%s: across %.3f ms, down %.3f ms\n", width, height, levels[level],
                   1e3 * seconds_of(&k, &in, &out, &across, height, 1),
                   1e3 * seconds_of(&k, &in, &out, &down, height, 0));
            bytes_close(&in);
            bytes_close(&out);
            cclip_resample_axis_close(&across);
            cclip_resample_axis_close(&down);
        }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_across),
        cmocka_unit_test(test_down),
        cmocka_unit_test(test_weights),
        cmocka_unit_test(test_nearest),
    };
    if (argc > 1 && !strcmp(argv[1], "--bench")) {
        bench();
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
