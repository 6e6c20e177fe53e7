/* What ThreadSanitizer cannot see for itself: DPDK's libraries are built without it, so an object
 * that one thread gives to a library and another gets from it seems to change hands with no order.
 * Says that everything before ordering_release(x) is seen by whoever comes from
 * ordering_acquire(x). Nothing at all in other builds: it tells of order, it makes none. */
#pragma once

#if defined(__SANITIZE_THREAD__)
#define ORDERING_TOLD 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define ORDERING_TOLD 1
#endif
#endif

#ifdef ORDERING_TOLD
#include <sanitizer/tsan_interface.h>
#endif

static inline void ordering_release(const void *object)
{
#ifdef ORDERING_TOLD
	__tsan_release((void *)(__UINTPTR_TYPE__)object);
#else
	(void)object;
#endif
}

static inline void ordering_acquire(const void *object)
{
#ifdef ORDERING_TOLD
	__tsan_acquire((void *)(__UINTPTR_TYPE__)object);
#else
	(void)object;
#endif
}
