// Box:   large.   Uses: superslab, base, platform.   Must not know: tiny, wrap.
// Holds: which large blocks are mappings of their own although they need not
//        be. Nothing lies beside such a block and its pages go at its free, so
//        that whoever writes past it, or uses it afterwards, meets a fault.
// Locks: none.   Read next: alloc/large/huge.cc

#ifndef HAKMEM_ALLOC_LARGE_LONE_H_
#define HAKMEM_ALLOC_LARGE_LONE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "alloc/base/variant.h"
#include "hakmem.h"
#include "platform/page_source.h"

namespace hakmem::large {

inline constexpr size_t kLoneFrom = size_t{128} << 10;
// A MiB, and what is put around one; a multiple of every page size. Longer ones
// would cost too much at once, and the kernel might find huge pages for them.
inline constexpr size_t kLoneTo = size_t{17} << 16;
inline constexpr size_t kLoneUnit = 16;
// A mapping is a scarce thing: so many Huge blocks, and no more of these.
inline constexpr size_t kMostBesideLone = 64;

extern std::atomic<uint64_t> g_lone_spent;  // the moment up to which it is

// Is it time for another? A byte every 256 ns: its pages cost 0.4 ns a byte at
// the worst, so that all of them together take a few thousandths of the time;
// one of no bytes costs its system calls. What was not spent for an eighth of a
// second, half a MiB, is there at once: with eight times as much programs that
// run for a tenth of a second took 5 % longer.
inline bool MayBeLone(size_t bytes) {
  constexpr unsigned kRateShift = 8;
  constexpr size_t kLeast = 4096;
  constexpr uint64_t kMostSaved = uint64_t{1} << 27;
  if ((hak_config.never_return | hak_config.prefault) != 0) return false;
  const uint64_t now = platform::Now();
  // relaxed, both: a bound on how often; of two threads at once both may.
  uint64_t spent = g_lone_spent.load(std::memory_order_relaxed);
  if (platform::IsToCome(spent, now)) return false;
  if (now - spent > kMostSaved) spent = now - kMostSaved;
  g_lone_spent.store(spent + ((bytes + kLeast) << kRateShift),
                     std::memory_order_relaxed);
  return true;
}

}  // namespace hakmem::large

#endif  // HAKMEM_ALLOC_LARGE_LONE_H_
