// The same where what another thread has freed is put in order under a lock.
#include <pthread.h>
#include <signal.h>

#include "hakmem.h"
#include "tests/misuse/misuse.h"

static void OnAbort(int sig) {
  for (int n = sig; n < 999999; n *= 2) free(Escape(malloc((size_t)n)));
}
static void* FreeMost(void* blocks) {
  for (int i = 0; i < 1000; ++i) {
    if (i % 8 != 0) free(((void**)blocks)[i]);
  }
  return NULL;
}
MISUSE(abort_handler_allocates_in_trim) {
  static void* blocks[1000];
  pthread_t thread;
  CHECK(signal(SIGABRT, OnAbort) != SIG_ERR);
  for (int i = 0; i < 1000; ++i) blocks[i] = Escape(malloc(size));
  CHECK(pthread_create(&thread, NULL, FreeMost, blocks) == 0);
  CHECK(pthread_join(thread, NULL) == 0);
  for (int i = 0; i < 1000; ++i) *(void**)blocks[i] = blocks[i];
  (void)hak_trim(1);
}
