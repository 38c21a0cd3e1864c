// Box:   tiny.   Uses: base.   Must not know: wrap, large.
// Holds: how many free blocks of a class a thread deserves to keep: as many as
//        it has flushed and then needed again.
// Locks: none: a policy is its thread's own.
// Read next: alloc/tiny/thread_cache_slow.cc

#ifndef HAKMEM_ALLOC_TINY_BIN_POLICY_H_
#define HAKMEM_ALLOC_TINY_BIN_POLICY_H_

#include <cstdint>

namespace hakmem::tiny {

// Of one bin. All counts are blocks. Zero-initialised; small, because each
// thread has one for every class.
struct BinPolicy {
  uint16_t limit;        // that the bin may hold
  uint16_t away;         // flushed in a row, less what refills brought
  uint16_t again;        // that came back: what the bin could have held instead
  uint16_t growth : 4;   // how often what refills ask for has doubled
  uint16_t flushed : 1;  // since the last refill
  uint16_t tick : 11;    // of the last flush
};
static_assert(sizeof(BinPolicy) == 8, "addressed by a shift");

// The clock of a policy, in 33 ms. It says whether a program needs again at
// once what it has freed, or some time; after a minute it may err.
inline constexpr unsigned kTicks = 1 << 11;
inline unsigned TickOf(uint64_t nanoseconds) {
  return static_cast<unsigned>(nanoseconds >> 25) % kTicks;
}
inline bool IsRecent(const BinPolicy& policy, unsigned now) {
  return (now - policy.tick) % kTicks <= 1;
}

// So many times what it usually may a bin may hold at all.
inline constexpr unsigned kMostTimes = 16;

inline void NoteFlushed(BinPolicy& policy, unsigned count) {
  if (policy.flushed != 0) count += policy.away;
  // It wraps, so a class that is only freed counts as in use once in 65,536.
  policy.away = static_cast<uint16_t>(count);
  policy.flushed = 1;
}

// A refill brings `count`. `usual`: how many the bin usually may hold, which is
// enough for what is not needed soon.
inline void NoteRefilled(BinPolicy& policy, unsigned count, unsigned usual,
                         unsigned now) {
  const unsigned back = count < policy.away ? count : policy.away;
  const unsigned again = policy.again + back;
  const unsigned most = IsRecent(policy, now) ? kMostTimes * usual : usual;
  policy.away = static_cast<uint16_t>(policy.away - back);
  policy.again = static_cast<uint16_t>(again < most ? again : most);
  policy.flushed = 0;
}

// Has the bin been flushed about as often as it takes to see that nobody takes
// blocks of this class any more?
inline bool IsOnlyFreed(const BinPolicy& policy) {
  return policy.flushed != 0 && policy.away >= policy.limit;
}

}  // namespace hakmem::tiny

#endif  // HAKMEM_ALLOC_TINY_BIN_POLICY_H_
