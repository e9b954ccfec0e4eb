/* Finds pictures that look like one of a few others.
 *
 * usage: icons_twins MARKS OTHERS LIMIT [FIRST COUNT]
 *
 * MARKS and OTHERS are files of struct mark. For each picture of MARKS whose nearest one of OTHERS has a
 * distance of at most LIMIT thousandths, a line INDEX OTHER DISTANCE. The distance of rasters a and b is
 * 1000 |a - b|^2 / (|a|^2 + |b|^2): 0 for the same, about 1000 for two drawings whose lines do not meet,
 * whatever their sizes and margins. Two areas that differ in a hole alone have a small distance too; so no value
 * of the rasters may differ by more than SPOT of 255. With FIRST and COUNT only that many pictures are looked
 * at, so that processes can share them.
 *
 * Bounds spare most of the work and miss nothing: |a - b| is at least ||a| - |b||, so only rasters of nearly
 * the same |a| are looked at; and averages over cells and channels cannot be further apart than the rasters
 * themselves (Jensen), first those over quarters, then those over 2 x 2 cells. */
#include "mark.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SPOT = 96 };
enum { HALF = GRID / 2, CELLS = HALF * HALF, CELL_VALUES = GRID_BYTES / CELLS, QUARTER_VALUES = GRID_BYTES / 4 };

struct look {
    int64_t energy;      /* |a|^2 */
    int32_t quarters[4]; /* sums of all channels over quarters */
    int16_t cells[CELLS]; /* and over 2 x 2 cells */
    size_t index;
    const uint8_t *raster;
};

static struct mark *read_all(const char *path, size_t *count)
{
    FILE *file = fopen(path, "rb");
    if (!file || fseeko(file, 0, SEEK_END)) {
        perror(path);
        exit(1);
    }
    *count = (size_t)ftello(file) / sizeof(struct mark);
    struct mark *all = malloc(*count * sizeof(struct mark) + 1);
    rewind(file);
    if (!all || fread(all, sizeof(struct mark), *count, file) != *count) {
        perror(path);
        exit(1);
    }
    fclose(file);
    return all;
}

static void look_at(struct look *out, const struct mark *marks, size_t index)
{
    *out = (struct look){ .index = index, .raster = marks[index].raster };
    for (int k = 0; k < GRID_BYTES; k++) {
        const int row = k / 3 / GRID / 2, column = k / 3 % GRID / 2, value = out->raster[k];
        out->energy += value * value;
        out->cells[row * HALF + column] = (int16_t)(out->cells[row * HALF + column] + value);
        out->quarters[2 * (2 * row / HALF) + 2 * column / HALF] += value;
    }
}

/* Whether |a - b|^2 <= most and no spot differs, and what it is then. */
static int is_near(int64_t *out, const struct look *a, const struct look *b, int64_t most)
{
    int64_t coarse = 0;
    for (int k = 0; k < 4; k++) {
        const int64_t d = a->quarters[k] - b->quarters[k];
        coarse += d * d;
    }
    if (coarse > QUARTER_VALUES * most)
        return 0;
    int32_t sum = 0;
    for (int k = 0; k < CELLS; k++) {
        const int16_t d = (int16_t)(a->cells[k] - b->cells[k]);
        sum += d * d;
    }
    if (sum > CELL_VALUES * most)
        return 0;
    int spots = 0;
    sum = 0;
    for (int k = 0; k < GRID_BYTES; k++) {
        const int16_t d = (int16_t)(a->raster[k] - b->raster[k]);
        sum += d * d;
        spots |= (d > SPOT) | (d < -SPOT);
    }
    *out = sum;
    return sum <= most && !spots;
}

static int by_energy(const void *a, const void *b)
{
    const struct look *x = a, *y = b;
    return x->energy != y->energy ? (x->energy > y->energy) - (x->energy < y->energy)
                                  : (x->index > y->index) - (x->index < y->index);
}

/* Whether |b| is so much smaller (or larger) than |a| that the distance is beyond `limit` thousandths whatever
 * they look like: with r = |b| / |a|, (1 - r)^2 > limit / 1000 (1 + r^2). */
static int too_far(int64_t a, int64_t b, int64_t limit)
{
    const double x = sqrt((double)a), y = sqrt((double)b);
    return (x - y) * (x - y) * 1000 > (double)(limit + 1) * (x * x + y * y);
}

/* The same raster again tells nothing new. */
static size_t keep_different(struct look *sorted, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        size_t k = kept;
        while (k && sorted[k - 1].energy == sorted[i].energy &&
               memcmp(sorted[k - 1].raster, sorted[i].raster, GRID_BYTES))
            k--;
        if (!k || sorted[k - 1].energy != sorted[i].energy)
            sorted[kept++] = sorted[i];
    }
    return kept;
}

/* The first of `others` that is not too far below. */
static size_t first_near(const struct look *others, size_t count, int64_t energy, int64_t limit)
{
    size_t low = 0, high = count;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (others[middle].energy < energy && too_far(energy, others[middle].energy, limit))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Prints the nearest of `others`, which are in the order of |a|, where it is within the limit. */
static void find_nearest(const struct mark *marks, size_t index, const struct look *others, size_t count, int64_t limit)
{
    struct look own;
    look_at(&own, marks, index);
    if (!own.energy)
        return;
    int64_t best = limit + 1, d;
    size_t nearest = 0;
    for (size_t k = first_near(others, count, own.energy, limit); k < count; k++) {
        if (others[k].energy > own.energy && too_far(own.energy, others[k].energy, limit))
            break;
        const int64_t both = own.energy + others[k].energy;
        if (is_near(&d, &own, others + k, (best - 1) * both / 1000)) {
            best = (d * 1000 + both - 1) / both;
            nearest = others[k].index;
        }
    }
    if (best <= limit)
        printf("%zu %zu %ld\n", index, nearest, (long)best);
}

int main(int argc, char **argv)
{
    if (argc != 4 && argc != 6) {
        fprintf(stderr, "usage: icons_twins MARKS OTHERS LIMIT [FIRST COUNT]\n");
        return 2;
    }
    size_t count, other_count;
    const struct mark *marks = read_all(argv[1], &count), *others = read_all(argv[2], &other_count);
    struct look *near = malloc((other_count + 1) * sizeof *near);
    if (!near)
        return 1;
    for (size_t k = 0; k < other_count; k++)
        look_at(near + k, others, k);
    qsort(near, other_count, sizeof *near, by_energy);
    other_count = keep_different(near, other_count);
    const size_t first = argc == 6 ? strtoul(argv[4], NULL, 10) : 0;
    if (argc == 6 && first + strtoul(argv[5], NULL, 10) < count)
        count = first + strtoul(argv[5], NULL, 10);
    for (size_t i = first; i < count; i++)
        find_nearest(marks, i, near, other_count, strtol(argv[3], NULL, 10));
    return fflush(stdout) != 0;
}
