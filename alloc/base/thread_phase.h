// Box:   base.   Uses: platform.   Must not know: what is cached.
// Holds: where a thread stands in its life, for everything kept per thread.
// Locks: none.   Read next: alloc/tiny/thread_cache.h

#ifndef HAKMEM_ALLOC_BASE_THREAD_PHASE_H_
#define HAKMEM_ALLOC_BASE_THREAD_PHASE_H_

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

HAK_COLD bool DecideMayCache();

// May the calling thread keep free memory for itself?
inline bool MayCache() {
  return HAK_LIKELY(t_phase == ThreadPhase::kActive) || DecideMayCache();
}

}  // namespace hakmem

#endif  // HAKMEM_ALLOC_BASE_THREAD_PHASE_H_
