/* A linear probe: multinomial logistic regression on the features of a frozen model.
 *
 * For features x_i in R^dim with classes y_i, weights w_k and biases b_k it minimises scikit-learn's
 * objective (LogisticRegression with penalty l2, several classes),
 *
 *     C * sum over i of -log softmax(W x_i + b)[y_i]  +  1/2 * sum over k of |w_k|^2
 *
 * C multiplies the *sum* of the losses, and the biases are not regularised. It is minimised by L-BFGS in
 * coordinates in which it is well shaped; the minimum is the same:
 *
 * - the features' mean m is taken off, since W x + b = W (x - m) + (b + W m);
 * - weight (k, j) is counted in units of s_j = 1 / sqrt(h v_j + 1 / (C n)): v_j is the variance of feature j
 *   and h = (1 - 1/K) / K the curvature of the loss where all classes are as likely, so that the diagonal of
 *   the Hessian begins at 1.
 *
 * Products are float32 on the device, in the fixed order of its sums; all else is double. The result does
 * not depend on the number of threads. */
#ifndef CCLIP_TRAIN_LINEAR_PROBE_H
#define CCLIP_TRAIN_LINEAR_PROBE_H

#include <stdint.h>
#include "tensor/backend.h"

struct cclip_probe_data {
    const float *features; /* [count, dim], host memory */
    const int32_t *labels; /* [count], each below `classes` */
    size_t count, dim, classes;
};

struct cclip_linear_probe {
    size_t classes, dim;
    float *weight, *bias; /* [classes, dim], [classes] */
};
/* All zero, which is where a fit begins. */
cclip_status cclip_linear_probe_open(struct cclip_linear_probe *out, size_t classes, size_t dim);
void cclip_linear_probe_close(struct cclip_linear_probe *probe);
/* Both have the same shape. */
void cclip_linear_probe_copy(struct cclip_linear_probe *out, const struct cclip_linear_probe *probe);

/* One set of samples made ready for any number of fits. The data must outlive it. */
struct cclip_probe_trainer;
cclip_status cclip_probe_trainer_open(struct cclip_probe_trainer **out, struct cclip_device *device,
                                      const struct cclip_probe_data *data);
void cclip_probe_trainer_close(struct cclip_probe_trainer **trainer);

/* What the tolerance usually is: float32 products carry little more. And of a fit that is only compared with
 * others. */
#define CCLIP_PROBE_TOLERANCE 1e-7
#define CCLIP_PROBE_ROUGH 1e-4

struct cclip_probe_fit {
    double c;          /* > 0 */
    size_t iterations; /* at most */
    double tolerance;  /* done when ten iterations lower the objective by no more than this share of it */
    /* After each iteration, or NULL; what it returns other than CCLIP_OK ends the fit. */
    cclip_status (*report)(void *user, size_t iteration);
    void *user;
};
struct cclip_probe_fitted {
    double objective; /* as written above */
    size_t iterations, evaluations;
    int converged;
};

/* `probe` is the start and becomes the result. */
cclip_status cclip_probe_trainer_fit(struct cclip_probe_trainer *trainer,
                                     struct cclip_linear_probe *probe,
                                     const struct cclip_probe_fit *fit,
                                     struct cclip_probe_fitted *fitted);

/* How a probe does on samples: the share whose own class has the highest logit (of equals the class with
 * the lower number is chosen), and the mean of -log softmax. */
struct cclip_probe_quality {
    double accuracy, cross_entropy;
};
cclip_status cclip_linear_probe_judge(struct cclip_probe_quality *out,
                                      const struct cclip_linear_probe *probe,
                                      struct cclip_device *device,
                                      const struct cclip_probe_data *data);

#endif
