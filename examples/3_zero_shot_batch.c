/* Many pictures against one list of labels: a classifier is made once from labels and templates, then
 * asked in two ways: which label fits best (softmax), and does this label fit (each on its own)?
 *
 *     3_zero_shot_batch TEMPLATES LABEL,LABEL,... PICTURE...
 *
 * TEMPLATES is a set that ships with cclip (photo, icon, art) or a file with one template a line. */
#include <cclip/cclip.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_LABELS = 64 };

/* Cuts `list` at its commas, in place. */
static size_t split(const char **labels, char *list)
{
    size_t count = 0;
    for (char *label = list; label && count < MOST_LABELS;) {
        char *comma = strchr(label, ',');
        if (comma)
            *comma++ = '\0';
        labels[count++] = label;
        label = comma;
    }
    return count;
}

static void print_picture(const cclip_classifier *classifier, const char *path, const float *scores,
                          const float *alone)
{
    size_t best = 0;
    for (size_t l = 1; l < cclip_classifier_count(classifier); l++)
        if (scores[l] > scores[best])
            best = l;
    printf("%s\n    best: %s (%.0f %% of all)\n    yes or no:", path,
           cclip_classifier_label(classifier, best), 100.0 * (double)scores[best]);
    for (size_t l = 0; l < cclip_classifier_count(classifier); l++)
        printf(" %s %.0f %%", cclip_classifier_label(classifier, l), 100.0 * (double)alone[l]);
    printf("\n");
}

static cclip_status classify(cclip_session *session, const cclip_classifier *classifier, size_t dim,
                             char **paths, size_t pictures)
{
    const size_t labels = cclip_classifier_count(classifier);
    float *embeddings = malloc(pictures * dim * sizeof *embeddings);
    float *scores = malloc(2 * pictures * labels * sizeof *scores);
    float *alone = scores ? scores + pictures * labels : NULL;
    cclip_status status = embeddings && scores ? CCLIP_OK : CCLIP_ERROR_MEMORY;
    if (!status)
        status = cclip_embed_files(session, embeddings, (const char *const *)paths, pictures, NULL,
                                   1, NULL, NULL);
    if (!status)
        status = cclip_classifier_scores(classifier, scores, embeddings, pictures);
    if (!status)
        status = cclip_classifier_independent(classifier, alone, embeddings, pictures);
    for (size_t i = 0; i < pictures && !status; i++)
        print_picture(classifier, paths[i], scores + i * labels, alone + i * labels);
    free(scores);
    free(embeddings);
    return status;
}

int main(int argc, char **argv)
{
    cclip_model *model = NULL;
    cclip_session *session = NULL;
    cclip_templates *templates = NULL;
    cclip_classifier *classifier = NULL;
    cclip_model_info info = { .version = CCLIP_MODEL_INFO_VERSION };
    const char *labels[MOST_LABELS];
    if (argc < 4) {
        fprintf(stderr, "usage: %s TEMPLATES LABEL,LABEL,... PICTURE...\n", argv[0]);
        return 2;
    }
    const size_t count = split(labels, argv[2]);
    cclip_status status = cclip_model_open(&model, NULL, NULL);
    if (!status)
        status = cclip_model_get_info(model, &info);
    if (!status)
        status = cclip_session_open(&session, model, NULL);
    if (!status)
        status = cclip_templates_open(&templates, argv[1]);
    if (!status)
        status = cclip_classifier_open_independent(&classifier, session, labels, count, templates);
    if (!status)
        status = classify(session, classifier, info.embedding_dim, argv + 3, (size_t)argc - 3);
    if (status)
        fprintf(stderr, "%s\n", cclip_error_message());
    cclip_classifier_close(&classifier);
    cclip_templates_close(&templates);
    cclip_session_close(&session);
    cclip_model_close(&model);
    return status ? 1 : 0;
}
