// Box:   superslab.   Uses: platform.   Must not know: who frees.
// Holds: when free memory is given back, and how much of it.
// Locks: none. relaxed everywhere: these are volumes, they order nothing.
// Read next: alloc/superslab/slab_pool.cc

#include "alloc/superslab/budget.h"

#include "alloc/base/variant.h"
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
// What is needed again after so many nanoseconds is growth as any other, and
// whoever needs it is no program that goes up and down without pause.
constexpr uint64_t kLongAgo = uint64_t{1} << 25;
// More than so many times what is alive lies idle: the program is done with it.
// More often where it has just needed again what it gave back: it may go up and
// down between a tenth and all of its memory.
constexpr size_t kCollapse = 1;
constexpr size_t kCollapseAgain = 12;
// Hardened: more than so many times, and all of it goes. What quarantine gave
// back one by one has spent the growth that would pay for it.
constexpr size_t kCrumbs = 16;
// What is given back at a time, unless it is all that is too much.
constexpr size_t kMinByTime = size_t{1} << 20;
// And beyond, so that the next few frees need not purge again.
constexpr size_t kALittle = size_t{256} << 10;
constexpr size_t kMinMaxSlack = size_t{1} << 20;

size_t Less(size_t from, size_t bytes) {
  return from > bytes ? from - bytes : 0;
}

size_t AtLeastZero(int64_t bytes) {
  return bytes > 0 ? static_cast<size_t>(bytes) : 0;
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

// How much may be given back because time has gone by.
size_t TimeAllowance() {
  // Often enough, and seldom enough for a line that all threads share.
  constexpr uint64_t kInterval = 1 << 16;
  const uint64_t now = platform::Now();
  uint64_t since = g_budget.reckoned.load(kRelaxed);
  // The clocks of two CPUs may be a little apart.
  if (platform::IsToCome(since + kInterval, now) ||
      !g_budget.reckoned.compare_exchange_strong(since, now, kRelaxed)) {
    return AtLeastZero(g_budget.saved.load(kRelaxed));
  }
  const int64_t more =
      since == 0 ? 0 : static_cast<int64_t>((now - since) >> kRateShift);
  int64_t saved = g_budget.saved.fetch_add(more, kRelaxed) + more;
  if (saved > kMostSaved) g_budget.saved.store(saved = kMostSaved, kRelaxed);
  return AtLeastZero(saved);
}

// Has what is alive collapsed, and not grown since?
bool Collapsed(size_t live, size_t idle) {
  if (idle / kCollapseAgain > live ||
      (idle / kCollapse > live &&
       !platform::IsToCome(g_budget.again_until.load(kRelaxed),
                           platform::Now()))) {
    g_budget.collapsed.store(live, kRelaxed);
    return true;
  }
  return live <= Read(g_budget.collapsed);
}

// How much may stay dirty, if only growth pays.
size_t MostInHaste(size_t bound, size_t dirty, size_t live) {
  const size_t peak = Read(g_budget.peak);
  if (!Collapsed(live, Less(dirty, bound))) return bound + peak;
  const size_t rest = Less(dirty, Read(g_budget.grown));
  return bound + (rest < peak ? rest : peak);
}

// How much may stay dirty now, of more than `bound`.
size_t MostDirty(size_t bound, size_t dirty, size_t live) {
  const size_t excess = Less(dirty, bound);
  const size_t allowance = TimeAllowance();
  const size_t hasty = MostInHaste(bound, dirty, live);
  if (allowance < excess && allowance < kMinByTime) return hasty;
  const size_t by_time = dirty - (allowance < excess ? allowance : excess);
  return by_time < hasty ? by_time : hasty;
}

// What a purge leaves, of what would have been too much.
size_t ALittleLess(size_t most, size_t bound) {
  return most - (bound < 4 * kALittle ? bound / 4 : kALittle);
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
    const uint64_t now = platform::Now();
    if (now - g_budget.purged_at.load(kRelaxed) > kLongAgo) {
      g_budget.away.store(0, kRelaxed);
      g_budget.regained.store(0, kRelaxed);
    }
    const size_t regained = TakeUpTo(g_budget.away, bytes);
    AddTo(g_budget.regained, regained);
    if (Read(g_budget.regained) > Read(g_budget.away) / 4) {
      g_budget.again_until.store(now + kLongAgo, kRelaxed);
    }
    bytes -= regained;
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
  // Time pays first: growth pays once only.
  const size_t allowed = AtLeastZero(g_budget.saved.load(kRelaxed));
  const size_t rest = Less(bytes, allowed);
  const size_t paid = TakeUpTo(g_budget.grown, rest);
  size_t due = bytes - paid;
  // What hardened must give back, whatever pays for it, leaves no debt.
  if (kVariant.armour && due > allowed) due = allowed;
  g_budget.saved.fetch_sub(static_cast<int64_t>(due), kRelaxed);
  // What was given back in haste is no measure of what the program needs.
  if (rest != 0) return;
  const size_t peak = Less(Read(g_budget.peak), bytes);
  g_budget.peak.store(live > peak ? live : peak, kRelaxed);
}

bool MayGiveBack(size_t bytes, size_t live) {
  if (bytes > live / 2 && Read(g_budget.grown) >= bytes) return true;
  const size_t allowance = TimeAllowance();
  return allowance >= bytes || allowance >= kMostSaved / 4;
}

void Purge(size_t keep, size_t keep_supers) {
  // acquire: pairs with the release of the box that set it.
  PurgeSpans spans = g_purge_spans.load(std::memory_order_acquire);
  if (spans != nullptr) spans(keep, keep_supers == 0);
  PurgeSlabs(keep, keep_supers);
}

void PurgeIfOverBudget() {
  size_t before;
  do {
    const size_t bound = DirtyBound();
    const size_t dirty = Read(g_budget.dirty);
    if (HAK_LIKELY(dirty <= bound)) return;
    const size_t most = MostDirty(bound, dirty, Read(g_budget.live));
    if (dirty <= most) return;
    before = Read(g_budget.purged);
    Purge(ALittleLess(most, bound), 1);
    // Others may have freed meanwhile and left the purge to us.
  } while (Read(g_budget.purged) != before);
}

size_t TooMuch(size_t dirty, size_t live) {
  // Else release had MostDirty twice, or out of line, for nobody.
  if constexpr (kVariant.armour) {
    const size_t bound = BaseBound(live);
    if (dirty <= bound) return 0;
    const size_t paid = MostDirty(bound, dirty, live);
    const size_t most = dirty / kCrumbs > live ? bound : paid;
    return dirty > most ? dirty - ALittleLess(most, bound) : 0;
  }
  return 0;
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
