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
  const auto index = [slab](size_t distance) {
    return (distance * slab->reciprocal) >> 32;  // as in IndexAt
  };
  unsigned result = 0;
  unsigned bit = 1;
  for (size_t start = 0; start < superslab::kSlabBytes;
       start += page, bit <<= 1) {
    if ((slab->clean_pages & bit) != 0) continue;
    const size_t end = start + page;
    if (end < first) continue;
    size_t hi = index(end - first);
    if (hi >= slab->capacity) hi = slab->capacity - 1u;
    const size_t lo = start + 2 > stride + first ? index(start + 1 - first) : 0;
    if (lo > hi || AllFree(FreeBits(slab), static_cast<unsigned>(lo),
                           static_cast<unsigned>(hi))) {
      result |= bit;
    }
  }
  return static_cast<uint16_t>(result);
}

// What one sweep gives back.
struct Sweep {
  // Of the slabs on `purging`, in the order in which they came there, the pages
  // that were not clean before; of more slabs than places for several together.
  static constexpr unsigned kKnown = 128;
  uint16_t fresh[kKnown];
  unsigned slabs;
  size_t bytes;
};

// Moves a slab to `purging` if it has something to give.
void PreparePurgeLocked(Heap& heap, SlabDescriptor* slab, Sweep* sweep) {
  if ((slab->flags & kKept) != 0) return;
  (void)CollectLocked(slab);
  if (ReleaseIfEmptyLocked(heap, slab, false)) return;
  if (slab->chain_count > 0) SettleChainLocked(heap, slab);
  if (superslab::WindowIsFixed()) return;
  const uint16_t pages = PurgeablePages(slab);
  if (pages == 0) return;
  slab->clean_pages |= pages;
  UnlinkLocked(heap, slab);
  PushListLocked(heap, slab, kPurging);
  const size_t bytes =
      static_cast<size_t>(PopCount16(pages)) * platform::PageSize();
  heap.dirty_bytes -= bytes;
  sweep->bytes += bytes;
  sweep->fresh[sweep->slabs++ % Sweep::kKnown] |= pages;
}

HAK_COLD void PrepareListLocked(Heap& heap, SlabDescriptor* slab,
                                Sweep* sweep) {
  while (slab != nullptr) {
    SlabDescriptor* next = slab->next;
    PreparePurgeLocked(heap, slab, sweep);
    slab = next;
  }
}

// Gives back the runs of clean pages that hold a fresh one: from one to the
// next with a single call. False: some are as they were.
bool DecommitFreshRuns(const SlabDescriptor* slab, unsigned fresh) {
  const size_t page = platform::PageSize();
  bool done = true;
  for (unsigned rest = slab->clean_pages; rest != 0;) {
    const int from = __builtin_ctz(rest);
    const int end = __builtin_ctz(rest + (1u << from));
    const unsigned run = (1u << end) - (1u << from);
    if ((fresh & run) != 0) {
      done &= superslab::GiveBack(
          At<void>(SlabBase(slab) + static_cast<size_t>(from) * page),
          static_cast<size_t>(end - from) * page);
    }
    rest &= ~run;
  }
  return done;
}

void NoteSweptLocked(Heap& heap) {
  heap.swept_floor = SparseBytes(heap);
  heap.swept_used = heap.used_bytes;
}

}  // namespace

void EndPurgeLocked(Heap& heap, bool done) {
  SlabDescriptor* slab = heap.purging;
  if (!done) {
    // Not known to be zero, so not clean; and not free of charge either.
    TakeFromBooksLocked(heap, slab);
    slab->clean_pages = 0;
    AddToBooksLocked(heap, slab);
  }
  UnlinkLocked(heap, slab);
  PushListLocked(heap, slab, OpenList(slab));
}

size_t SweepHeap(Heap& heap) {
  Sweep sweep = {};
  {
    LockHolder hold(heap.lock);
    if (heap.purging != nullptr) return 0;  // somebody is at it
    DrainNotifyLocked(heap);
    for (SlabDescriptor* list : heap.partial) {
      PrepareListLocked(heap, list, &sweep);
    }
    for (SlabDescriptor* list : heap.aligned) {
      PrepareListLocked(heap, list, &sweep);
    }
    if (heap.purging == nullptr) {
      NoteSweptLocked(heap);
      return 0;
    }
  }
  // The list cannot change under us: only who filled it takes from it. The last
  // that came is the first there.
  bool done = true;
  for (SlabDescriptor* slab = heap.purging; slab != nullptr;
       slab = slab->next) {
    done &= DecommitFreshRuns(slab, sweep.fresh[--sweep.slabs % Sweep::kKnown]);
  }
  {
    LockHolder hold(heap.lock);
    while (SlabDescriptor* slab = heap.purging) {
      EndPurgeLocked(heap, done);
      (void)ReleaseIfEmptyLocked(heap, slab, false);
    }
    NoteSweptLocked(heap);
  }
  // If its thread has ended meanwhile, it has left these slabs to us.
  SettleIdleHeap(heap);
  if (!done) return 0;
  superslab::NotePurged(sweep.bytes);
  return sweep.bytes;
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
