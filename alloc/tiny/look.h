// Box:   tiny.   Uses: superslab, base.   Must not know: wrap, large.
// Holds: a look at a slab from outside, for gauges, dumps and crash reports.
//        Nobody else reads the descriptors from above.
// Locks: while a SlabLook lives, that of the slab's heap or of the orphans.
// Read next: alloc/tiny/look.cc

#ifndef HAKMEM_ALLOC_TINY_LOOK_H_
#define HAKMEM_ALLOC_TINY_LOOK_H_

#include <cstddef>
#include <cstdint>

#include "alloc/base/patience.h"
#include "alloc/tiny/heap.h"

namespace hakmem::tiny {

enum class BlockState : uint8_t {
  kNone,     // there is no block
  kLive,     // the program holds it
  kCached,   // freed: in a thread's cache, or on its way back to its slab
  kFree,     // free in its slab
  kDamaged,  // not free in its slab, and its header byte is neither of the two
  kUnsure,   // not free in its slab; its lock could not be had
};

// One slab, as it is. While it lives the slab is not released, if `locked`.
// Faults on no damage: descriptors lie apart from what a program writes to,
// and every number in them is bounded before it is used.
class SlabLook {
 public:
  SlabLook(size_t slab_index, Patience patience);
  ~SlabLook();
  SlabLook(const SlabLook&) = delete;
  SlabLook& operator=(const SlabLook&) = delete;

  // False: no blocks are in it, and nothing below may be asked.
  bool valid() const { return slab_ != nullptr; }
  bool locked() const { return lock_ != nullptr; }
  unsigned size_class() const { return size_class_; }
  uintptr_t first() const { return first_; }  // address of the first block
  size_t stride() const { return stride_; }
  unsigned capacity() const { return capacity_; }  // blocks
  uint32_t heap() const { return heap_; }          // its id; 0: an orphan
  // A bit per page of the kernel that reads as zero.
  uint16_t clean_pages() const { return slab_->clean_pages; }
  // Blocks that other threads have freed and no heap has taken back yet.
  uint16_t returned() const;

  // Of the block with this number, below capacity().
  BlockState State(unsigned index) const;
  // The byte before the block, as it is; 0 where it must not be read.
  uint8_t Header(unsigned index) const;
  // Bytes that the program may use; of an armoured live block those it asked
  // for. kOverflown: the bytes behind them were changed.
  static constexpr size_t kOverflown = ~size_t{0};
  size_t Size(unsigned index) const;
  uintptr_t Start(unsigned index) const { return first_ + index * stride_; }

 private:
  bool MayRead() const { return locked() || patience_ == Patience::kNow; }

  const SlabDescriptor* slab_ = nullptr;
  Lock* lock_ = nullptr;
  Patience patience_;
  uintptr_t first_ = 0;
  size_t stride_ = 0;
  unsigned capacity_ = 0;
  unsigned size_class_ = 0;
  uint32_t heap_ = 0;
};

}  // namespace hakmem::tiny

#endif  // HAKMEM_ALLOC_TINY_LOOK_H_
