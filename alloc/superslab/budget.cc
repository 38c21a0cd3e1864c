// Box:   superslab.   Uses: platform.   Must not know: who frees.
// Holds: when free memory is given back, and how much of it.
// Locks: none. relaxed everywhere: these are volumes, they order nothing.
// Read next: alloc/superslab/slab_pool.cc

#include "alloc/superslab/budget.h"

#include "alloc/superslab/slab_pool.h"
#include "platform/page_source.h"

namespace hakmem::superslab {

HAK_CONSTINIT Budget g_budget = {};
HAK_CONSTINIT std::atomic<PurgeSpans> g_purge_spans{nullptr};

namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

// A byte in 16 nanoseconds may be given back for no other reason: 64 MB a
// second. A page that is needed again then costs a fault, 0.25 to 1.6 us: three
// hundredths of the time at the most.
constexpr unsigned kRateShift = 4;
constexpr int64_t kMostSaved = int64_t{256} << 20;
// What is needed again after so many nanoseconds is growth as any other.
constexpr uint64_t kLongAgo = uint64_t{1} << 25;
constexpr size_t kMinMaxSlack = size_t{1} << 20;

size_t Less(size_t from, size_t bytes) {
  return from > bytes ? from - bytes : 0;
}

// Takes up to `bytes`; returns how many.
size_t TakeUpTo(std::atomic<size_t>& counter, size_t bytes) {
  size_t old = counter.load(kRelaxed);
  size_t taken;
  do {
    taken = bytes < old ? bytes : old;
  } while (taken != 0 && !counter.compare_exchange_weak(old, old - taken,
                                                        kRelaxed, kRelaxed));
  return taken;
}

bool TimeAllows() {
  // Often enough, and seldom enough for a line that all threads share.
  constexpr uint64_t kInterval = 1 << 16;
  const uint64_t now = platform::Now();
  uint64_t since = g_budget.reckoned.load(kRelaxed);
  // The clocks of two CPUs may be a little apart.
  if (now < since + kInterval ||
      !g_budget.reckoned.compare_exchange_strong(since, now, kRelaxed)) {
    return g_budget.saved.load(kRelaxed) > 0;
  }
  const int64_t more =
      since == 0 ? 0 : static_cast<int64_t>((now - since) >> kRateShift);
  int64_t saved = g_budget.saved.fetch_add(more, kRelaxed) + more;
  if (saved > kMostSaved) g_budget.saved.store(saved = kMostSaved, kRelaxed);
  return saved > 0;
}

// How much may stay dirty now.
size_t MostDirty(size_t bound) {
  if (TimeAllows()) return bound;
  const size_t live = Read(g_budget.live);
  const size_t rest = Less(Read(g_budget.dirty), Read(g_budget.grown));
  const size_t peak = Read(g_budget.peak);
  return bound + (rest < live ? live : rest < peak ? rest : peak);
}

}  // namespace

void AddLive(size_t bytes) {
  const size_t live = g_budget.live.fetch_add(bytes, kRelaxed) + bytes;
  if (live > Read(g_budget.peak)) g_budget.peak.store(live, kRelaxed);
}

void NoteCleanTaken(size_t bytes) {
  const size_t regretted = TakeUpTo(g_budget.regret, bytes);
  if (regretted != 0) {
    const size_t peak = Read(g_budget.peak);
    const size_t most = peak > kMinMaxSlack ? peak : kMinMaxSlack;
    const size_t slack = Read(g_budget.slack) + regretted;
    g_budget.slack.store(slack < most ? slack : most, kRelaxed);
  }
  if (Read(g_budget.away) != 0) {
    if (platform::Now() - g_budget.purged_at.load(kRelaxed) > kLongAgo) {
      g_budget.away.store(0, kRelaxed);
    }
    bytes -= TakeUpTo(g_budget.away, bytes);
  }
  AddTo(g_budget.grown, bytes);
}

void NotePurged(size_t bytes) {
  const size_t live = Read(g_budget.live);
  AddTo(g_budget.purged, bytes);
  AddTo(g_budget.purges, bytes != 0 ? 1 : 0);
  AddTo(g_budget.away, bytes);
  g_budget.purged_at.store(platform::Now(), kRelaxed);
  // What a program gave up for good is no reason for regret when it grows
  // again: no more counts than goes with what is alive now.
  const size_t most = live / 2 > kMinMaxSlack ? live / 2 : kMinMaxSlack;
  const size_t regret = Read(g_budget.regret) + bytes;
  g_budget.regret.store(regret < most ? regret : most, kRelaxed);
  // One that only shrinks loses its slack.
  (void)TakeUpTo(g_budget.slack, bytes / 4);
  const size_t rest = bytes - TakeUpTo(g_budget.grown, bytes);
  const int64_t saved =
      g_budget.saved.fetch_sub(static_cast<int64_t>(rest), kRelaxed);
  // What was given back in haste is no measure of what the program needs.
  if (saved <= 0) return;
  const size_t peak = Less(Read(g_budget.peak), bytes);
  g_budget.peak.store(live > peak ? live : peak, kRelaxed);
}

bool MayGiveBack(size_t bytes, size_t live) {
  if (bytes > live && Read(g_budget.grown) >= bytes) return true;
  return TimeAllows();
}

void Purge(size_t keep, size_t keep_supers) {
  // acquire: pairs with the release of the box that set it.
  PurgeSpans spans = g_purge_spans.load(std::memory_order_acquire);
  if (spans != nullptr) spans(keep, keep_supers == 0);
  PurgeSlabs(keep, keep_supers);
}

void PurgeToBound() {
  size_t before;
  do {
    const size_t bound = DirtyBound();
    const size_t most = MostDirty(bound);
    if (Read(g_budget.dirty) <= most) return;
    before = Read(g_budget.purged);
    // A little more, so that the next few frees need not purge again.
    Purge(most - bound / 4, 1);
    // Others may have freed meanwhile and left the purge to us.
  } while (Read(g_budget.purged) != before);
}

void PurgeForGrowth() {
  // Not in crumbs: a system call each time would cost more than it gives.
  constexpr size_t kAtLeast = size_t{256} << 10;
  const size_t bound = BaseBound();
  const size_t dirty = Read(g_budget.dirty);
  // A quarter more, for what does not fit where it is free: with an eighth a
  // program of 500 MB in blocks of 5 to 25 MB spent 70 % of its time in faults.
  const size_t most = Read(g_budget.peak) / 4 * 5 + bound;
  const size_t beyond = Less(Read(g_budget.live) + dirty, most);
  if (beyond < kAtLeast) return;
  const size_t keep = Less(dirty, beyond);
  Purge(keep > bound ? keep : bound, 1);
}

}  // namespace hakmem::superslab
