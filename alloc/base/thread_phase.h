// Box:   base.   Uses: platform.   Must not know: what is cached.
// Holds: where a thread stands in its life, for everything kept per thread.
// Locks: none.   Read next: alloc/tiny/thread_cache.h

#ifndef HAKMEM_ALLOC_BASE_THREAD_PHASE_H_
#define HAKMEM_ALLOC_BASE_THREAD_PHASE_H_

#include <atomic>
#include <cstdint>

#include "platform/cpu.h"

namespace hakmem {

enum class ThreadPhase : uint8_t {
  kFresh = 0,  // has not reached a slow path yet
  kActive,     // may keep free memory back: we will learn of its end
  kUnhooked,   // we cannot learn of its end: nothing stays with it
  kDead,       // has been told to end; still calls malloc and free
};

extern __thread ThreadPhase t_phase;

// Told of a thread when it has become kActive, and of its end. For who wants to
// give every thread something of its own; nullptr: nobody does.
enum class ThreadEvent : uint8_t { kSeen, kEnds };
using ThreadObserver = void (*)(ThreadEvent event);
extern std::atomic<ThreadObserver> g_thread_observer;

inline void TellObserver(ThreadEvent event) {
  // acquire: pairs with the release of who set it: what it needs is there.
  ThreadObserver observer = g_thread_observer.load(std::memory_order_acquire);
  if (observer != nullptr) observer(event);
}

HAK_COLD bool DecideMayCache();

// May the calling thread keep free memory for itself?
inline bool MayCache() {
  return HAK_LIKELY(t_phase == ThreadPhase::kActive) || DecideMayCache();
}

}  // namespace hakmem

#endif  // HAKMEM_ALLOC_BASE_THREAD_PHASE_H_
