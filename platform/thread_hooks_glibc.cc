// Box:   platform.   Uses: libc.   Must not know: heaps.
// Holds: the end of a thread on glibc.
// Locks: none.   Read next: alloc/base/variant.h

#include "platform/libc_kind.h"
#include "platform/thread_hooks.h"

// On another libc nobody would call us, and no test would tell.
static_assert(hakmem::platform::kGlibc,
              "this is not glibc: a platform for musl must have the constraint "
              "value @hakmem//toolchains/platforms:musl");

namespace hakmem::platform {

// glibc calls __malloc_arena_thread_freeres (see
// alloc/wrap/libc_hooks_glibc.cc) on every thread after all destructors of its
// thread-specific data: there is nothing to register. Source: glibc 2.36,
// malloc/thread-freeres.c.
bool HookThreadExit() { return true; }

void LockHookForFork() {}
void UnlockHookAfterFork() {}

}  // namespace hakmem::platform
