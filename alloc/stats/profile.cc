// Box:   stats.   Uses: tiny, large, base.   Must not know: wrap.
// Holds: the samples and their sites, two tables of a fixed size.
// Locks: none: a slot is claimed by a CAS, filled, and then published. What a
//        fork leaves half filled is a slot less.
// Read next: alloc/stats/profile_report.cc

#include "alloc/stats/profile.h"

#include <string.h>
#include <sys/syscall.h>

#include "alloc/base/pointers.h"
#include "alloc/base/sampling.h"
#include "alloc/stats/block_info.h"
#include "alloc/stats/stack_trace.h"

namespace hakmem::stats {

HAK_CONSTINIT Site g_sites[kSites] = {};

namespace {

constexpr uint64_t kGolden = 0x9E3779B97F4A7C15u;
constexpr unsigned kBucketBits = 11;
constexpr unsigned kWays = 8;
constexpr uintptr_t kClaimed = 1;  // somebody is filling the slot

// Samples that may be alive, by address. A bucket of keys is one cache line,
// which every malloc looks at: 16,384 samples, 384 KiB of .bss that only what
// is used of it takes.
struct alignas(64) Keys {
  std::atomic<uintptr_t> way[kWays];  // 0: free
};
struct Value {
  std::atomic<size_t> bytes;
  std::atomic<uint32_t> site;
};
struct State {
  std::atomic<size_t> interval;
  std::atomic<uint64_t> lost;
  std::atomic<uint32_t> number;   // of the profile, from 1
  std::atomic<uint64_t> threads;  // that have sampled: seeds
  std::atomic<int> counting;      // the pid of who does, or 0
  Keys keys[1u << kBucketBits];
  Value values[1u << kBucketBits][kWays];
};
HAK_CONSTINIT State g_profile = {};

// What the thread allocates before its next sample. In a profile that is new to
// it a thread draws first: the distance is exponential, so it does not matter
// from where.
struct Countdown {
  int64_t left;
  uint64_t random;  // 0: not yet seeded
  uint32_t profile;
};
__thread Countdown t_countdown;

size_t BucketOf(uintptr_t address) {
  return ((address >> 4) * kGolden) >> (64 - kBucketBits);
}

// The natural logarithm of a number in (0, 1], to seven digits.
double LogOf(double x) {
  uint64_t bits;
  memcpy(&bits, &x, sizeof(bits));
  const int exponent = static_cast<int>(bits >> 52) - 1023;
  bits = (bits & ((uint64_t{1} << 52) - 1)) | (uint64_t{1023} << 52);
  double mantissa;
  memcpy(&mantissa, &bits, sizeof(mantissa));
  const double t = (mantissa - 1) / (mantissa + 1);
  const double t2 = t * t;
  constexpr double kLog2 = 0.6931471805599453;
  return exponent * kLog2 +
         2 * t *
             (1 + t2 * (1.0 / 3 + t2 * (1.0 / 5 + t2 * (1.0 / 7 + t2 / 9))));
}

// The distance to the next sample: exponential, of this mean.
int64_t Draw(Countdown* countdown) {
  uint64_t& random = countdown->random;
  random ^= random << 13;
  random ^= random >> 7;
  random ^= random << 17;
  const double unit = static_cast<double>((random >> 11) + 1) * 0x1p-53;
  // relaxed: a number.
  const size_t mean = g_profile.interval.load(std::memory_order_relaxed);
  return static_cast<int64_t>(-LogOf(unit) * static_cast<double>(mean));
}

void Seed(Countdown* countdown) {
  // relaxed: a number that no two threads have.
  const uint64_t number =
      g_profile.threads.fetch_add(1, std::memory_order_relaxed);
  countdown->random = (number + 1) * kGolden ^ AddressOf(countdown);
  if (countdown->random == 0) countdown->random = kGolden;
  for (int i = 0; i < 8; ++i) (void)Draw(countdown);
}

uint64_t HashOf(const uintptr_t* frames, unsigned depth) {
  uint64_t hash = depth;
  for (unsigned i = 0; i < depth; ++i) {
    hash = (hash ^ frames[i]) * kGolden;
    hash ^= hash >> 29;
  }
  return hash | 1;
}

// The site of a stack; 0 if the table has no room for it.
uint32_t SiteOf(const uintptr_t* frames, unsigned depth) {
  constexpr unsigned kTries = 64;
  const uint64_t hash = HashOf(frames, depth);
  for (unsigned i = 0; i < kTries; ++i) {
    const size_t index = 1 + (hash + i) % (kSites - 1);
    Site& site = g_sites[index];
    // relaxed: the frames are published by `depth`.
    uint64_t there = site.hash.load(std::memory_order_relaxed);
    if (there == 0 && site.hash.compare_exchange_strong(
                          there, hash, std::memory_order_relaxed)) {
      memcpy(site.frames, frames, depth * sizeof(*frames));
      // release: pairs with the acquire of whoever writes the profile.
      site.depth.store(depth, std::memory_order_release);
      return static_cast<uint32_t>(index);
    }
    if (there == hash) return static_cast<uint32_t>(index);
  }
  return 0;
}

bool IsLive(uintptr_t address) {
  const BlockInfo info = BlockOf(address, Patience::kBounded);
  return info.start == address &&
         (info.state == BlockState::kLive || info.state == BlockState::kUnsure);
}

// A slot for this address, claimed. Samples that are dead make room.
bool ClaimWay(Keys& keys, unsigned* way) {
  for (int evict = 0; evict < 2; ++evict) {
    for (unsigned i = 0; i < kWays; ++i) {
      // relaxed, both: published by the store of the address.
      uintptr_t there = keys.way[i].load(std::memory_order_relaxed);
      if (there == kClaimed || (there != 0 && (evict == 0 || IsLive(there)))) {
        continue;
      }
      if (keys.way[i].compare_exchange_strong(there, kClaimed,
                                              std::memory_order_relaxed)) {
        *way = i;
        return true;
      }
    }
  }
  return false;
}

void TakeSample(uintptr_t address, size_t bytes, const void* frame) {
  uintptr_t frames[kMaxFrames];
  const unsigned depth = CaptureStack(frame, frames, kMaxFrames);
  const uint32_t index = SiteOf(frames, depth);
  Site& site = g_sites[index];
  // relaxed, all: counters.
  site.taken.fetch_add(1, std::memory_order_relaxed);
  site.taken_bytes.fetch_add(bytes, std::memory_order_relaxed);
  const size_t bucket = BucketOf(address);
  unsigned way;
  if (!ClaimWay(g_profile.keys[bucket], &way)) {
    g_profile.lost.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  Value& value = g_profile.values[bucket][way];
  value.bytes.store(bytes, std::memory_order_relaxed);
  value.site.store(index, std::memory_order_relaxed);
  // release: pairs with the acquire in BeginCount.
  g_profile.keys[bucket].way[way].store(address, std::memory_order_release);
}

// The address is handed out again: the sample that had it is dead. Every malloc
// comes by here, so nobody needs to watch for frees.
void Forget(uintptr_t address) {
  Keys& keys = g_profile.keys[BucketOf(address)];
  for (std::atomic<uintptr_t>& way : keys.way) {
    // relaxed: only who holds the block stores its address.
    if (HAK_UNLIKELY(way.load(std::memory_order_relaxed) == address)) {
      uintptr_t there = address;
      (void)way.compare_exchange_strong(there, 0, std::memory_order_relaxed);
    }
  }
}

// Has this thread come to its next sample?
bool IsDue(size_t bytes) {
  Countdown& countdown = t_countdown;
  // relaxed: who learns of a new profile later joins it later.
  const uint32_t profile = g_profile.number.load(std::memory_order_relaxed);
  if (HAK_UNLIKELY(countdown.profile != profile)) {
    if (countdown.random == 0) Seed(&countdown);
    countdown.profile = profile;
    countdown.left = Draw(&countdown);
  }
  countdown.left -= static_cast<int64_t>(bytes);
  if (HAK_LIKELY(countdown.left >= 0)) return false;
  countdown.left = Draw(&countdown);
  return true;
}

void* OnBlock(void* block, size_t bytes) {
  const uintptr_t address = AddressOf(static_cast<char*>(block));
  Forget(address);
  if (HAK_UNLIKELY(IsDue(bytes == 0 ? 1 : bytes))) {
    TakeSample(address, bytes, __builtin_frame_address(0));
  }
  return block;
}

}  // namespace

// relaxed, all stores: a thread that sees some of them late takes a sample of
// the old profile into the new one, at most.
void StartProfile(size_t interval) {
  StopProfile();
  for (Keys& keys : g_profile.keys) {
    for (std::atomic<uintptr_t>& way : keys.way) {
      way.store(0, std::memory_order_relaxed);
    }
  }
  // Sites that are in use stay: a thread may be on its way to one of them.
  for (Site& site : g_sites) {
    site.taken.store(0, std::memory_order_relaxed);
    site.taken_bytes.store(0, std::memory_order_relaxed);
  }
  g_profile.lost.store(0, std::memory_order_relaxed);
  g_profile.interval.store(interval, std::memory_order_relaxed);
  g_profile.number.fetch_add(1, std::memory_order_relaxed);
  g_sample_hook.store(OnBlock, std::memory_order_relaxed);
}

void StopProfile() { g_sample_hook.store(nullptr, std::memory_order_relaxed); }

bool BeginCount(ProfileTotals* totals) {
  const int me = static_cast<int>(platform::Syscall(SYS_getpid));
  int holder = 0;
  // acquire: pairs with the release in EndCount. Another process's: a fork came
  // while it wrote.
  while (!g_profile.counting.compare_exchange_strong(
      holder, me, std::memory_order_acquire, std::memory_order_relaxed)) {
    if (holder == me) return false;
  }
  for (Site& site : g_sites) {
    site.live = 0;
    site.live_bytes = 0;
  }
  for (size_t b = 0; b < (size_t{1} << kBucketBits); ++b) {
    for (unsigned w = 0; w < kWays; ++w) {
      std::atomic<uintptr_t>& key = g_profile.keys[b].way[w];
      // acquire: pairs with the release in TakeSample.
      uintptr_t address = key.load(std::memory_order_acquire);
      if (address <= kClaimed) continue;
      const Value& value = g_profile.values[b][w];
      // relaxed, both: published with the key; the site is bounded.
      const size_t bytes = value.bytes.load(std::memory_order_relaxed);
      Site& site = g_sites[value.site.load(std::memory_order_relaxed) % kSites];
      if (!IsLive(address)) {
        // relaxed: a slot less to look at.
        (void)key.compare_exchange_strong(address, 0,
                                          std::memory_order_relaxed);
        continue;
      }
      ++site.live;
      site.live_bytes += bytes;
    }
  }
  // relaxed, both: numbers.
  *totals = {g_profile.interval.load(std::memory_order_relaxed),
             g_profile.lost.load(std::memory_order_relaxed)};
  return true;
}

void EndCount() {
  // release: pairs with the acquire in BeginCount.
  g_profile.counting.store(0, std::memory_order_release);
}

double ScaleOf(uint64_t samples, uint64_t bytes, size_t interval) {
  if (samples == 0 || bytes == 0 || interval == 0) return 1;
  const double x = static_cast<double>(bytes) / static_cast<double>(samples) /
                   static_cast<double>(interval);
  if (x > 40) return 1;
  // 1 - exp(-x), by a short series for x / 1024 that is squared ten times; for
  // small x by its own, since the difference would have no digits left.
  if (x < 0.001) return 1 / (x - x * x / 2);
  const double y = x / 1024;
  double power = 1 - y + y * y / 2 - y * y * y / 6;
  for (int i = 0; i < 10; ++i) power *= power;
  return 1 / (1 - power);
}

}  // namespace hakmem::stats
