// A crash handler that allocates, as many do: no lock may be held by then.
#include <signal.h>

#include "tests/misuse/misuse.h"

static void OnAbort(int sig) {
  for (int n = sig; n < 999999; n *= 2) free(Escape(malloc((size_t)n)));
}

MISUSE(abort_handler_allocates) {
  void* p = Escape(malloc(size));
  CHECK(signal(SIGABRT, OnAbort) != SIG_ERR);
  Blame(p);
  free(p);
  free(Escape(p));
}
