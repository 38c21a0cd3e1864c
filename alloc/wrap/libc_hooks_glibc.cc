// Box:   wrap.   Uses: lifetime.h.   Must not know: nothing is above.
// Holds: the private hooks through which glibc's fork and thread exit reach
//        its heap. Where we define them, a link that also takes glibc's
//        malloc.o fails: a leak cannot go unseen. Where libc's heap is linked
//        on purpose (checked) they are wrapped and passed on.
//        Source: glibc 2.36, malloc/arena.c, posix/fork.c.
// Locks: see lifetime.h.   Read next: alloc/README.md

#include "alloc/base/variant.h"
#include "alloc/wrap/lifetime.h"
#include "platform/libc_kind.h"
#include "platform/thread_hooks.h"

// On another libc nobody would call these.
static_assert(hakmem::platform::kGlibc,
              "this is not glibc: a platform for musl must have the constraint "
              "value @hakmem//toolchains/platforms:musl");

extern "C" {
void __real___malloc_fork_lock_parent();
void __real___malloc_fork_unlock_parent();
void __real___malloc_fork_unlock_child();
void __real___malloc_arena_thread_freeres();
}

namespace {

using hakmem::kRoutesForeign;

void LockParent() {
  if constexpr (kRoutesForeign) __real___malloc_fork_lock_parent();
  hakmem::wrap::BeforeFork();
}
void UnlockParent() {
  hakmem::wrap::AfterForkInParent();
  if constexpr (kRoutesForeign) __real___malloc_fork_unlock_parent();
}
void UnlockChild() {
  hakmem::wrap::AfterForkInChild();
  if constexpr (kRoutesForeign) __real___malloc_fork_unlock_child();
}
void ThreadFreeres() {
  hakmem::platform::OnThreadExit();
  if constexpr (kRoutesForeign) __real___malloc_arena_thread_freeres();
}

}  // namespace

extern "C" {
void HAK_HOOK(__malloc_fork_lock_parent)() { LockParent(); }
void HAK_HOOK(__malloc_fork_unlock_parent)() { UnlockParent(); }
void HAK_HOOK(__malloc_fork_unlock_child)() { UnlockChild(); }
void HAK_HOOK(__malloc_arena_thread_freeres)() { ThreadFreeres(); }
}
