/* Which label fits a picture? The shortest way: one call.
 *
 *     1_classify PICTURE LABEL LABEL...
 *
 * The scores are a softmax over the labels: they sum to 1 and say which of them fits best. */
#include <cclip/cclip.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    cclip_model *model = NULL;
    cclip_session *session = NULL;
    int failed = 1;
    if (argc < 4) {
        fprintf(stderr, "usage: %s PICTURE LABEL LABEL...\n", argv[0]);
        return 2;
    }
    const char *const *labels = (const char *const *)argv + 2;
    const size_t count = (size_t)argc - 2;
    float *scores = malloc(count * sizeof *scores);

    /* No name: the model that ships with cclip, or what $CCLIP_MODEL says. */
    if (scores && !cclip_model_open(&model, NULL, NULL) &&
        !cclip_session_open(&session, model, NULL) &&
        !cclip_classify_file(session, scores, argv[1], labels, count)) {
        for (size_t i = 0; i < count; i++)
            printf("%5.1f %%  %s\n", 100.0 * (double)scores[i], labels[i]);
        failed = 0;
    } else {
        fprintf(stderr, "%s\n", cclip_error_message());
    }
    cclip_session_close(&session); /* a session before its model; both take NULL */
    cclip_model_close(&model);
    free(scores);
    return failed;
}
