// Box:   superslab.   Uses: base.   Must not know: size classes, threads.
// Holds: the shape of the heap: window, SuperSlabs, slabs.
// Locks: none.   Read next: alloc/superslab/window.h

#ifndef HAKMEM_ALLOC_SUPERSLAB_GEOMETRY_H_
#define HAKMEM_ALLOC_SUPERSLAB_GEOMETRY_H_

#include <cstddef>
#include <cstdint>

namespace hakmem::superslab {

// A slab holds blocks of one class. 64 KiB is the largest page of an aarch64
// kernel, so a slab is a whole number of pages everywhere.
inline constexpr unsigned kSlabShift = 16;
inline constexpr size_t kSlabBytes = size_t{1} << kSlabShift;

// A SuperSlab is what is mapped and unmapped.
inline constexpr unsigned kSuperShift = 20;
inline constexpr size_t kSuperBytes = size_t{1} << kSuperShift;
inline constexpr unsigned kSlabsPerSuper = kSuperBytes / kSlabBytes;

// The window is the address range that the slab map describes. It is claimed
// SuperSlab by SuperSlab, never reserved.
inline constexpr unsigned kWindowShift = 36;
inline constexpr size_t kWindowBytes = size_t{1} << kWindowShift;
inline constexpr size_t kWindowSupers = kWindowBytes / kSuperBytes;
inline constexpr size_t kWindowSlabs = kWindowBytes / kSlabBytes;

// What the slab map says of a slab. Negative as int8_t: a Tiny or Pool slab,
// the byte is the header byte of its live blocks (0xA0 + class).
// The sign is the whole test of the fast path.
enum SlabKind : int8_t {
  kNeverOurs = 0,
  kReleased = 1,  // was ours once: a pointer into it is stale, not foreign
  kLarge = 2,     // spans, described by their SpanTags
  kAbsent = 3,    // the end of a SuperSlab that there was no memory for
};

}  // namespace hakmem::superslab

#endif  // HAKMEM_ALLOC_SUPERSLAB_GEOMETRY_H_
