// Box:   wrap.   Uses: lifetime.h.   Must not know: nothing is above.
// Holds: musl's fork in checked. Its hook is libc's heap's own there, and
//        cannot be wrapped: fork.o itself defines it, weakly. What it calls
//        between the locks of that heap can.
//        Source: musl 1.2.3, src/process/fork.c.
// Locks: see lifetime.h.   Read next: alloc/wrap/libc_hooks_musl.cc

#include <unistd.h>

#include "alloc/wrap/lifetime.h"

extern "C" {
pid_t __real__Fork();

pid_t __wrap__Fork() {
  hakmem::wrap::BeforeFork();
  const pid_t pid = __real__Fork();
  if (pid == 0) {
    hakmem::wrap::AfterForkInChild();
  } else {
    hakmem::wrap::AfterForkInParent();
  }
  return pid;
}
}
