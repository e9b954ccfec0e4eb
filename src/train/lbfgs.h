/* Limited-memory BFGS (Liu and Nocedal, "On the limited memory BFGS method for large scale optimization",
 * 1989) with a line search for the strong Wolfe conditions. For smooth functions of many variables, all in
 * double; the sums have one fixed order and one thread, so that the same function gives the same bits. */
#ifndef CCLIP_TRAIN_LBFGS_H
#define CCLIP_TRAIN_LBFGS_H

#include <stddef.h>
#include "base/status.h"

/* The value at x [size], and its gradient [size]. A value that is not finite is a point too far. */
typedef cclip_status cclip_lbfgs_function(void *context, double *value, double *gradient,
                                          const double *x);

struct cclip_lbfgs {
    size_t size;
    cclip_lbfgs_function *function;
    void *context;
    size_t memory;     /* pairs of steps and gradient differences that are kept */
    size_t iterations; /* at most */
    double gradient_tolerance; /* done when no component of the gradient is larger than this */
    double value_tolerance;    /* or ten iterations lowered the value by no more than this share of it */
    double noise; /* relative rounding error of the values: a rise within it is none */
    /* Called after each iteration, or NULL; another return than CCLIP_OK ends the work with it. */
    cclip_status (*report)(void *context, size_t iteration, double value, double gradient);
};

struct cclip_lbfgs_result {
    double value, gradient; /* at the end; the gradient's largest component */
    size_t iterations, evaluations;
    int converged; /* 1: by a tolerance, or no step gets lower within rounding; 0: out of iterations */
};

/* x is the start, and becomes the end. */
cclip_status cclip_lbfgs_minimize(const struct cclip_lbfgs *problem, double *x,
                                  struct cclip_lbfgs_result *result);

#endif
