// Box:   wrap.   Uses: tiny, large, platform.   Nothing is above.
// Holds: the rules of C and POSIX, and the verdict on every pointer.
// Locks: none.   Read next: alloc/wrap/entry_points.cc

#include "alloc/wrap/memory.h"

#include <stdint.h>
#include <string.h>

#include "alloc/base/pointers.h"
#include "alloc/base/sampling.h"
#include "alloc/large/large.h"
#include "alloc/large/span_cache.h"
#include "alloc/superslab/window.h"
#include "alloc/tiny/armour.h"
#include "alloc/tiny/small.h"
#include "alloc/tiny/zero_size.h"
#include "alloc/wrap/domain.h"
#include "alloc/wrap/relief.h"
#include "platform/die.h"
#include "platform/libc_kind.h"

namespace hakmem::wrap {

namespace {

using large::Ownership;
using tiny::kMaxSmall;

// Is it always one? What is larger than a small block, and what would waste an
// eighth of a slab but fills two units.
constexpr bool IsSpanSize(size_t bytes) {
  if (bytes > kMaxSmall) return true;
  return bytes >= kLeastSpan && bytes <= 2 * large::kUnitBytes;
}

// Is this, of a slab whose map byte is `kind`, a live block? Exact where blocks
// are armoured; the others look at the header only.
void CheckSmall(void* pointer, int8_t kind, const char* what) {
  if constexpr (kVariant.armour) {
    const size_t index =
        superslab::SlabIndex(AddressOf(static_cast<char*>(pointer)));
    if (!tiny::IsSound(pointer, superslab::Descriptor(index), kind)) {
      tiny::ReportUnsound(pointer, what);
    }
  } else if (HAK_UNLIKELY(tiny::LoadHeader(pointer) != kind)) {
    tiny::ReportBadPointer(pointer, what);
  }
}

// What a pointer is, `small` if negative kind. Ends the process, saying what
// was to be done with it, if it is ours but not a live block.
struct Verdict {
  bool small;
  unsigned size_class;
  Ownership ownership;
  bool zero_size = false;
};
Verdict Judge(void* pointer, const char* what) {
  const int8_t kind = superslab::KindOf(AddressOf(static_cast<char*>(pointer)));
  if (kind < 0) {
    CheckSmall(pointer, kind, what);
    return {true, tiny::ClassOfLive(kind), Ownership::kForeign};
  }
  if constexpr (kVariant.guards) {
    if (tiny::IsZeroSize(pointer, what)) {
      return {false, 0, Ownership::kForeign, true};
    }
  }
  const Ownership ownership = large::Find(pointer, what);
  if (ownership == Ownership::kForeign && kind == superslab::kReleased) {
    large::ReportFreed(pointer, what, "its memory was released");
  }
  return {false, 0, ownership};
}

[[noreturn]] HAK_COLD void ReportForeign(void* pointer, const char* what) {
  platform::Line line;
  platform::Die(line.Misuse(what, pointer, false).Text("not from this heap)"));
}

size_t UsableOf(void* pointer, const Verdict& verdict) {
  if constexpr (kVariant.guards) {
    if (verdict.zero_size) return 0;
  }
  if constexpr (kVariant.armour) {
    if (verdict.small) return tiny::AskedBytes(pointer, verdict.size_class);
  }
  return verdict.small ? tiny::UsableBytes(verdict.size_class)
                       : large::UsableSize(pointer, verdict.ownership);
}

// Not inline: here size counts, and a call does not.
HAK_NOINLINE void FreeCall(void* pointer) { Free(pointer); }

// A block that is not small, not in hardened.
HAK_NOINLINE large::Block AllocateSpan(size_t bytes) {
  if (bytes <= large::kMaxCachedBytes) {
    void* block = AllocateCached(bytes, large::kMaxColor);
    if (block != nullptr) return {block, false};
  }
  return large::Allocate(bytes, tiny::kUnit);
}

// Can so many bytes have been asked of a block that has `usable`, of which half
// may be given up where it is? Exact where it knows.
bool FitsSize(void* pointer, size_t bytes, const Verdict& verdict,
              size_t usable) {
  if constexpr (kVariant.armour) return bytes == usable;
  if (bytes > usable) return false;
  if (!verdict.small) return true;
  const unsigned c = verdict.size_class;
  // Aligned ones may be of a larger class than their size asks for.
  if (c == 0 || bytes >= tiny::UsableBytes(c - 1) / 2) return true;
  if (tiny::IsAligned(pointer)) return true;
  if constexpr (kVariant.narrow_classes) return false;
  // By no more than the alignment; once memory has run out by any number.
  const uintptr_t address = AddressOf(static_cast<char*>(pointer));
  return bytes + (address & (0 - address)) > usable || tiny::TookLarger();
}

// Can the block stay where it is? A small one does if at most half of it would
// be idle, or no class is shorter.
bool StaysInPlace(void* pointer, size_t bytes, const Verdict& verdict) {
  if (verdict.zero_size) return false;
  // Small armoured blocks have their code within; none are of the least class.
  const size_t code = kVariant.armour ? tiny::kCodeBytes : 0;
  constexpr unsigned kLeastClass = kVariant.armour ? 1 : 0;
  if (!verdict.small) {
    return bytes + code >= kLeastSpan &&
           large::Resize(pointer, verdict.ownership, bytes);
  }
  const unsigned c = verdict.size_class;
  const size_t usable = tiny::UsableBytes(c);
  const size_t idle = usable - tiny::UsableBytes(kLeastClass);
  if (bytes + code > usable || bytes <= idle / 2) return false;
  if constexpr (kVariant.armour) {
    tiny::Rearm(pointer, c, tiny::AskedBytes(pointer, c), bytes);
  }
  return true;
}

HAK_NOINLINE void* MallocUncached(size_t bytes) {
  if constexpr (kVariant.lone_blocks) {
    if (bytes == 0) {
      if (void* block = large::AllocateLone(0)) return block;
    }
  }
  if (bytes > kMaxBytes) return OutOfMemory();
  unsigned tries = 0;
  do {
    void* block = nullptr;
    if (!IsSpanSize(bytes)) {
      if constexpr (kVariant.armour) {
        tiny::InspectQuarantine(tiny::ClassFor(bytes));
      }
      block = tiny::MallocSlow(bytes);
    }
    // A few units may be free where no slab is.
    if (block == nullptr && bytes >= kLeastSpan) {
      // Small blocks have their code within; large ones elsewhere.
      const size_t code = kVariant.armour ? tiny::kCodeBytes : 0;
      block = large::Allocate(bytes - code, tiny::kUnit).pointer;
    }
    if (HAK_LIKELY(block != nullptr)) return Sampled(block, bytes);
  } while (Relieve(bytes, tries++));
  return OutOfMemory();
}

HAK_NOINLINE void FreeUncached(void* pointer) {
  if (pointer == nullptr) return;
  const Verdict verdict = Judge(pointer, "free");
  if (verdict.small) {
    // Its slab became known to this thread only now.
    return FreeCall(pointer);
  }
  if constexpr (kVariant.guards) {
    if (verdict.zero_size) return tiny::FreeZeroSize(pointer);
  }
  if (HAK_LIKELY(verdict.ownership != Ownership::kForeign)) {
    return large::Free(pointer, verdict.ownership);
  }
  if constexpr (kRoutesForeign) {
    Domain<true>::Free(pointer);
  } else {
    ReportForeign(pointer, "free");
  }
}

}  // namespace

void* MallocCall(size_t bytes) { return Malloc(bytes); }
void* AllocateCached(size_t bytes, unsigned most_color) {
  return large::AllocateCached(bytes, most_color);
}

void* Slow::Malloc(size_t bytes) {
  if (!kVariant.armour && bytes <= large::kMaxCachedBytes &&
      IsSpanSize(bytes)) {
    void* block = large::AllocateCached(bytes, large::kMaxColor);
    if (HAK_LIKELY(block != nullptr)) return Sampled(block, bytes);
  }
  return MallocUncached(bytes);
}

void Slow::Free(void* pointer) {
  if (!kVariant.armour && HAK_LIKELY(large::FreeCached(pointer))) return;
  return FreeUncached(pointer);
}

void Slow::FreeSized(void* pointer, size_t bytes) {
  if (pointer == nullptr) return;
  const Verdict verdict = Judge(pointer, "free");
  const bool foreign = !verdict.small && !verdict.zero_size &&
                       verdict.ownership == Ownership::kForeign;
  if (!foreign) {  // of one free finds out
    const size_t usable = UsableOf(pointer, verdict);
    if (HAK_UNLIKELY(!FitsSize(pointer, bytes, verdict, usable))) {
      platform::Line line;
      line.Text("hakmem: size mismatch at ").Pointer(pointer);
      line.Text(": freed as ").Number(bytes).Text(" bytes, holds ");
      platform::Die(line.Number(usable));
    }
  }
  FreeCall(pointer);
}

void* Calloc(size_t count, size_t size) {
  platform::KeepFrame();
  size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes) || bytes > kMaxBytes) {
    return OutOfMemory();
  }
  // Armoured blocks are zero when they are handed out.
  if constexpr (kVariant.armour) return MallocCall(bytes);
  if (bytes >= kLeastSpan) {
    const large::Block block = AllocateSpan(bytes);
    if (HAK_LIKELY(block.pointer != nullptr)) {
      if (!block.zeroed) memset(block.pointer, 0, bytes);
      return Sampled(block.pointer, bytes);
    }
  }
  // If there is no memory it knows what else can be done.
  void* block = MallocCall(bytes);
  return block == nullptr ? nullptr : memset(block, 0, bytes);
}

