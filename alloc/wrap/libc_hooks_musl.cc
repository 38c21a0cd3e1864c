// Box:   wrap.   Uses: lifetime.h.   Must not know: nothing is above.
// Holds: the private hook through which musl's fork reaches its heap; see
//        libc_hooks_glibc.cc. Source: musl 1.2.3, src/process/fork.c.
// Locks: see lifetime.h.   Read next: alloc/README.md

#include "alloc/base/variant.h"
#include "alloc/wrap/lifetime.h"

extern "C" {
void __real___malloc_atfork(int who);

// who < 0: before; 0: in the parent; > 0: in the child.
void HAK_HOOK(__malloc_atfork)(int who) {
  using hakmem::kRoutesForeign;
  if constexpr (kRoutesForeign) {
    if (who < 0) __real___malloc_atfork(who);
  }
  if (who < 0) hakmem::wrap::BeforeFork();
  if (who == 0) hakmem::wrap::AfterForkInParent();
  if (who > 0) hakmem::wrap::AfterForkInChild();
  if constexpr (kRoutesForeign) {
    if (who >= 0) __real___malloc_atfork(who);
  }
}
}
