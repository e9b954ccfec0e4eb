/* The suites of evaluate.h. */
#include <cclip/evaluate.h>

#include <string.h>

#include "base/memory.h"
#include "base/status.h"
#include "evaluate/suite.h"

struct cclip_suite {
    struct cclip_suite_list list;
};

static const struct {
    const char *name;
    cclip_task task;
} tasks[] = { { "auto", CCLIP_TASK_AUTO },
              { "zeroshot_classification", CCLIP_TASK_ZERO_SHOT_CLASSIFICATION },
              { "zeroshot_retrieval", CCLIP_TASK_ZERO_SHOT_RETRIEVAL },
              { "classification", CCLIP_TASK_ZERO_SHOT_CLASSIFICATION },
              { "retrieval", CCLIP_TASK_ZERO_SHOT_RETRIEVAL } };

static int find_task(cclip_task *out, const char *name)
{
    *out = CCLIP_TASK_AUTO;
    for (size_t i = 0; name && i < sizeof tasks / sizeof *tasks; i++)
        if (!strcmp(tasks[i].name, name)) {
            *out = tasks[i].task;
            return 1;
        }
    return !name;
}

static cclip_status check_tasks(const struct cclip_suite_list *list, const char *path)
{
    cclip_task task;
    for (size_t i = 0; i < list->count; i++) {
        const char *name = list->lines[i].texts[CCLIP_SUITE_TASK];
        if (!find_task(&task, name))
            return cclip_fail(CCLIP_ERROR_FORMAT,
                              "%s: line %zu: the task \"%.40s\" is none of auto, "
                              "zeroshot_classification, zeroshot_retrieval",
                              path, list->lines[i].line, name);
    }
    return CCLIP_OK;
}

cclip_status cclip_suite_open(cclip_suite **out, const char *path)
{
    struct cclip_suite *suite = cclip_allocate_zero(1, sizeof *suite);
    *out = NULL;
    if (!suite)
        return CCLIP_ERROR_MEMORY;
    cclip_status status = cclip_suite_read(&suite->list, path);
    if (!status)
        status = check_tasks(&suite->list, path);
    if (status)
        cclip_suite_close(&suite);
    *out = suite;
    return status;
}

void cclip_suite_close(cclip_suite **suite)
{
    if (!*suite)
        return;
    cclip_suite_list_close(&(*suite)->list);
    cclip_release(*suite);
    *suite = NULL;
}

size_t cclip_suite_count(const cclip_suite *suite)
{
    return suite->list.count;
}

cclip_status cclip_suite_get(const cclip_suite *suite, size_t index, cclip_suite_set *out)
{
    if (out->version != CCLIP_SUITE_SET_VERSION)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "suite set: version %u is not known",
                          (unsigned)out->version);
    if (index >= suite->list.count)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "suite: set %zu of %zu", index, suite->list.count);
    char *const *texts = suite->list.lines[index].texts;
    out->name = texts[CCLIP_SUITE_NAME];
    out->kind = texts[CCLIP_SUITE_KIND];
    out->path = texts[CCLIP_SUITE_PATH];
    out->templates = texts[CCLIP_SUITE_TEMPLATES];
    out->classnames = texts[CCLIP_SUITE_CLASSNAMES];
    out->split = texts[CCLIP_SUITE_SPLIT];
    out->image_column = texts[CCLIP_SUITE_IMAGE_COLUMN];
    out->caption_column = texts[CCLIP_SUITE_CAPTION_COLUMN];
    find_task(&out->task, texts[CCLIP_SUITE_TASK]);
    return CCLIP_OK;
}
