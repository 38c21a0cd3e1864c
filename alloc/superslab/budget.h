// Box:   superslab.   Uses: platform.   Must not know: who frees.
// Holds: how much free memory may stay dirty: the rule of return by volume.
// Locks: none.   Read next: alloc/superslab/slab_pool.h

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
  // What we give back and then need again was given back too early. `regret`:
  // given back and not needed again so far; `slack`: what the bound is raised
  // by because of it. A purge lowers it by a quarter of its bytes, so a program
  // whose memory goes up and down keeps it, and one that shrinks does not.
  std::atomic<size_t> regret;
  std::atomic<size_t> slack;
  std::atomic<size_t> peak;  // of `live`, lowered by every byte that is purged
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

inline constexpr size_t kMinMaxSlack = size_t{1} << 20;
inline size_t MaxSlack() {
  const size_t share = Read(g_budget.peak);
  return share > kMinMaxSlack ? share : kMinMaxSlack;
}

inline size_t Slack() {
  const size_t slack = Read(g_budget.slack);
  const size_t most = MaxSlack();
  return slack < most ? slack : most;
}

inline size_t DirtyBound() {
  const size_t share = Read(g_budget.live) / 8;
  const size_t least = Read(g_min_dirty);
  return (share > least ? share : least) + Slack();
}

// So much was given back.
void NotePurged(size_t bytes);
// Memory was taken whose pages the kernel has to find first.
void NoteRegret(size_t bytes);
inline void NoteCleanTaken(size_t bytes) {
  if (Read(g_budget.regret) != 0) NoteRegret(bytes);
}
inline bool OverBudget() { return Read(g_budget.dirty) > DirtyBound(); }

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
inline void PurgeIfOverBudget() {
  // A little more, so that the next few frees need not purge again.
  if (HAK_UNLIKELY(OverBudget())) Purge(DirtyBound() / 4 * 3, 1);
}

}  // namespace hakmem::superslab

#endif  // HAKMEM_ALLOC_SUPERSLAB_BUDGET_H_