// How many bytes to ask for where a block has to move to grow. One that grows
// by little will go on, and finds free what it does not need of an eighth more
// (the next realloc gives it back), so that it moves less often. One that
// shrinks does not go on: the difference wraps round.
size_t WithHeadroom(size_t bytes, size_t before) {
  const bool goes_on = bytes - before < before / 4;
  return goes_on ? bytes + bytes / 8 : bytes;
}

void* Realloc(void* pointer, size_t bytes) {
  platform::KeepFrame();
  Verdict verdict{};
  if (HAK_LIKELY(pointer != nullptr)) {
    verdict = Judge(pointer, "realloc");
    const bool ours = verdict.small || verdict.zero_size ||
                      verdict.ownership != Ownership::kForeign;
    if (!ours) {
      if constexpr (kRoutesForeign) {
        return Domain<true>::Realloc(pointer, bytes);
      } else {
        ReportForeign(pointer, "realloc");
      }
    }
    if (bytes == 0 && platform::kGlibc) {
      FreeUncached(pointer);
      return nullptr;
    }
    if (bytes > kMaxBytes) return OutOfMemory();
    if (StaysInPlace(pointer, bytes, verdict)) return pointer;
  }
  if (pointer == nullptr) return MallocCall(bytes);
  const size_t usable = UsableOf(pointer, verdict);
  void* block = nullptr;
  if (!kVariant.armour && bytes >= kLeastSpan) {
    block = AllocateSpan(WithHeadroom(bytes, usable)).pointer;
  }
  block = block != nullptr ? Sampled(block, bytes) : MallocCall(bytes);
  if (block == nullptr) return nullptr;
  memcpy(block, pointer, bytes < usable ? bytes : usable);
  FreeCall(pointer);
  return block;
}

size_t UsableSize(void* pointer) {
  if (pointer == nullptr) return 0;
  const Verdict verdict = Judge(pointer, "malloc_usable_size");
  if (verdict.small || verdict.zero_size ||
      verdict.ownership != Ownership::kForeign) {
    return UsableOf(pointer, verdict);
  }
  if constexpr (kRoutesForeign) {
    return __real_malloc_usable_size(pointer);
  } else {
    ReportForeign(pointer, "malloc_usable_size");
  }
}

void FreeSized(void* pointer, size_t bytes) {
  if constexpr (kVariant.armour) return Slow::FreeSized(pointer, bytes);
  tiny::FreeSizedFast<Slow>(pointer, bytes);
}

}  // namespace hakmem::wrap
