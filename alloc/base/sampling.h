// Box:   base.   Uses: platform.   Must not know: who samples, and how.
// Holds: the one pointer that tells the slow paths that somebody samples.
// Locks: none.   Read next: alloc/stats/profile.cc

#ifndef HAKMEM_ALLOC_BASE_SAMPLING_H_
#define HAKMEM_ALLOC_BASE_SAMPLING_H_

#include <atomic>
#include <cstddef>

#include "platform/cpu.h"

namespace hakmem {

// Sees every block of `bytes` that leaves a slow path, and returns it. Called
// as the last thing, so that its own caller is malloc's. No lock is held.
using SampleHook = void* (*)(void* block, size_t bytes);

// nullptr: nobody samples. While somebody does no thread keeps a bin, so that
// every allocation takes a slow path.
// relaxed: who misses the change for a while is a sample less or one more.
extern std::atomic<SampleHook> g_sample_hook HAK_HIDDEN;

inline bool Sampling() {
  return g_sample_hook.load(std::memory_order_relaxed) != nullptr;
}
// May what a thread frees stay with it? Not inline, as below.
bool MayKeepBlocks();
// Shows the block to the hook, if there is one. Not inline: it is the last call
// of several functions, and size counts.
void* Sampled(void* block, size_t bytes);

}  // namespace hakmem

#endif  // HAKMEM_ALLOC_BASE_SAMPLING_H_
