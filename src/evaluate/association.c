#include "evaluate/association.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/random.h"

/* Sums of the same numbers in another order differ in their last bits: what differs by less is equal. */
static const double ROUNDING = 1e-12;

struct test {
    const double *cosines;
    size_t count, a_count;
    double total, seen; /* sum of all; difference of means of the division at hand in the data */
    double tolerance;
    size_t greater, either, divisions;
};

static double sum_of(const double *values, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += values[i];
    return sum;
}

static double difference(const struct test *t, double a_sum)
{
    return a_sum / (double)t->a_count - (t->total - a_sum) / (double)(t->count - t->a_count);
}

static void judge(struct test *t, double a_sum)
{
    const double d = difference(t, a_sum);
    t->greater += d >= t->seen - t->tolerance;
    t->either += fabs(d) >= fabs(t->seen) - t->tolerance;
    t->divisions++;
}

/* How many ways there are to choose a of n, or most + 1 where there are more. */
static size_t ways(size_t n, size_t a, size_t most)
{
    double product = 1;
    a = a < n - a ? a : n - a;
    for (size_t i = 1; i <= a && product <= (double)most; i++)
        product = product * (double)(n - a + i) / (double)i;
    return product <= (double)most + 0.5 ? (size_t)(product + 0.5) : most + 1;
}

/* Every choice of a_count places, in the order of their numbers. */
static void try_all(struct test *t, size_t *places)
{
    const size_t a = t->a_count, n = t->count;
    for (size_t i = 0; i < a; i++)
        places[i] = i;
    for (;;) {
        double sum = 0;
        for (size_t i = 0; i < a; i++)
            sum += t->cosines[places[i]];
        judge(t, sum);
        size_t i = a;
        while (i && places[i - 1] == n - a + i - 1)
            i--;
        if (!i)
            return;
        places[i - 1]++;
        for (; i < a; i++)
            places[i] = places[i - 1] + 1;
    }
}

/* Random choices, each by the first steps of a shuffle. */
static void try_some(struct test *t, size_t *places, size_t permutations, uint64_t seed)
{
    struct cclip_random random;
    cclip_random_seed(&random, seed, 0);
    for (size_t i = 0; i < t->count; i++)
        places[i] = i;
    for (size_t p = 0; p < permutations; p++) {
        double sum = 0;
        for (size_t i = 0; i < t->a_count; i++) {
            const size_t other = i + cclip_random_below(&random, t->count - i);
            const size_t place = places[other];
            places[other] = places[i];
            places[i] = place;
            sum += t->cosines[place];
        }
        judge(t, sum);
    }
    t->greater++; /* the division seen is one that chance could have made: p is never 0 */
    t->either++;
    t->divisions++;
}

static double deviation(const struct test *t)
{
    const double mean = t->total / (double)t->count;
    double squares = 0;
    for (size_t i = 0; i < t->count; i++)
        squares += (t->cosines[i] - mean) * (t->cosines[i] - mean);
    return sqrt(squares / (double)(t->count - 1));
}

cclip_status cclip_associate(struct cclip_association *out, const double *cosines, size_t a_count,
                             size_t b_count, size_t permutations, uint64_t seed)
{
    struct test t = { .cosines = cosines, .count = a_count + b_count, .a_count = a_count };
    *out = (struct cclip_association){ (double)NAN, (double)NAN, (double)NAN, 0, 0 };
    if (!a_count || !b_count)
        return CCLIP_OK;
    t.total = sum_of(cosines, t.count);
    t.seen = difference(&t, sum_of(cosines, a_count));
    const double spread = deviation(&t);
    if (!(spread > ROUNDING * fabs(t.total) / (double)t.count))
        return CCLIP_OK;
    t.tolerance = ROUNDING * (spread + fabs(t.total) / (double)t.count);
    size_t *places = cclip_allocate(t.count, sizeof *places);
    if (!places)
        return CCLIP_ERROR_MEMORY;
    out->exact = ways(t.count, a_count, permutations) <= permutations;
    if (out->exact)
        try_all(&t, places);
    else
        try_some(&t, places, permutations, seed);
    cclip_release(places);
    out->effect_size = t.seen / spread;
    out->divisions = t.divisions;
    out->p_greater = (double)t.greater / (double)t.divisions;
    out->p_two_sided = (double)t.either / (double)t.divisions;
    return CCLIP_OK;
}
