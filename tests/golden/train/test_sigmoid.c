/* The sigmoid loss and all its gradients at the two points of siglip.json. */
#include "trainer.h"

#include "base/memory.h"

/* The models of these files have no bias of their own: one is given to the loss. */
static float bias;
static struct cclip_loss last;

static cclip_status loss_with_bias(struct cclip_loss *out, const struct cclip_pairs *pairs,
                                   struct cclip_device *device, struct cclip_arena *arena)
{
    struct cclip_pairs with_bias = *pairs;
    with_bias.logit_bias = bias;
    const cclip_status status = cclip_sigmoid_loss(out, &with_bias, device, arena);
    last = *out;
    return status;
}

static double member(const cclip_json *object, const char *key)
{
    return cclip_json_number(cclip_json_get(object, key), NAN);
}

static void near(const char *what, double got, double wanted, double tolerance)
{
    if (!(fabs(got - wanted) <= tolerance))
        fail_msg("%s: %.9g, not %.9g", what, got, wanted);
}

static void check_point(struct trainer *t, const cclip_json *point)
{
    double loss;
    *t->learner->logit_scale = (float)member(point, "logit_scale");
    bias = (float)member(point, "logit_bias");
    assert_ok(cclip_learner_zero_gradients(t->learner));
    assert_ok(cclip_train_gradients(t->learner, loss_with_bias, &t->batch, &t->arena, 1, &loss));
    near("the loss", loss, member(point, "loss"), 1e-5);
    const double d_scale = member(point, "d_loss_d_logit_scale");
    const double d_bias = member(point, "d_loss_d_logit_bias");
    near("d logit_scale", last.d_logit_scale, d_scale, 1e-4 * fabs(d_scale));
    near("d logit_bias", last.d_logit_bias, d_bias, 1e-4 * fabs(d_bias));
    trainer_check_gradients(t, cclip_json_get(point, "grads"));
}

static void check_folder(const char *folder)
{
    struct trainer t;
    cclip_json *root = trainer_json(folder, "siglip.json");
    /* The file says "16*16 pairs" of the first batch, and no more about it. */
    cclip_json *batch;
    static const char text[] = "{\"images\": \"train.images.0\", \"tokens\": \"train.tokens.0\", \"size\": 16}";
    assert_ok(cclip_json_parse(&batch, text, sizeof text - 1, "batch"));
    trainer_open(&t, cclip_json_string(cclip_json_get(root, "model"), NULL));
    trainer_batch(&t, batch, 0);
    check_point(&t, root);
    check_point(&t, cclip_json_get(root, "second_point"));
    cclip_json_close(&batch);
    trainer_close(&t);
    cclip_json_close(&root);
}

static void sigmoid(void **state)
{
    (void)state;
    trainer_each("siglip.json", check_folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(sigmoid) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
