/* Loss, embeddings, logits and every gradient of one batch, against the reference's. */
#include "trainer.h"

#include "checkpoint/checkpoint.h"

/* The gradients in full, where the folder has them: 1e-4 relative in L2. */
static void check_in_full(const struct trainer *t, const char *folder)
{
    char path[CCLIP_TEST_PATH_SIZE];
    cclip_test_join(path, sizeof path, folder, "grads.safetensors");
    if (!cclip_test_there(path))
        return;
    struct cclip_checkpoint *file;
    assert_ok(cclip_checkpoint_open(&file, path));
    assert_true(cclip_checkpoint_count(file) > 0);
    double worst = 0;
    for (size_t i = 0; i < cclip_checkpoint_count(file); i++) {
        const char *name = cclip_checkpoint_name(file, i);
        const struct cclip_tensor *tensor = cclip_checkpoint_tensor(file, i);
        const struct cclip_trainable *item = trainer_find(t, name);
        const float *got = t->learner->parameters.gradients + item->begin;
        float *expected = malloc(item->count * sizeof *expected);
        double off = 0, length = 0;
        assert_non_null(expected);
        cclip_tensor_to_f32(expected, tensor);
        for (size_t k = 0; k < item->count; k++) {
            const double d = (double)got[k] - expected[k];
            off += d * d;
            length += (double)expected[k] * expected[k];
        }
        worst = fmax(worst, sqrt(off / length));
        if (!(sqrt(off) <= 1e-4 * sqrt(length)))
            fail_msg("%s: the gradient differs by %.3g of its length", name, sqrt(off / length));
        free(expected);
    }
    print_message("%s: worst relative difference %.2g\n", path, worst);
    cclip_checkpoint_close(&file);
}

static void check_array(const char *folder, const char *name, const float *got, double tolerance)
{
    struct array expected;
    array_read(&expected, folder, name);
    const double most = distance(got, expected.f32, expected.count, 0);
    if (!(most <= tolerance))
        fail_msg("%s/%s: differs by %g", folder, name, most);
    array_close(&expected);
}

/* exp(logit_scale) times cosines. */
static void check_logits(const struct trainer *t, const char *folder, float *const rows[2])
{
    const size_t n = t->batch.count, dim = t->learner->config.embedding_dim;
    float *logits = malloc(n * n * sizeof *logits);
    assert_non_null(logits);
    for (size_t i = 0; i < n * n; i++) {
        double sum = 0;
        for (size_t k = 0; k < dim; k++)
            sum += (double)rows[0][i / n * dim + k] * rows[1][i % n * dim + k];
        logits[i] = (float)(exp((double)*t->learner->logit_scale) * sum);
    }
    check_array(folder, "logits_per_image.npy", logits, 1e-4);
    free(logits);
}

static void check_embeddings(struct trainer *t, const char *folder, int training)
{
    float *rows[CCLIP_TOWERS];
    assert_ok(cclip_learner_forward(t->learner, rows, t->pixels, t->ids, t->offsets, t->batch.count,
                                    training));
    check_array(folder, "image_embeds_norm.npy", rows[CCLIP_IMAGE_TOWER], 1e-5);
    check_array(folder, "text_embeds_norm.npy", rows[CCLIP_TEXT_TOWER], 1e-5);
    check_logits(t, folder, rows);
}

/* {"first8", "sum"} of every running statistic. */
static void check_statistics(const struct trainer *t, const cclip_json *expected)
{
    struct cclip_json_iterator it;
    for (int more = expected && cclip_json_first(&it, expected); more; more = cclip_json_next(&it)) {
        if (formula_is_counter(it.key))
            continue;
        const struct cclip_trainable *item = trainer_find(t, it.key);
        const float *value = t->learner->parameters.values + item->begin;
        const cclip_json *first = cclip_json_get(it.value, "first8");
        double sum = 0;
        assert_true(item->buffer && cclip_json_length(first) > 0);
        for (size_t i = 0; i < item->count; i++)
            sum += value[i];
        for (size_t i = 0; i < cclip_json_length(first); i++)
            if (!(fabs(value[i] - cclip_json_number(cclip_json_at(first, i), NAN)) <= 1e-5))
                fail_msg("%s: element %zu is %.9g", it.key, i, (double)value[i]);
        if (!(fabs(sum - cclip_json_number(cclip_json_get(it.value, "sum"), NAN)) <=
              1e-5 * (double)item->count))
            fail_msg("%s: the sum is %.9g", it.key, sum);
    }
}

static void check_folder(const char *folder)
{
    struct trainer t;
    cclip_json *root = trainer_json(folder, "grads.json");
    double loss;
    const int training = !strcmp(cclip_json_string(cclip_json_get(root, "mode"), NULL), "train");
    trainer_open(&t, cclip_json_string(cclip_json_get(root, "model"), NULL));
    trainer_batch(&t, cclip_json_get(root, "batch"), 0);
    assert_ok(cclip_train_gradients(t.learner, cclip_contrastive_loss, &t.batch, &t.arena, training,
                                    &loss));
    const double expected = cclip_json_number(cclip_json_get(root, "loss"), NAN);
    if (!(fabs(loss - expected) <= 1e-5))
        fail_msg("%s: the loss is %.9g, not %.9g", folder, loss, expected);
    const float slope = t.learner->parameters.gradients[trainer_find(&t, "logit_scale")->begin];
    const double wanted = cclip_json_number(cclip_json_get(root, "d_loss_d_logit_scale"), NAN);
    assert_true(fabs(slope - wanted) <= 1e-4 * fabs(wanted));
    trainer_check_gradients(&t, cclip_json_get(root, "grads"));
    check_in_full(&t, folder);
    check_statistics(&t, cclip_json_get(root, "batchnorm_after"));
    check_embeddings(&t, folder, training);
    trainer_close(&t);
    cclip_json_close(&root);
}

static void one_batch(void **state)
{
    (void)state;
    trainer_each("grads.json", check_folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(one_batch) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
