// Box:   tiny.   Uses: superslab, platform.   Must not know: wrap, large.
// Holds: what is said of a small block before an abort.
// Locks: none.   Read next: alloc/wrap/entry_points.cc

#include "alloc/tiny/report.h"

#include "alloc/tiny/heap.h"
#include "alloc/tiny/small.h"
#include "platform/die.h"

namespace hakmem::tiny {
namespace {

using platform::Line;

}  // namespace

Line& PutClass(Line& line, unsigned c) {
  return line.Text(c < kTinyClasses ? "Tiny class " : "Pool class ")
      .Number(c < kTinyClasses ? c : c - kTinyClasses)
      .Text(", ")
      .Number(kStride[c])
      .Text(" bytes");
}

namespace {

// The start of the block that holds this address, or the first one's.
uintptr_t BlockAround(const SlabDescriptor* slab, uintptr_t address) {
  const uintptr_t first = SlabBase(slab) + slab->first_units * kUnit;
  if (address < first) return first;
  return first + (address - first) / StrideBytes(slab) * StrideBytes(slab);
}

}  // namespace

void ReportBadPointer(void* pointer, const char* what) {
  const uintptr_t address = AddressOf(static_cast<char*>(pointer));
  const size_t index = superslab::SlabIndex(address);
  const SlabDescriptor* slab = superslab::Descriptor(index);
  const unsigned c = ClassOf(slab);
  Line line;
  if (!IsBlockStart(slab, address)) {
    line.Misuse(what, pointer, false).Text("inside block ");
    line.Hex(BlockAround(slab, address)).Text(", ");
    PutClass(line, c).Text(")");
  } else if (LoadHeader(pointer) == FreeToken(c) ||
             IsMarkedFree(slab, address)) {
    PutClass(line.Misuse(what, pointer, true), c).Text(")");
  } else {
    line.Text("hakmem: damaged header before ").Pointer(pointer).Text(" (");
    PutClass(line, c).Text("): the block before it, at ");
    line.Hex(address - StrideBytes(slab)).Text(", was written past its end");
  }
  platform::Die(line);
}

void ReportDamagedFreeBlock(const void* block) {
  const uintptr_t address = AddressOf(static_cast<const char*>(block));
  const size_t index = superslab::SlabIndex(address);
  const SlabDescriptor* slab = nullptr;
  const char* what = "hakmem: damaged free block ";
  if (index < superslab::SlabLimit() && superslab::MapByte(index) < 0) {
    slab = superslab::Descriptor(index);
    if (IsBlockStart(slab, address) &&
        LoadHeader(block) == LiveToken(ClassOf(slab))) {
      // Two frees at the same instant put a block into two caches.
      what = "hakmem: double free of ";
    }
  }
  Line line;
  line.Text(what).Pointer(block);
  if (slab != nullptr) PutClass(line.Text(" ("), ClassOf(slab)).Text(")");
  line.Text(
      ": written to after it was freed, or past the end of the block"
      " before it");
  platform::Die(line);
}

}  // namespace hakmem::tiny
