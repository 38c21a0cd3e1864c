// Box:   wrap.   Uses: lifetime.h.   Must not know: nothing is above.
// Holds: the private hook through which musl's fork reaches its heap; see
//        libc_hooks_glibc.cc. Its fork.o has a weak one, which ours replaces.
//        In checked, beside libc's heap, nothing calls this: libc_fork_musl.cc.
//        Source: musl 1.2.3, src/process/fork.c.
// Locks: see lifetime.h.   Read next: alloc/README.md

#include "alloc/base/variant.h"
#include "alloc/wrap/lifetime.h"
#include "platform/libc_kind.h"

static_assert(!hakmem::platform::kGlibc,
              "this is glibc: a platform for it must not have the constraint "
              "value @hakmem//toolchains/platforms:musl");

extern "C" {
// who < 0: before; 0: in the parent; > 0: in the child.
void HAK_HOOK(__malloc_atfork)(int who) {
  if (who < 0) hakmem::wrap::BeforeFork();
  if (who == 0) hakmem::wrap::AfterForkInParent();
  if (who > 0) hakmem::wrap::AfterForkInChild();
}
}
