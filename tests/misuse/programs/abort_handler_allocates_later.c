// The same where a flush finds the damage, which has a lock to give up first.
#include <signal.h>

#include "tests/misuse/misuse.h"

static void OnAbort(int sig) {
  for (int n = sig; n < 999999; n *= 2) free(Escape(malloc((size_t)n)));
}

MISUSE(abort_handler_allocates_later) {
  static char* blocks[8000];
  CHECK(signal(SIGABRT, OnAbort) != SIG_ERR);
  for (int i = 0; i < 8000; ++i) blocks[i] = Escape(malloc(size));
  for (int i = 0; i < 8000; ++i) {
    free(blocks[i]);
    if (i == 1000) ((volatile char*)blocks[i])[-1] = 0;
  }
}
