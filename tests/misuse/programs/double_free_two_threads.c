// Another thread frees a block, then this one does.
#include <pthread.h>

#include "tests/misuse/misuse.h"

static void* FreeIt(void* p) {
  free(p);
  return NULL;
}

MISUSE(double_free_two_threads) {
  void* p = Escape(malloc(size));
  pthread_t thread;
  Blame(p);
  CHECK(pthread_create(&thread, NULL, FreeIt, p) == 0);
  CHECK(pthread_join(thread, NULL) == 0);
  free(Escape(p));
}
