// Box:   wrap.   Uses: everything below.   Must not know: libc's names.
// Holds: the order in which the boxes are locked and told.
// Locks: all, in the order that alloc/README.md gives.
// Read next: alloc/wrap/libc_hooks_glibc.cc

#include "alloc/wrap/lifetime.h"

#include "alloc/base/thread_phase.h"
#include "alloc/large/large.h"
#include "alloc/superslab/metadata.h"
#include "alloc/superslab/slab_pool.h"
#include "alloc/superslab/window.h"
#include "alloc/tiny/small.h"
#include "platform/thread_hooks.h"

namespace hakmem {
namespace wrap {
namespace {

void AfterFork(bool child) {
  superslab::UnlockMetadataForFork(child);
  superslab::UnlockWindowForFork(child);
  superslab::UnlockPoolForFork(child);
  large::UnlockAfterFork(child);
  // Last: in the child it gives up the heaps of threads that are gone, for
  // which the boxes below must work again.
  tiny::UnlockSmallAfterFork(child);
  platform::UnlockHookAfterFork();
}

}  // namespace

void BeforeFork() {
  platform::LockHookForFork();
  tiny::LockSmallForFork();
  large::LockForFork();
  superslab::LockPoolForFork();
  superslab::LockWindowForFork();
  superslab::LockMetadataForFork();
}

void AfterForkInParent() { AfterFork(false); }
void AfterForkInChild() { AfterFork(true); }

}  // namespace wrap

void platform::OnThreadExit() {
  // Hardened has no cache of spans for each thread, and what is in quarantine
  // is none of this one's business.
  if constexpr (!kVariant.armour) large::FlushThread();
  tiny::FlushThread(true);
  TellObserver(ThreadEvent::kEnds);
}

}  // namespace hakmem
