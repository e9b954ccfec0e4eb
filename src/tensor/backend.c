#include "tensor/backend.h"

void cclip_device_fail(struct cclip_device *device, cclip_status status)
{
    if (status && !device->failure.status)
        cclip_failure_take(&device->failure, status);
}

cclip_status cclip_device_finish(struct cclip_device *device)
{
    const cclip_status status = cclip_failure_raise(&device->failure);
    device->failure.status = CCLIP_OK;
    return status;
}
