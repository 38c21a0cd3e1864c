// Box:   tiny.   Uses: superslab, platform.   Must not know: wrap, large.
// Holds: the return of free pages inside slabs that are in use.
// Locks: the heap's, but never across the madvise: a slab that is being purged
//        is on a list of its own, where nobody takes blocks or releases it.
// Read next: alloc/tiny/remote_free.cc

#include "alloc/superslab/budget.h"
#include "alloc/tiny/heap.h"
#include "alloc/tiny/registry.h"
#include "platform/page_source.h"

namespace hakmem::tiny {
namespace {

using superslab::FreeBits;

// What a sweep must promise to give back before it is worth the walk: 128 KiB,
// if the program is not configured otherwise.
size_t MinSparse() { return superslab::Read(superslab::g_min_dirty) / 4; }

// Are the blocks lo..hi all marked free?
bool AllFree(const uint64_t* bits, unsigned lo, unsigned hi) {
  for (unsigned i = lo; i <= hi;) {
    const unsigned from = i % 64;
    const unsigned to = hi - i < 63 - from ? from + (hi - i) : 63;
    const uint64_t mask = (~uint64_t{0} >> (63 - (to - from))) << from;
    if ((bits[i / 64] & mask) != mask) return false;
    i += to - from + 1;
  }
  return true;
}

// Written pages that no block which is out overlaps. A block overlaps from its
// header byte on: one that starts at a page's end has its header in that page.
uint16_t PurgeablePages(SlabDescriptor* slab) {
  const size_t page = platform::PageSize();
  const size_t stride = StrideBytes(slab);
  const size_t first = size_t{slab->first_units} * kUnit;
  if (superslab::WindowIsFixed()) return 0;
  unsigned result = 0;
  for (unsigned p = 0; p < superslab::PagesPerSlab(); ++p) {
    if (((slab->clean_pages >> p) & 1) != 0) continue;
    const size_t start = p * page;
    const size_t end = start + page;
    if (end < first) continue;
    size_t hi = (end - first) / stride;
    if (hi >= slab->capacity) hi = slab->capacity - 1u;
    const size_t lo =
        start + 2 > stride + first ? (start + 1 - first) / stride : 0;
    if (lo > hi || AllFree(FreeBits(slab), static_cast<unsigned>(lo),
                           static_cast<unsigned>(hi))) {
      result |= 1u << p;
    }
  }
  return static_cast<uint16_t>(result);
}

// Moves a slab to `purging` if it has something to give.
HAK_COLD size_t PreparePurgeLocked(Heap& heap, SlabDescriptor* slab) {
  if ((slab->flags & kKept) != 0) return 0;
  (void)CollectLocked(slab);
  if (ReleaseIfEmptyLocked(heap, slab, false)) return 0;
  if (slab->chain_count > 0) SettleChainLocked(heap, slab);
  const uint16_t pages = PurgeablePages(slab);
  if (pages == 0) return 0;
  slab->clean_pages |= pages;
  UnlinkLocked(heap, slab);
  PushListLocked(heap, slab, kPurging);
  const size_t bytes =
      static_cast<size_t>(PopCount16(pages)) * platform::PageSize();
  heap.dirty_bytes -= bytes;
  return bytes;
}

size_t PrepareListLocked(Heap& heap, SlabDescriptor* slab) {
  size_t bytes = 0;
  while (slab != nullptr) {
    SlabDescriptor* next = slab->next;
    bytes += PreparePurgeLocked(heap, slab);
    slab = next;
  }
  return bytes;
}

// False: the pages are as they were.
bool DecommitCleanRuns(SlabDescriptor* slab) {
  const size_t page = platform::PageSize();
  const unsigned pages = superslab::PagesPerSlab();
  bool done = true;
  for (unsigned p = 0; p < pages;) {
    unsigned end = p;
    while (end < pages && ((slab->clean_pages >> end) & 1) != 0) ++end;
    if (end > p) {
      done &= superslab::GiveBack(At<void>(SlabBase(slab) + p * page),
                                  (end - p) * page);
    }
    p = end + 1;
  }
  return done;
}

void FinishPurgeLocked(Heap& heap, SlabDescriptor* slab, bool done) {
  if (!done) {
    // Not known to be zero, so not clean; and not free of charge either.
    TakeFromBooksLocked(heap, slab);
    slab->clean_pages = 0;
    AddToBooksLocked(heap, slab);
  }
  UnlinkLocked(heap, slab);
  PushListLocked(heap, slab, OpenList(slab));
  (void)ReleaseIfEmptyLocked(heap, slab, false);
}

void NoteSweptLocked(Heap& heap) {
  heap.swept_floor = SparseBytes(heap);
  heap.swept_used = heap.used_bytes;
}

}  // namespace

size_t SweepHeap(Heap& heap) {
  size_t bytes = 0;
  {
    LockHolder hold(heap.lock);
    if (heap.purging != nullptr) return 0;  // somebody is at it
    DrainNotifyLocked(heap);
    for (SlabDescriptor* list : heap.partial) {
      bytes += PrepareListLocked(heap, list);
    }
    for (SlabDescriptor* list : heap.aligned) {
      bytes += PrepareListLocked(heap, list);
    }
    if (heap.purging == nullptr) {
      NoteSweptLocked(heap);
      return 0;
    }
  }
  // The list cannot change under us: only who filled it takes from it.
  bool done = true;
  for (SlabDescriptor* slab = heap.purging; slab != nullptr;
       slab = slab->next) {
    done &= DecommitCleanRuns(slab);
  }
  {
    LockHolder hold(heap.lock);
    while (heap.purging != nullptr) FinishPurgeLocked(heap, heap.purging, done);
    NoteSweptLocked(heap);
  }
  // If its thread has ended meanwhile, it has left these slabs to us.
  SettleIdleHeap(heap);
  if (!done) return 0;
  superslab::NotePurged(bytes);
  return bytes;
}

bool SweepIsDueLocked(Heap& heap) {
  const size_t sparse = SparseBytes(heap);
  if (sparse < heap.swept_floor) heap.swept_floor = sparse;
  if (heap.used_bytes > heap.swept_used) heap.swept_used = heap.used_bytes;
  const size_t least = MinSparse();
  const size_t share = heap.used_bytes / 8;
  // The slack is the process's, not each heap's: no more of it here than goes
  // with what this heap has alive.
  const size_t slack = superslab::Slack();
  const size_t most = heap.used_bytes / 2;
  const size_t bound =
      (share > least ? share : least) + (slack < most ? slack : most);
  // Half of the blocks are gone: pages that had to stay then may go now.
  const bool due = sparse - heap.swept_floor > bound ||
                   (sparse > least && heap.used_bytes < heap.swept_used / 2);
  return due &&
         superslab::MayGiveBack(sparse - heap.swept_floor, heap.used_bytes);
}

}  // namespace hakmem::tiny
