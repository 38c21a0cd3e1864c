// Box:   wrap.   Uses: tiny.   Must not know: nothing is above.
// Holds: the way of a block through the hardened variant; see tiny/armour.h.
// Locks: none.   Read next: alloc/wrap/entry_points.cc

#include "alloc/wrap/armoured.h"

#include <stdint.h>

#include "alloc/base/variant.h"
#include "alloc/tiny/armour.h"
#include "alloc/tiny/zero_size.h"
#include "alloc/wrap/memory.h"

namespace hakmem::wrap {
namespace {

// Where FreeArmoured leaves to.
struct Unarmoured : Slow {
  HAK_COLD static void FreeUnsound(void* pointer) {
    tiny::ReportUnsound(pointer, "free");
  }
};

HAK_COLD void* MallocOther(size_t bytes) {
  if (bytes > PTRDIFF_MAX) return Slow::Malloc(bytes);
  if (bytes > 0) return Slow::Malloc(bytes + tiny::kCodeBytes);
  if (void* block = tiny::AllocateZeroSize()) return block;
  return tiny::MallocArmoured<Slow>(0);
}

}  // namespace

void* ArmouredMalloc(size_t bytes) {
  if constexpr (kVariant.armour) {
    if (HAK_UNLIKELY(bytes - 1 >= tiny::kMaxArmoured)) {
      return MallocOther(bytes);
    }
    return tiny::MallocArmoured<Slow>(bytes);
  }
  return nullptr;
}

void ArmouredFree(void* pointer) {
  if constexpr (kVariant.armour) tiny::FreeArmoured<Unarmoured>(pointer);
}

}  // namespace hakmem::wrap
