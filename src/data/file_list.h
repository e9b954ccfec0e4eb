/* Samples that are files on disk: a list of paths with classes or captions, kept in memory as two
 * strings of bytes. Pictures are read by whoever decodes them. */
#ifndef CCLIP_DATA_FILE_LIST_H
#define CCLIP_DATA_FILE_LIST_H

#include "base/file.h"
#include "data/sample.h"

struct cclip_file_list;
cclip_status cclip_file_list_open(struct cclip_file_list **out);
void cclip_file_list_close(struct cclip_file_list **list);

/* Each entry copies what it gets. `text` NULL: no caption. */
cclip_status cclip_file_list_add(struct cclip_file_list *list, const char *path, int32_t label,
                                 const char *text, size_t length);
/* Puts the last entry into a group. */
cclip_status cclip_file_list_group(struct cclip_file_list *list, const char *group, size_t length);
/* An entry that cannot be used, with the thread's message as its problem. */
cclip_status cclip_file_list_add_broken(struct cclip_file_list *list, cclip_status problem);

size_t cclip_file_list_count(const struct cclip_file_list *list);

/* Entries of the same path become one sample with all their captions, at the place of the first. */
cclip_status cclip_file_list_merge(struct cclip_file_list *list);

/* Fills `out` from the entry `index` and those that were merged into it. */
cclip_status cclip_file_list_get(const struct cclip_file_list *list, size_t index,
                                 struct cclip_sample *out);

/* The list as a source, which takes it over. */
struct cclip_sample_source *cclip_file_list_source(struct cclip_file_list **list);

/* Adds all pictures below `folder`, sorted by name within each folder, with one class. Names that begin with a
 * dot are left out, and folders behind symbolic links. */
cclip_status cclip_file_list_add_folder(struct cclip_file_list *list, const char *folder,
                                        int32_t label);

#endif
