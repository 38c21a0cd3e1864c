// Box:   stats.   Uses: tiny, large, base.   Must not know: wrap.
// Holds: which code allocated what is alive, by samples.
// Locks: none of its own; looks at blocks as block_info.h does.
// Read next: alloc/stats/profile.cc

#ifndef HAKMEM_ALLOC_STATS_PROFILE_H_
#define HAKMEM_ALLOC_STATS_PROFILE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace hakmem::stats {

inline constexpr unsigned kMaxFrames = 16;
inline constexpr unsigned kSites = 1024;

// Where blocks were allocated: a stack. Number 0 is for all that had no room.
struct Site {
  std::atomic<uint64_t> hash;   // 0: not in use
  std::atomic<uint32_t> depth;  // 0: its frames are not there yet
  std::atomic<uint64_t> taken;  // samples ever, and their bytes
  std::atomic<uint64_t> taken_bytes;
  // Samples that are alive, as the last report found them.
  uint64_t live;
  uint64_t live_bytes;
  uintptr_t frames[kMaxFrames];
};
extern Site g_sites[kSites];

struct ProfileTotals {
  size_t interval;
  uint64_t lost;  // samples for which the table had no room
};

// From now on a sample about every `interval` bytes that are allocated.
void StartProfile(size_t interval);
void StopProfile();

// Fills in `live` of all sites. False: somebody else is at it; on true the
// caller ends with EndCount.
bool BeginCount(ProfileTotals* totals);
void EndCount();

// How many blocks, or bytes, samples of this average size stand for, as pprof
// computes it: each was taken with a probability of 1 - exp(-size / interval).
double ScaleOf(uint64_t samples, uint64_t bytes, size_t interval);

// Both return 0, or what write(2) set errno to; EBUSY: another is writing.
int WriteProfile(int fd);
int WriteTopSites(int fd);

}  // namespace hakmem::stats

#endif  // HAKMEM_ALLOC_STATS_PROFILE_H_
