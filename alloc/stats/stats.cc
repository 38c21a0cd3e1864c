// Box:   stats.   Uses: tiny, large, superslab.   Must not know: wrap.
// Holds: the additions.
// Locks: see stats.h.   Read next: alloc/stats/report.h

#include "alloc/stats/stats.h"

#include "alloc/large/large.h"
#include "alloc/superslab/budget.h"
#include "alloc/superslab/metadata.h"
#include "alloc/superslab/slab_pool.h"
#include "alloc/superslab/window.h"
#include "alloc/tiny/parking.h"
#include "alloc/tiny/registry.h"
#include "alloc/tiny/small.h"

namespace hakmem::stats {
namespace {

void AddHeap(tiny::Heap& heap, Totals* totals) {
  LockHolder hold(heap.lock);
  totals->committed += heap.dirty_bytes;
  for (unsigned c = 0; c < tiny::kClasses; ++c) {
    const tiny::ClassCounts& counts = heap.counts[c];
    ClassTotals& sum = totals->classes[c];
    sum.slabs += counts.slabs;
    sum.used += counts.used;
    // relaxed: its thread writes it without the lock.
    sum.cached += counts.cached.load(std::memory_order_relaxed);
    sum.refilled += counts.refilled;
    sum.flushed += counts.flushed;
  }
}

}  // namespace

void Read(Totals* totals) {
  *totals = Totals{};
  tiny::PublishAllCached();
  tiny::CountOrphans(totals->classes,
                     [](void* classes, unsigned c, size_t used) {
                       ClassTotals& sum = static_cast<ClassTotals*>(classes)[c];
                       ++sum.slabs;
                       sum.used += used;
                     });
  for (unsigned c = 0; c < tiny::kClasses; ++c) {
    totals->committed += totals->classes[c].used * tiny::kStride[c];
  }
  for (tiny::Heap* heap = tiny::FirstHeap(); heap != nullptr;
       heap = heap->next_heap) {
    AddHeap(*heap, totals);
    ++totals->heaps;
  }
  const large::Counts large = large::ReadCounts();
  totals->large_blocks = large.blocks;
  totals->large_bytes = large.bytes;
  totals->huge_blocks = large.huge_blocks;
  totals->huge_bytes = large.huge_bytes;
  totals->live = large.bytes + large.huge_bytes - large.cached_here;
  totals->cached = large.cached_here;
  totals->live_blocks = large.blocks - large.spans_here + large.huge_blocks;
  for (unsigned c = 0; c < tiny::kClasses; ++c) {
    ClassTotals& sum = totals->classes[c];
    if (sum.cached > sum.used) sum.cached = sum.used;
    totals->live += (sum.used - sum.cached) * tiny::kStride[c];
    totals->cached += sum.cached * tiny::kStride[c];
    totals->live_blocks += sum.used - sum.cached;
    totals->cached_blocks += sum.cached;
  }
  const Glance glance = ReadGlance();
  totals->dirty = glance.dirty;
  totals->committed += large.bytes + large.huge_bytes + totals->dirty;
  totals->purged = glance.purged;
  totals->purges = superslab::Read(superslab::g_budget.purges);
  totals->metadata = superslab::MetadataBytes();
  totals->mapped = glance.mapped + large.huge_bytes;
  totals->peak_mapped = glance.peak_mapped;
  if (totals->peak_mapped < totals->mapped) {
    totals->peak_mapped = totals->mapped;
  }
  const superslab::PoolCounts pool = superslab::ReadPoolCounts();
  totals->slabs_from_pool = pool.from_pool;
  totals->slabs_from_mapping = pool.from_mapping;
}

HeapTotals ReadHeap(tiny::Heap& heap) {
  LockHolder hold(heap.lock);
  HeapTotals totals = {};
  totals.id = heap.id;
  totals.idle = tiny::IsWaiting(heap);
  totals.used = heap.used_bytes;
  totals.committed = heap.dirty_bytes;
  for (unsigned c = 0; c < tiny::kClasses; ++c) {
    totals.slabs += heap.counts[c].slabs;
    // relaxed: its thread writes it without the lock.
    totals.cached += heap.counts[c].cached.load(std::memory_order_relaxed) *
                     size_t{tiny::kStride[c]};
  }
  return totals;
}

Glance ReadGlance() {
  const superslab::Budget& budget = superslab::g_budget;
  Glance glance;
  glance.live = superslab::Read(budget.live);
  glance.dirty = superslab::Read(budget.dirty);
  glance.purged = superslab::Read(budget.purged);
  // relaxed, both: gauges.
  glance.mapped =
      size_t{superslab::g_window.mapped.load(std::memory_order_relaxed)}
      << superslab::kSuperShift;
  glance.peak_mapped =
      size_t{superslab::g_window.peak_mapped.load(std::memory_order_relaxed)}
      << superslab::kSuperShift;
  return glance;
}

}  // namespace hakmem::stats
