#include "zero_shot/scores.h"

#include <math.h>

enum { LANES = 16 };

float cclip_inner_product(const float *a, const float *b, size_t count)
{
    float lanes[LANES] = { 0 };
    size_t i = 0;
    for (; i + LANES <= count; i += LANES)
        for (size_t l = 0; l < LANES; l++)
            lanes[l] += a[i + l] * b[i + l];
    for (size_t l = 0; i + l < count; l++)
        lanes[l] += a[i + l] * b[i + l];
    double sum = 0;
    for (size_t l = 0; l < LANES; l++)
        sum += (double)lanes[l];
    return (float)sum;
}

void cclip_label_logits(float *out, const float *embeddings, size_t pictures, const float *weights,
                        size_t labels, size_t dim, float scale, float bias)
{
    for (size_t p = 0; p < pictures; p++)
        for (size_t l = 0; l < labels; l++)
            out[p * labels + l] =
                scale * cclip_inner_product(embeddings + p * dim, weights + l * dim, dim) + bias;
}

static void softmax_row(float *row, size_t width)
{
    double largest = -INFINITY, sum = 0;
    for (size_t i = 0; i < width; i++)
        largest = fmax(largest, (double)row[i]);
    for (size_t i = 0; i < width; i++)
        sum += exp((double)row[i] - largest);
    for (size_t i = 0; i < width; i++)
        row[i] = (float)(exp((double)row[i] - largest) / sum);
}

void cclip_softmax_rows(float *rows, size_t count, size_t width)
{
    for (size_t i = 0; i < count; i++)
        softmax_row(rows + i * width, width);
}

/* Order of the result: larger first, of equals the earlier place. */
static int before(const float *scores, size_t a, size_t b)
{
    return scores[a] > scores[b] || (!(scores[a] < scores[b]) && a < b);
}

/* `heap` has the worst of the kept places at its root. */
static void sink(size_t *heap, size_t size, size_t at, const float *scores)
{
    for (size_t child; (child = 2 * at + 1) < size; at = child) {
        if (child + 1 < size && before(scores, heap[child], heap[child + 1]))
            child++;
        if (before(scores, heap[child], heap[at]))
            return;
        const size_t moved = heap[at];
        heap[at] = heap[child];
        heap[child] = moved;
    }
}

size_t cclip_top_k(size_t *places, const float *scores, size_t count, size_t k)
{
    const size_t kept = k < count ? k : count;
    for (size_t i = 0; i < kept; i++)
        places[i] = i;
    for (size_t i = kept / 2; i-- > 0;)
        sink(places, kept, i, scores);
    for (size_t i = kept; i < count && kept; i++) {
        if (before(scores, i, places[0])) {
            places[0] = i;
            sink(places, kept, 0, scores);
        }
    }
    for (size_t size = kept; size > 1; size--) { /* the worst goes to the end, again and again */
        const size_t worst = places[0];
        places[0] = places[size - 1];
        places[size - 1] = worst;
        sink(places, size - 1, 0, scores);
    }
    return kept;
}

double cclip_sigmoid(double x)
{
    return x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x));
}
