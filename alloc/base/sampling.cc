// Box:   base.   Uses: platform.   Must not know: who samples, and how.
// Holds: the pointer of sampling.h.
// Locks: none.   Read next: alloc/stats/profile.cc

#include "alloc/base/sampling.h"

#include "alloc/base/thread_phase.h"

namespace hakmem {

HAK_CONSTINIT std::atomic<SampleHook> g_sample_hook{nullptr};

bool MayKeepBlocks() { return MayCache() && !Sampling(); }

void* Sampled(void* block, size_t bytes) {
  const SampleHook hook = g_sample_hook.load(std::memory_order_relaxed);
  return HAK_LIKELY(hook == nullptr) ? block : hook(block, bytes);
}

}  // namespace hakmem
