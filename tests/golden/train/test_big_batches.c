/* Batches in parts, blocks that are computed anew, patches left out: the gradient must stay that of the plain
 * pass, to the bit where the arithmetic is the same and to rounding where only the order of sums differs. */
#include "trainer.h"

#include "train/accumulate.h"
#include "train/lock.h"

enum { COUNT = 16, MICRO = 5 };

static const char batch_text[] =
    "{\"images\": \"train.images.0\", \"tokens\": \"train.tokens.0\", \"size\": 16}";

static const char *const transformers[] = { "openai_vit_tiny", "oc_avgpool", "oc_layerscale",
                                            "oc_headwidth_mlpratio", "oc_siglip_timm",
                                            "oc_attnpool", "oc_customblock" };
enum { TRANSFORMERS = sizeof transformers / sizeof transformers[0] };

static int set_up(void **state)
{
    char path[CCLIP_TEST_PATH_SIZE];
    (void)state;
    cclip_test_join(path, sizeof path, cclip_test_golden(), "models/openai_vit_tiny/config.json");
    if (!cclip_test_there(path))
        exit(CCLIP_TEST_SKIP);
    return 0;
}

static void open_model(struct trainer *t, const char *model)
{
    cclip_json *batch;
    print_message("%s\n", model);
    assert_ok(cclip_json_parse(&batch, batch_text, sizeof batch_text - 1, "batch"));
    trainer_open(t, model);
    trainer_batch(t, batch, 0);
    cclip_json_close(&batch);
}

static cclip_loss_fn *loss_for(const struct trainer *t)
{
    return t->learner->logit_bias ? cclip_sigmoid_loss : cclip_contrastive_loss;
}

/* The loss, and a copy of all gradients; `micro` pairs at a time. */
static float *gradients(struct trainer *t, size_t micro, int training, double *loss)
{
    const struct cclip_trainables *set = &t->learner->parameters;
    float *out = malloc(set->elements * sizeof *out);
    assert_non_null(out);
    assert_ok(cclip_learner_zero_gradients(t->learner));
    assert_ok(cclip_train_accumulate(t->learner, loss_for(t), &t->batch, micro, &t->arena, training,
                                     loss));
    memcpy(out, set->gradients, set->elements * sizeof *out);
    return out;
}

/* |a - b| / |b| */
static double difference(const float *a, const float *b, size_t count)
{
    double off = 0, length = 0;
    for (size_t i = 0; i < count; i++) {
        off += pow((double)a[i] - b[i], 2);
        length += pow(b[i], 2);
    }
    return sqrt(off / length);
}

static void check_accumulated(struct trainer *t, size_t micro, int training)
{
    double whole_loss, loss;
    float *whole = gradients(t, 0, training, &whole_loss);
    float *parts = gradients(t, micro, training, &loss);
    const double off = difference(parts, whole, t->learner->parameters.elements);
    print_message("  %zu at a time: %.2g\n", micro, off);
    assert_true(loss == whole_loss); /* embeddings do not depend on their company */
    assert_true(off <= 1e-6);
    free(whole);
    free(parts);
}

/* A step takes its batch in parts if the batch says so. */
static void step_in_parts(void **state)
{
    struct trainer t[2];
    struct cclip_train_figures figures[2];
    (void)state;
    for (int i = 0; i < 2; i++) {
        open_model(&t[i], "openai_vit_tiny");
        assert_ok(cclip_adamw_open(&t[i].adamw, &t[i].learner->parameters));
        t[i].adamw.beta1 = 0.9, t[i].adamw.beta2 = 0.98, t[i].adamw.epsilon = 1e-6;
        t[i].batch.micro = i ? MICRO : 0;
        assert_ok(cclip_train_step(t[i].learner, cclip_contrastive_loss, &t[i].adamw, &t[i].batch,
                                   &t[i].arena, 1e-3, &figures[i]));
    }
    assert_true(t[0].learner->kept.total > t[1].learner->kept.total);
    assert_true(figures[0].loss == figures[1].loss);
    assert_true(fabs(figures[0].gradient_norm / figures[1].gradient_norm - 1) <= 1e-6);
    for (int i = 0; i < 2; i++)
        trainer_close(&t[i]);
}

static void accumulation(void **state)
{
    (void)state;
    for (int i = 0; i < TRANSFORMERS; i++) {
        struct trainer t;
        open_model(&t, transformers[i]);
        check_accumulated(&t, MICRO, 1);
        check_accumulated(&t, 1, 1);
        t.learner->patch_dropout = (struct cclip_patch_dropout){ .rate = 0.5, .seed = 7 };
        check_accumulated(&t, MICRO, 1);
        t.learner->recompute = 1;
        check_accumulated(&t, MICRO, 1);
        assert_ok(cclip_lock_tower(t.learner, CCLIP_TEXT_TOWER, 0));
        check_accumulated(&t, MICRO, 1);
        trainer_close(&t);
    }
}

/* Batch norms with running statistics change nothing; with the batch's own each micro-batch has its own, as
 * that many passes forward would, and the running ones move as there. */
static void accumulation_with_batch_norm(void **state)
{
    struct trainer t, other;
    double loss;
    float *out[CCLIP_TOWERS];
    (void)state;
    open_model(&t, "openai_rn_tiny");
    check_accumulated(&t, MICRO, 0);
    open_model(&other, "openai_rn_tiny");
    free(gradients(&t, MICRO, 1, &loss));
    const size_t picture = 3 * t.learner->config.vision.image_height *
                           t.learner->config.vision.image_width;
    for (size_t first = 0; first < COUNT; first += MICRO)
        assert_ok(cclip_learner_forward(other.learner, out, other.pixels + first * picture, other.ids,
                                        other.offsets + first,
                                        COUNT - first < MICRO ? COUNT - first : MICRO, 1));
    const struct cclip_trainables *set = &t.learner->parameters;
    assert_memory_equal(set->values, other.learner->parameters.values,
                        set->elements * sizeof *set->values);
    trainer_close(&t);
    trainer_close(&other);
}

