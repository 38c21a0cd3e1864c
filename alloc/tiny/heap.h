// Box:   tiny.   Uses: superslab, base.   Must not know: wrap, large.
// Holds: the heap: the slabs that one thread owns, and how blocks leave and
//        enter them. Everything here runs on slow paths.
// Locks: each heap has one; "Locked" functions are called with it held.
// Read next: alloc/tiny/heap.cc

#ifndef HAKMEM_ALLOC_TINY_HEAP_H_
#define HAKMEM_ALLOC_TINY_HEAP_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "alloc/base/lock.h"
#include "alloc/superslab/slab_descriptor.h"
#include "alloc/superslab/slab_pool.h"
#include "alloc/superslab/window.h"
#include "alloc/tiny/header.h"
#include "alloc/tiny/size_class.h"
#include "platform/page_source.h"

namespace hakmem::tiny {

using superslab::SlabDescriptor;

// SlabDescriptor::list. Every slab of a heap is on exactly one of its lists.
enum ListId : uint8_t {
  kNoList = 0,
  kPartial,  // has free blocks, or may have (remote ones)
  kAligned,  // the same, for slabs whose blocks are aligned
  kFull,     // has none: state FULL, unless a notify is on its way
  kPurging,  // its free pages are being given back; nobody else touches it
  kOrphans,  // not of a heap: in the registry, waiting to be adopted
};

// SlabDescriptor::flags.
enum SlabFlags : uint8_t {
  // The slab sits in `full`, but somebody's CAS has opened it: its notify will
  // come, and until then the slab must not be released.
  kNotifyPending = 1,
  // Wholly free, kept for the next malloc of its class.
  kKept = 2,
  // Its blocks are aligned to more than kUnit. Until it is a free slab again.
  kAlignedShape = 4,
};

// Blocks linked through their first word. Without `tail` the last one links to
// nullptr already.
struct Chain {
  void* head = nullptr;
  void* tail = nullptr;
  unsigned count = 0;
};

// A number written under the heap's lock and read anywhere as an estimate.
// relaxed: it orders nothing.
template <class Number>
class Estimate {
 public:
  // Implicit: it reads like the number that it is.
  operator Number() const {  // NOLINT(google-explicit-constructor)
    return __atomic_load_n(&value_, __ATOMIC_RELAXED);
  }
  void Add(Number n) { Set(*this + n); }
  void Subtract(Number n) { Set(*this - n); }

