// Box:   base.   Uses: platform.   Must not know: what is locked.
// Holds: how long somebody who only looks waits for a lock.
// Locks: the one it is given.   Read next: alloc/stats/block_info.h

#ifndef HAKMEM_ALLOC_BASE_PATIENCE_H_
#define HAKMEM_ALLOC_BASE_PATIENCE_H_

#include <sys/syscall.h>

#include <cstdint>

#include "alloc/base/lock.h"
#include "platform/cpu.h"

namespace hakmem {

enum class Patience : uint8_t {
  // A crash handler: the holder may be the thread that it interrupted. Looks
  // without the lock if it is taken, and may then meet memory that goes.
  kNow,
  // Bounded: about a hundred turns of the scheduler. Who cannot have the lock
  // then reads no memory that could go.
  kBounded,
  // As long as it takes; not in a signal handler.
  kWait,
};

// True: the lock is held now.
HAK_NOINLINE inline bool AcquireWith(Lock& lock, Patience patience) {
  constexpr int kTurns = 100;
  if (patience == Patience::kWait) {
    lock.Acquire();
    return true;
  }
  for (int i = 0; !lock.TryAcquire(); ++i) {
    if (patience == Patience::kNow || i == kTurns) return false;
    (void)platform::Syscall(SYS_sched_yield);
  }
  return true;
}

}  // namespace hakmem

#endif  // HAKMEM_ALLOC_BASE_PATIENCE_H_
