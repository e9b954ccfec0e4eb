/* The orientation in an EXIF block, by libexif. */
#include "image/codec.h"

#include <string.h>

#include "base/memory.h"

#if CCLIP_WITH_EXIF
#include <libexif/exif-data.h>

static int read_orientation(const unsigned char *data, size_t size)
{
    int orientation = 1;
    ExifData *exif = exif_data_new();
    if (!exif)
        return 1;
    /* Maker notes hold nothing for us, and most of what goes wrong in readers of EXIF. */
    exif_data_set_option(exif, EXIF_DATA_OPTION_DONT_CHANGE_MAKER_NOTE);
    exif_data_unset_option(exif, EXIF_DATA_OPTION_FOLLOW_SPECIFICATION);
    exif_data_load_data(exif, data, (unsigned)size);
    const ExifEntry *entry = exif_content_get_entry(exif->ifd[EXIF_IFD_0], EXIF_TAG_ORIENTATION);
    if (entry && entry->format == EXIF_FORMAT_SHORT && entry->components == 1 && entry->size >= 2)
        orientation = exif_get_short(entry->data, exif_data_get_byte_order(exif));
    exif_data_unref(exif);
    return orientation >= 1 && orientation <= 8 ? orientation : 1;
}

/* libexif wants the six bytes in front that JPEG has and that PNG and WebP leave out. */
int cclip_exif_orientation(const unsigned char *data, size_t size)
{
    enum { LARGEST = 1 << 20, MARK = 6 };
    if (size < 8 || size > LARGEST)
        return 1;
    if (!memcmp(data, "Exif\0\0", MARK))
        return read_orientation(data, size);
    unsigned char *copy = cclip_allocate(size + MARK, 1);
    if (!copy)
        return 1;
    memcpy(copy, "Exif\0\0", MARK);
    memcpy(copy + MARK, data, size);
    const int orientation = read_orientation(copy, size + MARK);
    cclip_release(copy);
    return orientation;
}
#else
int cclip_exif_orientation(const unsigned char *data, size_t size)
{
    (void)data;
    (void)size;
    return 1;
}
#endif
