// Preloaded into a process, the wall clock stands still, so that two runs write the same times.
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *now) {
    if (clock != CLOCK_REALTIME) return (int)syscall(SYS_clock_gettime, clock, now);
    *now = (struct timespec){1796083200, 0};
    return 0;
}
