// Box:   tiny.   Uses: superslab, base.   Must not know: wrap, large.
// Holds: how blocks go back from a cache to their slabs, whosever they are.
// Locks: the own heap's while its blocks move; none while other heaps are
//        visited or pages go back.   Read next: alloc/tiny/remote_free.h

#include "alloc/tiny/bins.h"
#include "alloc/tiny/heap.h"
#include "alloc/tiny/remote_free.h"
#include "alloc/tiny/small.h"

namespace hakmem::tiny {
namespace {

// Blocks of slabs that are not ours, grouped by slab.
class RemoteGroups {
 public:
  explicit RemoteGroups(Heap* mine) : mine_(mine) {}
  ~RemoteGroups() {
    for (unsigned i = 0; i < count_; ++i) Push(i);
  }
  RemoteGroups(const RemoteGroups&) = delete;
  RemoteGroups& operator=(const RemoteGroups&) = delete;

  void Add(SlabDescriptor* slab, const Chain& run) {
    unsigned i = 0;
    while (i < count_ && slabs_[i] != slab) ++i;
    if (i == kGroups) {
      i = oldest_++ % kGroups;
      Push(i);
      chains_[i] = Chain{};
    }
    if (i == count_) ++count_;
    slabs_[i] = slab;
    Chain& chain = chains_[i];
    if (chain.tail == nullptr) {
      chain.head = run.head;
    } else {
      StoreLink(chain.tail, run.head);
    }
    chain.tail = run.tail;
    chain.count += run.count;
  }

 private:
  static constexpr unsigned kGroups = 8;

  void Push(unsigned i) { RemoteFree(slabs_[i], chains_[i], mine_); }

  Heap* mine_;
  unsigned count_ = 0;
  unsigned oldest_ = 0;
  SlabDescriptor* slabs_[kGroups];
  Chain chains_[kGroups];
};

// The first `count` blocks of a list; returns the others.
void* ReturnRemote(void* list, unsigned count, Heap* mine) {
  RemoteGroups groups(mine);
  while (count != 0) {
    SlabDescriptor* const slab = SlabOfCached(list);
    const uintptr_t base = SlabBase(slab);
    const int8_t free_token = static_cast<int8_t>(slab->token + kFreeBias);
    // What was freed in a row mostly lies in one slab, and is linked already.
    Chain run{list, nullptr, 0};
    do {
      if (HAK_UNLIKELY(
              !IsBlockStart(slab, AddressOf(static_cast<char*>(list))))) {
        ReportBadPointer(list, "free");
      }
      run.tail = list;
      ++run.count;
      list = LoadLink(list);
    } while (--count != 0 &&
             (AddressOf(static_cast<char*>(list)) ^ base) >>
                     superslab::kSlabShift ==
                 0 &&
             LoadHeader(list) == free_token);
    groups.Add(slab, run);
  }
  return list;
}

}  // namespace

SlabDescriptor* SlabOfCached(void* block) {
  const size_t index =
      superslab::SlabIndex(AddressOf(static_cast<char*>(block)));
  if (index >= superslab::SlabLimit()) ReportDamagedFreeBlock(block);
  const int8_t token = superslab::MapByte(index);
  if (token >= 0 ||
      LoadHeader(block) != static_cast<int8_t>(token + kFreeBias)) {
    ReportDamagedFreeBlock(block);
  }
  return superslab::Descriptor(index);
}

void* ReturnBlocks(Heap* heap, unsigned size_class, void* list, unsigned count,
                   bool keep_empty) {
  if (count == 0) return list;
  if (heap == nullptr) return ReturnRemote(list, count, nullptr);
  Returning returning{list, count};
  bool sweep = false;
  {
    LockHolder hold(heap->lock);
    ReturnListLocked(*heap, size_class, keep_empty, &returning);
    PublishUsedLocked(*heap);
    sweep = SweepIsDueLocked(*heap);
  }
  (void)ReturnRemote(returning.others, returning.others_count, heap);
  if (sweep) (void)SweepHeap(*heap);
  return returning.list;
}

}  // namespace hakmem::tiny