/* What a forward pass keeps for the way back. */
static size_t kept_bytes(struct trainer *t, int recompute)
{
    float *out[CCLIP_TOWERS];
    t->learner->recompute = recompute;
    cclip_arena_close(&t->learner->kept);
    assert_ok(cclip_learner_forward(t->learner, out, t->pixels, t->ids, t->offsets, COUNT, 1));
    return t->learner->kept.total;
}

static void check_recomputed(const char *model)
{
    struct trainer t;
    double loss[2];
    open_model(&t, model);
    const struct cclip_trainables *set = &t.learner->parameters;
    const size_t bytes = set->elements * sizeof *set->values;
    float *before = malloc(bytes), *after = malloc(bytes);
    assert_true(before && after);
    memcpy(before, set->values, bytes);
    float *plain = gradients(&t, 0, 1, &loss[0]);
    memcpy(after, set->values, bytes); /* running statistics have moved */
    memcpy(set->values, before, bytes);
    t.learner->recompute = 1;
    float *again = gradients(&t, 0, 1, &loss[1]);
    assert_true(loss[0] == loss[1]);
    assert_memory_equal(plain, again, bytes);
    assert_memory_equal(set->values, after, bytes);
    const size_t kept[2] = { kept_bytes(&t, 0), kept_bytes(&t, 1) };
    print_message("  kept: %zu KiB, %zu KiB with blocks computed anew\n", kept[0] >> 10, kept[1] >> 10);
    assert_true(kept[1] < kept[0]);
    free(plain), free(again), free(before), free(after);
    trainer_close(&t);
}

static void recomputation(void **state)
{
    (void)state;
    for (int i = 0; i < TRANSFORMERS; i++)
        check_recomputed(transformers[i]);
    check_recomputed("openai_rn_tiny");
}

/* The embeddings of a pass; pictures of the formula. */
static void embed(struct trainer *t, float *to, size_t first, size_t count, int training)
{
    float *out[CCLIP_TOWERS];
    const struct cclip_vision_config *vision = &t->learner->config.vision;
    const size_t picture = 3 * vision->image_height * vision->image_width;
    const struct cclip_learner_pass pass = { .pixels = t->pixels + first * picture, .ids = t->ids,
                                             .offsets = t->offsets + first, .count = count,
                                             .first = first, .training = training };
    assert_ok(cclip_learner_run(t->learner, out, &pass));
    memcpy(to, out[CCLIP_IMAGE_TOWER], count * t->learner->config.embedding_dim * sizeof *to);
}

/* Drawn by seed and place alone; never in evaluation; a tiny share lets one patch stand. */
static void patch_dropout(void **state)
{
    struct trainer t;
    (void)state;
    open_model(&t, "openai_vit_tiny");
    const size_t dim = t.learner->config.embedding_dim, size = COUNT * dim * sizeof(float);
    float *plain = malloc(size), *dropped = malloc(size), *again = malloc(size);
    assert_true(plain && dropped && again);
    embed(&t, plain, 0, COUNT, 1);
    t.learner->patch_dropout = (struct cclip_patch_dropout){ .rate = 0.5, .seed = 3 };
    embed(&t, dropped, 0, COUNT, 1);
    for (size_t n = 0; n < COUNT; n++)
        assert_memory_not_equal(plain + n * dim, dropped + n * dim, dim * sizeof(float));
    embed(&t, again, 4, 3, 1);
    assert_memory_equal(again, dropped + 4 * dim, 3 * dim * sizeof(float));
    embed(&t, again, 0, COUNT, 0);
    assert_memory_equal(again, plain, size);
    t.learner->patch_dropout.seed = 4;
    embed(&t, again, 0, COUNT, 1);
    assert_memory_not_equal(again, dropped, size);
    t.learner->patch_dropout.rate = 0.999;
    embed(&t, again, 0, COUNT, 1);
    for (size_t i = 0; i < COUNT * dim; i++)
        assert_true(isfinite(again[i]));
    free(plain), free(dropped), free(again);
    trainer_close(&t);
}

/* The loss moves along a parameter's gradient as the gradient says: dropped rows get none, the rest theirs. */
static void along_positions(void **state)
{
    struct trainer t;
    double loss[3], square = 0;
    (void)state;
    open_model(&t, "openai_vit_tiny");
    t.learner->patch_dropout = (struct cclip_patch_dropout){ .rate = 0.6, .seed = 11 };
    const struct cclip_trainable *item = trainer_find(&t, "visual.positional_embedding");
    float *slope = gradients(&t, 0, 1, &loss[0]) , *value = t.learner->parameters.values + item->begin;
    for (size_t i = 0; i < item->count; i++)
        square += pow(slope[item->begin + i], 2);
    assert_true(square > 0);
    const float step = (float)(1e-2 / sqrt(square));
    for (int side = 1; side <= 2; side++) {
        for (size_t i = 0; i < item->count; i++)
            value[i] += (side == 1 ? 1 : -2) * step * slope[item->begin + i];
        free(gradients(&t, 0, 1, &loss[side]));
    }
    assert_true(fabs((loss[1] - loss[2]) / (2e-2 * sqrt(square)) - 1) <= 5e-3);
    free(slope);
    trainer_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accumulation),  cmocka_unit_test(accumulation_with_batch_norm),
        cmocka_unit_test(recomputation), cmocka_unit_test(patch_dropout),
        cmocka_unit_test(along_positions), cmocka_unit_test(step_in_parts),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
