// The first that a thread does is to free, and the block comes back at once.
#include <pthread.h>

#include "tests/misuse/misuse.h"

static size_t g_size;

static void* FreeIt(void* p) {
  free(p);
  if (Escape(malloc(g_size)) == p) Gained("the block that was just freed");
  return NULL;
}

MISUSE(reuse_in_thread) {
  pthread_t thread;
  g_size = size;
  CHECK(pthread_create(&thread, NULL, FreeIt, Escape(malloc(size))) == 0);
  CHECK(pthread_join(thread, NULL) == 0);
}