 private:
  void Set(Number value) { __atomic_store_n(&value_, value, __ATOMIC_RELAXED); }
  Number value_ = 0;
};

// Counters of one class: written under the heap's lock, read under it too.
struct ClassCounts {
  uint32_t slabs;
  Estimate<uint32_t> used;  // blocks live or in thread caches
  // In the cache of the heap's thread when it last refilled or flushed.
  // relaxed: written by that thread without the lock.
  std::atomic<uint32_t> cached;
  uint64_t refilled;
  uint64_t flushed;
};

struct Heap {
  Lock lock{"heap"};
  // relaxed reads decide whether a notifier must help; see remote_free.cc.
  std::atomic<bool> idle{false};
  // release push, acquire take-all: pairs a slab's CAS with our collect.
  std::atomic<SlabDescriptor*> notify{nullptr};
  Heap* next_heap = nullptr;  // all heaps there ever were; by registry lock
  Heap* next_idle = nullptr;
  uint32_t id = 0;
  uint8_t kept = 0;  // slabs with kKept
  // When its thread last asked it for blocks. relaxed: a hint.
  std::atomic<uint64_t> awake_at{0};
  SlabDescriptor* partial[kClasses] = {};
  SlabDescriptor* aligned[kClasses] = {};
  SlabDescriptor* full = nullptr;
  SlabDescriptor* purging = nullptr;
  // Bytes of slabs' pages that were written, and of blocks out of the slabs:
  // the difference is what a sweep could give back at most.
  size_t dirty_bytes = 0;
  Estimate<size_t> used_bytes;
  size_t swept_floor = 0;     // the difference that the last sweep left
  size_t swept_used = 0;      // the most of used_bytes since then
  size_t published_used = 0;  // what of used_bytes is in the common budget
  size_t fresh_bytes = 0;     // of clean pages taken, not in the budget yet
  ClassCounts counts[kClasses] = {};
};

inline size_t SparseBytes(const Heap& heap) {
  return heap.dirty_bytes > heap.used_bytes ? heap.dirty_bytes - heap.used_bytes
                                            : 0;
}

inline constexpr unsigned kMaxKept = 2;  // 128 KiB

// Where the first block of a slab begins, in bytes: the slabs of a SuperSlab
// are sixteen cache lines apart in this, as far as it costs no block of more
// than half a KiB. Blocks of all classes at the same offsets in their pages
// compete for the same sets of a cache, and a CPU that compares addresses by
// their low 12 bits lets loads wait for stores that have nothing to do with
// them (alloc/README.md has what it cost).
constexpr size_t FirstOffset(uint32_t slab_index, size_t stride) {
  const size_t color = slab_index % superslab::kSlabsPerSuper * size_t{64};
  const size_t left = (superslab::kSlabBytes - kUnit) % stride;
  return kUnit + (stride <= 512 || color <= left ? color : left / 64 * 64);
}
// The geometry of a fresh slab. `stride` and `first` in bytes.
HAK_COLD void InitSlabLocked(Heap& heap, SlabDescriptor* slab,
                             unsigned size_class, size_t stride, size_t first,
                             ListId list);

// Takes up to `want` free blocks of the slab into `out`, headers free, links
// set. Fewer if it has fewer, or if one more would touch a page that nobody
// has touched yet. `damaged`: a free block whose header was overwritten.
struct TakeResult {
  unsigned count;
  void* damaged;
};
TakeResult TakeBlocksLocked(Heap& heap, SlabDescriptor* slab, unsigned want,
                            Chain* out);

// The same from the heap's slabs of a class. Slabs that turn out to have no
// free block are put aside.
HAK_COLD TakeResult TakeFromPartialLocked(Heap& heap, unsigned size_class,
                                          unsigned want, Chain* out);

// There is no memory for a slab: a live block of another class that has a free
// one, if a sized free could not tell the difference. nullptr: there is none.
[[nodiscard]] HAK_COLD void* TakeLarger(Heap& heap, size_t bytes);

// Free blocks at multiples of `alignment`, of a class, from the heap's aligned
// slabs.
TakeResult TakeAlignedLocked(Heap& heap, unsigned size_class, size_t alignment,
                             unsigned want, Chain* out);

// A list of cached blocks of one class on their way back.
struct Returning {
  void* list;
  unsigned count;  // of its first blocks that go back
  // Those of slabs that are not the heap's.
  void* others = nullptr;
  unsigned others_count = 0;
};
// Marks the blocks free that lie in the heap's own slabs. `keep_empty`: the
// class is in use, so a slab that runs empty may be kept for it. Reports what
// is no block, was free already, or has been written to.
HAK_COLD void ReturnListLocked(Heap& heap, unsigned size_class, bool keep_empty,
                               Returning* returning);
// Is it marked free? (Not: in a cache, or on its way back.)
bool IsMarkedFree(const SlabDescriptor* slab, uintptr_t address);
// Takes what others have freed into the slab, and releases it if that was all.
HAK_COLD void CollectAndSettleLocked(Heap& heap, SlabDescriptor* slab);
// Takes what others have freed, as a chain. True: there was something.
HAK_COLD bool CollectLocked(SlabDescriptor* slab);
// Puts the collected chain into the bitmap.
HAK_COLD void SettleChainLocked(Heap& heap, SlabDescriptor* slab);
// Looks again at slabs that others opened.
HAK_COLD void DrainNotifyLocked(Heap& heap);
// Releases the slab to the pool if all its blocks are free and no notify is
// on its way. True: it is gone.
HAK_COLD bool ReleaseIfEmptyLocked(Heap& heap, SlabDescriptor* slab,
                                   bool keep_empty);
// Gives up all kept slabs.
HAK_COLD void ReleaseKeptLocked(Heap& heap);

// By the lock of the list that begins at `head`. The `prev` of the first is the
// last.
HAK_COLD void PutFirst(SlabDescriptor** head, SlabDescriptor* slab,
                       ListId list);
HAK_COLD void Remove(SlabDescriptor** head, SlabDescriptor* slab);
// The same for a list of the heap.
HAK_COLD void PushListLocked(Heap& heap, SlabDescriptor* slab, ListId list);
// On which of the two lists of open slabs does it belong?
ListId OpenList(const SlabDescriptor* slab);
HAK_COLD void UnlinkLocked(Heap& heap, SlabDescriptor* slab);
// A slab of `full` has a free block again.
HAK_COLD void OpenLocked(Heap& heap, SlabDescriptor* slab);
// The owner changes only the state of the remote word from `old`. False: a
// remote free came in between.
enum class SlabState : uint8_t;
HAK_COLD bool ChangeState(SlabDescriptor* slab, uint64_t old, SlabState state);

// Takes a slab over into the heap's books (adoption), or out of them.
HAK_COLD void AddToBooksLocked(Heap& heap, SlabDescriptor* slab);
HAK_COLD void TakeFromBooksLocked(Heap& heap, SlabDescriptor* slab);

// Adds what has changed in used_bytes and fresh_bytes to the budget that all
// heaps share, once it is worth touching a line that all heaps share.
HAK_COLD void PublishUsedLocked(Heap& heap, size_t at_least = size_t{64} << 10);
// Have free pages of sparse slabs become too many?
HAK_COLD bool SweepIsDueLocked(Heap& heap);
// Gives free pages of sparse slabs back. The caller holds no lock. Returns
// bytes given back.
HAK_COLD size_t SweepHeap(Heap& heap);
// The first slab of heap.purging is one like others again. `done`: its clean
// pages were given back.
HAK_COLD void EndPurgeLocked(Heap& heap, bool done);

// A division by the stride is the dearest part of a flush: it is a
// multiplication by 2^32 / stride, rounded up. In a slab the upper half of the
// product is the quotient, and the lower is less than the factor exactly if
// nothing is left over (checked for every stride by tests/boxes/tiny_test.cc).
constexpr uint32_t Reciprocal(size_t stride) {
  return static_cast<uint32_t>(((uint64_t{1} << 32) + stride - 1) / stride);
}

inline unsigned PageShift() {
  return static_cast<unsigned>(__builtin_ctzl(platform::PageSize()));
}

inline uintptr_t SlabBase(const SlabDescriptor* slab) {
  return superslab::SlabAddress(slab->slab_index);
}
inline size_t StrideBytes(const SlabDescriptor* slab) {
  return size_t{slab->stride_units} * kUnit;
}
inline uintptr_t FirstBlock(const SlabDescriptor* slab) {
  return SlabBase(slab) + size_t{slab->first_units} * kUnit;
}
// The number of the block that starts so many bytes into the slab, which need
// not be that large; kNoBlock if it would start between two.
inline constexpr unsigned kNoBlock = ~0u;
HAK_INLINE unsigned IndexAt(const SlabDescriptor* slab, size_t offset) {
  // Before the first block the quotient is far too large.
  const uint32_t distance =
      static_cast<uint32_t>(offset - size_t{slab->first_units} * kUnit);
  const uint64_t product = uint64_t{distance} * slab->reciprocal;
  return static_cast<uint32_t>(product) < slab->reciprocal
             ? static_cast<unsigned>(product >> 32)
             : kNoBlock;
}
// Does a block start at this address in the slab?
inline bool IsBlockStart(const SlabDescriptor* slab, uintptr_t address) {
  return IndexAt(slab, address - SlabBase(slab)) < slab->capacity;
}
inline uint8_t ListOf(const SlabDescriptor* slab) {
  return slab->list.load(std::memory_order_relaxed);
}
inline void SetList(SlabDescriptor* slab, uint8_t list) {
  slab->list.store(list, std::memory_order_relaxed);
}
inline unsigned ClassOf(const SlabDescriptor* slab) {
  return ClassOfLive(slab->token);
}
// relaxed: written under the owner's lock; others read it as a hint, or after
// an acquire that found the slab ORPHAN, when it no longer changes.
inline uint16_t UsedOf(const SlabDescriptor* slab) {
  return slab->used.load(std::memory_order_relaxed);
}
inline void SetUsed(SlabDescriptor* slab, unsigned used) {
  slab->used.store(static_cast<uint16_t>(used), std::memory_order_relaxed);
}

}  // namespace hakmem::tiny

#endif  // HAKMEM_ALLOC_TINY_HEAP_H_
