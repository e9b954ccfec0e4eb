#include "train/lbfgs.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"

enum { LANES = 8, MOST_EVALUATIONS = 40 /* of one line search */, WINDOW = 10 /* iterations */ };

/* Wolfe's two constants: sufficient decrease, curvature. */
static const double DECREASE = 1e-4, CURVATURE = 0.9;

/* One of the last steps: s = x' - x and y = g' - g, with 1 / (s y). */
struct pair {
    double *s, *y, rho, alpha;
};

struct state {
    const struct cclip_lbfgs *problem;
    double *block; /* all vectors, each [size] */
    double *x, *gradient, *direction, *next, *next_gradient;
    struct pair *pairs;
    size_t count, newest; /* pairs in use, and the place of the last one */
    double value, next_value;
    size_t evaluations;
};

static double dot(const double *a, const double *b, size_t size)
{
    double lanes[LANES] = { 0 }, sum = 0;
    size_t i = 0;
    for (; i + LANES <= size; i += LANES)
        for (size_t l = 0; l < LANES; l++)
            lanes[l] += a[i + l] * b[i + l];
    for (; i < size; i++)
        sum += a[i] * b[i];
    for (size_t l = 0; l < LANES; l++)
        sum += lanes[l];
    return sum;
}

static void add_scaled(double *restrict out, double factor, const double *restrict in, size_t size)
{
    for (size_t i = 0; i < size; i++)
        out[i] += factor * in[i];
}

static double largest(const double *values, size_t size)
{
    double most = 0;
    for (size_t i = 0; i < size; i++)
        most = fmax(most, fabs(values[i]));
    return most;
}

static cclip_status state_open(struct state *s, const struct cclip_lbfgs *problem, double *x)
{
    const size_t size = problem->size, vectors = 4 + 2 * problem->memory;
    *s = (struct state){ .problem = problem, .x = x };
    s->pairs = cclip_allocate_zero(problem->memory, sizeof *s->pairs);
    s->block = cclip_allocate_zero(vectors * size, sizeof *s->block);
    if (!s->pairs || !s->block)
        return CCLIP_ERROR_MEMORY;
    s->gradient = s->block;
    s->direction = s->block + size;
    s->next = s->block + 2 * size;
    s->next_gradient = s->block + 3 * size;
    for (size_t i = 0; i < problem->memory; i++) {
        s->pairs[i].s = s->block + (4 + 2 * i) * size;
        s->pairs[i].y = s->block + (5 + 2 * i) * size;
    }
    return CCLIP_OK;
}

static void state_close(struct state *s)
{
    cclip_release(s->pairs);
    cclip_release(s->block);
}

/* The pair that is `age` steps old; 0 is the last one. */
static struct pair *pair_at(const struct state *s, size_t age)
{
    const size_t memory = s->problem->memory;
    return &s->pairs[(s->newest + memory - age) % memory];
}

/* direction = -H gradient by the two-loop recursion. */
static void choose_direction(struct state *s)
{
    const size_t size = s->problem->size;
    double *d = s->direction;
    for (size_t i = 0; i < size; i++)
        d[i] = -s->gradient[i];
    for (size_t age = 0; age < s->count; age++) {
        struct pair *p = pair_at(s, age);
        p->alpha = p->rho * dot(p->s, d, size);
        add_scaled(d, -p->alpha, p->y, size);
    }
    if (s->count) { /* the inverse Hessian's scale, as the last step saw it */
        const struct pair *last = pair_at(s, 0);
        const double scale = 1 / (last->rho * dot(last->y, last->y, size));
        for (size_t i = 0; i < size; i++)
            d[i] *= scale;
    }
    for (size_t age = s->count; age-- > 0;) {
        const struct pair *p = pair_at(s, age);
        add_scaled(d, p->alpha - p->rho * dot(p->y, d, size), p->s, size);
    }
}

/* A point on the line x + at * direction. */
struct point {
    double at, value, slope;
};

static cclip_status look(struct state *s, struct point *point, double at)
{
    const struct cclip_lbfgs *problem = s->problem;
    for (size_t i = 0; i < problem->size; i++)
        s->next[i] = s->x[i] + at * s->direction[i];
    const cclip_status status =
        problem->function(problem->context, &s->next_value, s->next_gradient, s->next);
    s->evaluations++;
    *point = (struct point){ at, s->next_value,
                             dot(s->next_gradient, s->direction, problem->size) };
    return status;
}

/* Is the value low enough? Near the minimum the decrease drowns in rounding; there the slopes tell (the
 * approximate Wolfe condition of Hager and Zhang, "A new conjugate gradient method with guaranteed
 * descent", 2005). */
static int low_enough(const struct state *s, const struct point *start, const struct point *point)
{
    const double noise = s->problem->noise * fabs(start->value);
    return point->value <= start->value + DECREASE * point->at * start->slope ||
           (point->value <= start->value + noise &&
            point->slope <= (2 * DECREASE - 1) * start->slope);
}

