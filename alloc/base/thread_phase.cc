// Box:   base.   Uses: platform.   Must not know: what is cached.
// Holds: the first look at a thread.
// Locks: none.   Read next: alloc/tiny/thread_cache.h

#include "alloc/base/thread_phase.h"

#include "platform/thread_hooks.h"

namespace hakmem {

__thread ThreadPhase t_phase;
HAK_CONSTINIT std::atomic<ThreadObserver> g_thread_observer{nullptr};

bool DecideMayCache() {
  if (t_phase != ThreadPhase::kFresh) return t_phase == ThreadPhase::kActive;
  const bool hooked = platform::HookThreadExit();
  t_phase = hooked ? ThreadPhase::kActive : ThreadPhase::kUnhooked;
  if (hooked) TellObserver(ThreadEvent::kSeen);
  return hooked;
}

}  // namespace hakmem
