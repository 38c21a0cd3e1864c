// A thread that only frees makes each block a circle of its own afterwards.
#include <pthread.h>

#include "tests/misuse/misuse.h"

static void* FreeAndLink(void* blocks) {
  for (int i = 0; i < 1000; ++i) {
    void** const p = ((void***)blocks)[i];
    free(p);
    *(void**)Escape(p) = p;
  }
  return NULL;
}
MISUSE(write_after_free_circle) {
  static void* blocks[1000];
  pthread_t thread;
  for (int i = 0; i < 1000; ++i) blocks[i] = Escape(malloc(size));
  CHECK(pthread_create(&thread, NULL, FreeAndLink, blocks) == 0);
  CHECK(pthread_join(thread, NULL) == 0);
}
