// Box:   tiny.   Uses: superslab, platform.   Must not know: wrap, large.
// Holds: what is said of armoured blocks before an abort.
// Locks: none.   Read next: alloc/tiny/report.cc

#include "alloc/tiny/armour.h"
#include "alloc/tiny/report.h"
#include "alloc/tiny/small.h"

namespace hakmem::tiny {

using platform::Line;

namespace {

// "(Tiny class 1, 32 bytes)" of a block that lies in a slab.
Line& PutClassOf(Line& line, const void* block) {
  const uintptr_t address = AddressOf(static_cast<const char*>(block));
  const size_t index = superslab::SlabIndex(address);
  return PutClass(line.Text(" ("), ClassOf(superslab::Descriptor(index)))
      .Text(")");
}

}  // namespace

void ReportDamagedLink(const void* block) { ReportDamagedFreeBlock(block); }

void ReportUnsound(void* pointer, const char* what) {
  const uintptr_t address = AddressOf(static_cast<char*>(pointer));
  const size_t index = superslab::SlabIndex(address);
  const SlabDescriptor* slab = superslab::Descriptor(index);
  if (!IsBlockStart(slab, address) || LoadHeader(pointer) != slab->token) {
    ReportBadPointer(pointer, what);
  }
  Line line;
  line.Text("hakmem: damaged header before ");
  line.Hex(address + StrideBytes(slab));
  PutClassOf(line, pointer).Text(": the block before it, at ");
  line.Pointer(pointer).Text(", was written past its end");
  platform::Die(line);
}

void ReportOverflow(void* block) {
  Line line;
  line.Text("hakmem: overflow of ").Pointer(block);
  PutClassOf(line, block).Text(": written past the bytes that were asked for");
  platform::Die(line);
}

void ReportWriteAfterFree(const void* block) {
  Line line;
  line.Text("hakmem: write after free of ").Pointer(block);
  platform::Die(PutClassOf(line, block));
}

}  // namespace hakmem::tiny
