#ifndef CCLIP_BASE_CLOCK_H
#define CCLIP_BASE_CLOCK_H

/* Seconds on a clock that never jumps; only differences mean anything. */
double cclip_clock_seconds(void);

#endif
