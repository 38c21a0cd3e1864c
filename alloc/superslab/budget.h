// Box:   superslab.   Uses: platform.   Must not know: who frees.
// Holds: how much free memory may stay dirty, and who gives it back when.
// Locks: none.   Read next: alloc/superslab/budget.cc

#ifndef HAKMEM_ALLOC_SUPERSLAB_BUDGET_H_
#define HAKMEM_ALLOC_SUPERSLAB_BUDGET_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "platform/cpu.h"

namespace hakmem::superslab {

// Bytes, shared by slabs and spans. `live`: in slabs and spans that are in use.
// `dirty`: free, but its pages still belong to the process.
struct Budget {
  std::atomic<size_t> live;
  std::atomic<size_t> dirty;
  std::atomic<size_t> purged;  // ever given back: a gauge
  // The most that `live` was, less what was given back since.
  std::atomic<size_t> peak;
  // What was given back and then needed again was given back too early.
  // `regret`: given back and not needed again so far, as far as it counts;
  // `slack`: what bounds are raised by because of it. So a program that goes on
  // as it did makes no system call any more.
  std::atomic<size_t> regret;
  std::atomic<size_t> slack;
  // What may be given back in haste, once: what the process grew by. `away`:
  // given back and not needed again so far, which is no growth when it is.
  std::atomic<size_t> grown;
  std::atomic<size_t> away;
  // What of it was needed again, and until when this program counts as one that
  // goes up and down.
  std::atomic<size_t> regained;
  std::atomic<uint64_t> again_until;
  // What was alive when it had last collapsed. Until it is more again growth
  // pays.
  std::atomic<size_t> collapsed;
  // What may be given back because time has gone by, and up to when that was
  // reckoned; when something was given back last.
  std::atomic<int64_t> saved;
  std::atomic<uint64_t> reckoned;
  std::atomic<uint64_t> purged_at;
  std::atomic<size_t> purges;  // that gave something back: a gauge
};
extern Budget g_budget;

inline constexpr size_t kMinDirty = size_t{512} << 10;

// What may be dirty however little is alive; kKeepAll: as much as there is.
// Set once, when the window is made.
inline constexpr size_t kKeepAll = SIZE_MAX / 2;
extern std::atomic<size_t> g_min_dirty;

// relaxed everywhere: a bound on volume, exact once all is quiet; orders
// nothing.
inline void AddTo(std::atomic<size_t>& counter, size_t bytes) {
  counter.fetch_add(bytes, std::memory_order_relaxed);
}
inline void TakeFrom(std::atomic<size_t>& counter, size_t bytes) {
  counter.fetch_sub(bytes, std::memory_order_relaxed);
}
inline size_t Read(const std::atomic<size_t>& counter) {
  return counter.load(std::memory_order_relaxed);
}

void AddLive(size_t bytes);
// Pages were taken that the kernel has to find first.
void NoteCleanTaken(size_t bytes);
// So much was given back.
void NotePurged(size_t bytes);

// No more than goes with what is alive.
inline size_t Slack() {
  const size_t half = Read(g_budget.live) / 2;
  const size_t most = half > kMinDirty ? half : kMinDirty;
  const size_t slack = Read(g_budget.slack);
  return slack < most ? slack : most;
}

// What may stay dirty, as long as giving back costs next to nothing.
inline size_t BaseBound(size_t live = Read(g_budget.live)) {
  const size_t share = live / 8;
  const size_t least = Read(g_min_dirty);
  return share > least ? share : least;
}
inline size_t DirtyBound() { return BaseBound() + Slack(); }

// Giving back costs more than it gives in a program whose memory goes up and
// down all the time: it would fault it in again and again. So it is done
//   - once for every byte that the process grew by, when more is free than is
//     live: what goes up once and comes down is given back at once;
//   - as long as it takes no more than a small share of the time.
//
// May `bytes` be given back, of a heap that has `live`? These are pages in
// slabs that go on living, so half as much is enough for the first.
bool MayGiveBack(size_t bytes, size_t live);

// The box of spans gives back its dirty free spans through this, largest
// first, until at most `keep` bytes are dirty; with `unmap_all` also the
// address space of clean ones. nullptr: there are no spans.
using PurgeSpans = void (*)(size_t keep, bool unmap_all);
extern std::atomic<PurgeSpans> g_purge_spans;

// Gives free memory back until the rest is below `keep` bytes. keep_supers 0:
// and all address space that can be had. Makes system calls; the caller holds
// no lock.
void Purge(size_t keep, size_t keep_supers);

// The rule itself. Every free that may have released a slab or a span ends
// here.
HAK_COLD void PurgeIfOverBudget();

// The same rule for who has other dirty memory as well: how much of `dirty` is
// to be given back, if `live` is alive. Where next to nothing is all of it is,
// whatever pays for it. Hardened only; else 0.
[[nodiscard]] size_t TooMuch(size_t dirty, size_t live);

// Clean pages were just taken. More memory than ever was live is not needed:
// for what is taken beyond it, what lies idle is given back.
HAK_COLD void PurgeForGrowth();
inline void GiveBackForGrowth() {
  if (HAK_UNLIKELY(Read(g_budget.dirty) > BaseBound())) PurgeForGrowth();
}

}  // namespace hakmem::superslab

#endif  // HAKMEM_ALLOC_SUPERSLAB_BUDGET_H_