/* The minimum of the cubic through both points' values and slopes, kept off the ends of the interval. */
static double between(const struct point *low, const struct point *high)
{
    const double width = high->at - low->at, margin = 0.1 * width;
    const double d1 = low->slope + high->slope - 3 * (low->value - high->value) / (low->at - high->at);
    const double square = d1 * d1 - low->slope * high->slope;
    if (!isfinite(high->value) || !isfinite(high->slope) || !(square >= 0))
        return low->at + 0.5 * width;
    const double d2 = sqrt(square);
    const double at = high->at - width * ((high->slope + d2 - d1) / (high->slope - low->slope + 2 * d2));
    return isfinite(at) ? fmin(fmax(at, low->at + margin), high->at - margin) : low->at + 0.5 * width;
}

/* Leaves the accepted point in next, next_value and next_gradient; *moved is 0 where there is none.
 *
 * low is always low enough and falls steeply; high is too high, or rises: between them lies a point
 * that satisfies both conditions. */
static cclip_status search_line(struct state *s, double first, int *moved)
{
    struct point start = { 0, s->value, dot(s->gradient, s->direction, s->problem->size) };
    struct point low = start, high = { 0 }, point;
    int bracketed = 0;
    double at = first;
    *moved = 0;
    if (!(start.slope < 0))
        return CCLIP_OK;
    for (int i = 0; i < MOST_EVALUATIONS; i++) {
        const cclip_status status = look(s, &point, at);
        if (status)
            return status;
        const int good = isfinite(point.value) && low_enough(s, &start, &point);
        if (good && fabs(point.slope) <= -CURVATURE * start.slope) {
            *moved = 1;
            return CCLIP_OK;
        }
        if (!good || point.slope > 0) {
            high = point;
            bracketed = 1;
        } else {
            low = point;
        }
        at = bracketed ? between(&low, &high) : 4 * at;
        if (!isfinite(at) || (bracketed && high.at - low.at <= 1e-12 * high.at))
            break;
    }
    if (low.at == 0)
        return CCLIP_OK;
    *moved = 1; /* lower, if not at the bottom */
    return look(s, &point, low.at);
}

/* After an iteration: has the value come to rest? *mark is what it was WINDOW iterations ago. */
static int at_rest(const struct state *s, double *mark, size_t iterations)
{
    if (iterations % WINDOW)
        return 0;
    const double fallen = *mark - s->value;
    *mark = s->value;
    return fallen <= s->problem->value_tolerance * fabs(s->value);
}

/* x becomes next; the step is remembered where the function curves upwards along it. */
static void take_step(struct state *s)
{
    const size_t size = s->problem->size, memory = s->problem->memory;
    const size_t place = s->count ? (s->newest + 1) % memory : 0;
    struct pair *p = &s->pairs[place];
    for (size_t i = 0; i < size; i++) {
        p->s[i] = s->next[i] - s->x[i];
        p->y[i] = s->next_gradient[i] - s->gradient[i];
    }
    const double curvature = dot(p->s, p->y, size);
    if (curvature > 1e-14 * dot(p->y, p->y, size)) {
        p->rho = 1 / curvature;
        s->newest = place;
        s->count += s->count < memory;
    } else {
        s->count = 0; /* the slot may have held the oldest pair: begin anew */
    }
    memcpy(s->x, s->next, size * sizeof *s->x);
    memcpy(s->gradient, s->next_gradient, size * sizeof *s->gradient);
    s->value = s->next_value;
}

static cclip_status iterate(struct state *s, struct cclip_lbfgs_result *result)
{
    const struct cclip_lbfgs *problem = s->problem;
    cclip_status status = CCLIP_OK;
    double mark = s->value;
    int rests = 0;
    while (!status) {
        result->gradient = largest(s->gradient, problem->size);
        result->converged = rests || result->gradient <= problem->gradient_tolerance;
        if (result->converged || result->iterations == problem->iterations)
            break;
        choose_direction(s);
        const double norm = sqrt(dot(s->gradient, s->gradient, problem->size));
        int moved = 0;
        status = search_line(s, s->count ? 1 : fmin(1, 1 / norm), &moved);
        if (status)
            break;
        if (!moved && s->count) { /* once more, straight down */
            s->count = 0;
            continue;
        }
        result->converged = !moved;
        if (!moved)
            break;
        take_step(s);
        result->iterations++;
        rests = at_rest(s, &mark, result->iterations);
        if (problem->report)
            status = problem->report(problem->context, result->iterations, s->value,
                                     largest(s->gradient, problem->size));
    }
    return status;
}

cclip_status cclip_lbfgs_minimize(const struct cclip_lbfgs *problem, double *x,
                                  struct cclip_lbfgs_result *result)
{
    struct state s;
    *result = (struct cclip_lbfgs_result){ 0 };
    cclip_status status = state_open(&s, problem, x);
    if (!status) {
        status = problem->function(problem->context, &s.value, s.gradient, x);
        s.evaluations = 1;
    }
    if (!status && !isfinite(s.value))
        status = cclip_fail(CCLIP_ERROR_ARGUMENT, "the function to minimise is not finite at the start");
    if (!status)
        status = iterate(&s, result);
    result->value = s.value;
    result->evaluations = s.evaluations;
    state_close(&s);
    return status;
}
