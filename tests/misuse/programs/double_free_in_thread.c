// Another thread frees what this one has freed already.
#include <pthread.h>

#include "tests/misuse/misuse.h"

static void* FreeIt(void* p) {
  free(p);
  return NULL;
}

MISUSE(double_free_in_thread) {
  void* p = Escape(malloc(size));
  pthread_t thread;
  Blame(p);
  free(p);
  CHECK(pthread_create(&thread, NULL, FreeIt, Escape(p)) == 0);
  CHECK(pthread_join(thread, NULL) == 0);
}
