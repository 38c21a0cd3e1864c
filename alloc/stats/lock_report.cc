// Box:   stats.   Uses: base, superslab.   Must not know: wrap.
// Holds: the walk over the locks, summed by name: each heap has one.
// Locks: none; reads gauges.   Read next: alloc/base/lock_stats.h

#include "alloc/stats/lock_report.h"

#include "alloc/base/lock_stats.h"
#include "alloc/superslab/slab_pool.h"
#include "alloc/superslab/stage_counts.h"

namespace hakmem::stats {
namespace {

struct LockSum {
  const char* name;
  uint64_t locks;
  uint64_t acquired;
  uint64_t contended;
  uint64_t spins;
  uint64_t sleeps;
  uint64_t waited_ns;
  uint64_t longest_ns;
};

// Names of locks: see the list of them in alloc/README.md.
constexpr unsigned kMostNames = 16;
struct LockSums {
  LockSum of[kMostNames];
  unsigned count;
};

// The object asks libc for no more than release does.
bool Same(const char* a, const char* b) {
  for (; *a == *b; ++a, ++b) {
    if (*a == '\0') return true;
  }
  return false;
}

LockSum* Find(LockSums& sums, const char* name) {
  for (unsigned i = 0; i < sums.count; ++i) {
    if (Same(sums.of[i].name, name)) return &sums.of[i];
  }
  if (sums.count == kMostNames) return nullptr;
  LockSum* fresh = &sums.of[sums.count++];
  fresh->name = name;
  return fresh;
}

LockSums AddUp() {
  LockSums sums = {};
  const LockStats* lock = LockStats::First();
  for (; lock != nullptr; lock = lock->next()) {
    LockSum* sum = Find(sums, lock->name());
    if (sum == nullptr) continue;
    ++sum->locks;
    sum->acquired += lock->acquired();
    sum->contended += lock->contended();
    sum->spins += lock->spins();
    sum->sleeps += lock->sleeps();
    sum->waited_ns += lock->waited_ns();
    if (lock->longest_ns() > sum->longest_ns) {
      sum->longest_ns = lock->longest_ns();
    }
  }
  return sums;
}

struct StageSums {
  uint64_t kept;
  uint64_t adopted;
  uint64_t pool;
  uint64_t mapping;
};

StageSums ReadStages() {
  using Counts = superslab::StageCounts<true>;
  const superslab::PoolCounts pool = superslab::ReadPoolCounts();
  // relaxed, both: gauges.
  return {Counts::kept.load(std::memory_order_relaxed),
          Counts::adopted.load(std::memory_order_relaxed), pool.from_pool,
          pool.from_mapping};
}

}  // namespace

void WriteLocksText(Writer& out) {
  const LockSums sums = AddUp();
  for (unsigned i = 0; i < sums.count; ++i) {
    const LockSum& sum = sums.of[i];
    out.Text("lock ").Text(sum.name).Text(": locks ").Number(sum.locks);
    out.Text(", acquired ").Number(sum.acquired);
    out.Text(", contended ").Number(sum.contended);
    out.Text(", spins ").Number(sum.spins);
    out.Text(", waits ").Number(sum.sleeps);
    out.Text(", waited_ns ").Number(sum.waited_ns);
    out.Text(", longest_ns ").Number(sum.longest_ns).Text("\n");
  }
  const StageSums stages = ReadStages();
  out.Text("stages: kept ").Number(stages.kept).Text(", adopted ");
  out.Number(stages.adopted).Text(", pool ").Number(stages.pool);
  out.Text(", mapping ").Number(stages.mapping).Text("\n");
}

void WriteLocksJson(Writer& out) {
  const LockSums sums = AddUp();
  out.Text(",\"locks\":[");
  for (unsigned i = 0; i < sums.count; ++i) {
    const LockSum& sum = sums.of[i];
    out.Text(i == 0 ? "{\"name\":\"" : ",{\"name\":\"");
    out.Text(sum.name).Text("\"").Pair("locks", sum.locks);
    out.Pair("acquired", sum.acquired).Pair("contended", sum.contended);
    out.Pair("spins", sum.spins).Pair("waits", sum.sleeps);
    out.Pair("waited_ns", sum.waited_ns);
    out.Pair("longest_ns", sum.longest_ns).Text("}");
  }
  const StageSums stages = ReadStages();
  out.Text("],\"stages\":{\"kept\":").Number(stages.kept);
  out.Pair("adopted", stages.adopted).Pair("pool", stages.pool);
  out.Pair("mapping", stages.mapping).Text("}");
}

}  // namespace hakmem::stats
